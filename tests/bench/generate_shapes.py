#!/usr/bin/env python3
"""Tokens a second of generation against transformers and CTranslate2, on models of random weights in the shapes of GPT-2, T5-small and
Marian (opus-mt): the same prompts, greedy, as many tokens for everybody, in turns.

usage: generate_shapes.py make OUT            the checkpoints, and CTranslate2's forms of them (by its converter, float32)
       generate_shapes.py run PROGRAM OUT [--texts N ...] [--tokens N] [--threads N] [--rounds N] [--only SHAPE] [--dtypes TYPE ...]

Words are "w0 w1 ..." so that every engine sees the same ids. Loading is in nobody's time. Prints medians of the rounds, and ratios.
Needs torch, transformers and ctranslate2.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

SHAPES = ("gpt2", "t5", "marian")
WORDS = 32000


def tokenizer(vocabulary, pad, eos):
    import tokenizers as tk
    import transformers as tf
    names = {i: f"w{i}" for i in range(vocabulary)} | {pad: "<pad>", eos: "</s>"}
    tok = tk.Tokenizer(tk.models.WordLevel({name: i for i, name in names.items()}, unk_token="<pad>"))
    tok.pre_tokenizer = tk.pre_tokenizers.WhitespaceSplit()
    return tf.PreTrainedTokenizerFast(tokenizer_object=tok, pad_token="<pad>", bos_token="</s>", eos_token="</s>", unk_token="<pad>")


def model_of(shape):
    import transformers as tf
    if shape == "gpt2":
        return tf.GPT2LMHeadModel(tf.GPT2Config(bos_token_id=0, eos_token_id=1, pad_token_id=0)), 50257, 0, 1
    if shape == "t5":
        return tf.T5ForConditionalGeneration(tf.T5Config(vocab_size=32128, decoder_start_token_id=0)), 32128, 0, 1
    config = tf.MarianConfig(vocab_size=58101, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
                             decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, max_position_embeddings=512,
                             activation_function="swish", scale_embedding=True, pad_token_id=58100, eos_token_id=0,
                             decoder_start_token_id=58100, forced_eos_token_id=None)
    return tf.MarianMTModel(config), 58101, 58100, 0


def make(out):
    import ctranslate2 as ct
    import torch
    for shape in SHAPES:
        torch.manual_seed(1)
        model, vocabulary, pad, eos = model_of(shape)
        model.eval().save_pretrained(out / shape)
        tokenizer(vocabulary, pad, eos).save_pretrained(out / shape)
        ct.converters.TransformersConverter(str(out / shape)).convert(str(out / f"{shape}-ct2"), force=True)


def prompts_of(shape, n):
    rng = random.Random(7)
    eos = ["</s>"] if shape != "gpt2" else []
    return [[f"w{rng.randrange(5, WORDS)}" for _ in range(24 + i % 9)] + eos for i in range(n)]


def ours(a, shape, prompts, dtype, folder):
    source, out, summary = (folder / name for name in ("rows.jsonl", "out.jsonl", "summary.json"))
    source.write_text("".join(json.dumps({"text": " ".join(p)}) + "\n" for p in prompts), encoding="utf-8")
    subprocess.run([a.program, "generate", "-m", a.out / shape, "-i", source, "-o", out, "--restart", "-q", "--return-tokens",
                    "--min-new-tokens", str(a.tokens), "--max-new-tokens", str(a.tokens), "--threads", str(a.threads), "--dtype", dtype,
                    "--summary-json", summary], check=True)
    ids = [json.loads(line)["token_ids"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert all(len(i) == a.tokens for i in ids), [len(i) for i in ids]
    return len(ids) * a.tokens / json.loads(summary.read_text())["seconds"]["run"]


def with_ctranslate2(a, shape, dtype):
    import ctranslate2 as ct
    kind = ct.Generator if shape == "gpt2" else ct.Translator
    try:
        engine = kind(str(a.out / f"{shape}-ct2"), device="cpu", compute_type=dtype, inter_threads=1, intra_threads=a.threads)
    except ValueError:  # this machine's build has no such type
        return None

    def run(prompts):
        begin = time.perf_counter()
        if shape == "gpt2":
            found = engine.generate_batch(prompts, max_length=a.tokens, min_length=a.tokens, sampling_topk=1, include_prompt_in_result=False)
            said = sum(len(r.sequences_ids[0]) for r in found)
        else:
            found = engine.translate_batch(prompts, beam_size=1, max_decoding_length=a.tokens, min_decoding_length=a.tokens)
            said = sum(len(r.hypotheses[0]) for r in found)
        took = time.perf_counter() - begin
        assert said == len(prompts) * a.tokens, (said, len(prompts), a.tokens)
        return said / took
    return run


def with_transformers(a, shape, dtype):
    import torch
    import transformers as tf
    if dtype == "int8":
        return None
    tf.logging.set_verbosity_error()
    torch.set_num_threads(a.threads)
    kind = tf.AutoModelForCausalLM if shape == "gpt2" else tf.AutoModelForSeq2SeqLM
    model = kind.from_pretrained(a.out / shape, dtype=getattr(torch, dtype)).eval()
    tok = tf.AutoTokenizer.from_pretrained(a.out / shape, padding_side="left" if shape == "gpt2" else "right")

    def run(prompts):
        enc = tok([" ".join(p) for p in prompts], return_tensors="pt", padding=True, return_token_type_ids=False)
        begin = time.perf_counter()
        model.generate(**enc, do_sample=False, num_beams=1, min_new_tokens=a.tokens, max_new_tokens=a.tokens)
        return len(prompts) * a.tokens / (time.perf_counter() - begin)
    return run


def run(a):
    print("| shape | texts | dtype | tfm-cluster | transformers | CTranslate2 |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for shape in a.only or SHAPES:
            for dtype in a.dtypes:
                rivals = [with_transformers(a, shape, dtype), with_ctranslate2(a, shape, dtype)]
                for n in a.texts:
                    prompts = prompts_of(shape, n)
                    rounds = [(ours(a, shape, prompts, dtype, pathlib.Path(folder)), *(r(prompts) if r else 0 for r in rivals))
                              for _ in range(a.rounds)]
                    own, *others = (statistics.median(column) for column in zip(*rounds))
                    cells = [f"{other:.0f} ({own / other:.2f})" if other else "-" for other in others]
                    print(f"| {shape} | {n} | {dtype} | {own:.0f} | {' | '.join(cells)} |", flush=True)


def main():
    p = argparse.ArgumentParser()
    what = p.add_subparsers(dest="what", required=True)
    what.add_parser("make").add_argument("out", type=pathlib.Path)
    r = what.add_parser("run")
    r.add_argument("program"), r.add_argument("out", type=pathlib.Path)
    r.add_argument("--texts", type=int, nargs="+", default=[16, 1])
    r.add_argument("--tokens", type=int, default=48)
    r.add_argument("--threads", type=int, default=1)
    r.add_argument("--rounds", type=int, default=3)
    r.add_argument("--only", nargs="*", choices=SHAPES)
    r.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16", "int8"])
    a = p.parse_args()
    make(a.out) if a.what == "make" else run(a)


if __name__ == "__main__":
    main()
