#!/usr/bin/env python3
"""Compares generation and log-probabilities with the reference: random models of the families that grow texts, in one process and under mpirun.

usage: differ_growth.py PROGRAM [--np N ...] [--rows N] [--seed N] [--score FOLDER ...]

Decoders (GPT-NeoX, Gemma, Gemma 2) and encoder-decoders (M2M100, mBART-50 with its tokenizer's language codes, Pegasus, mT5) that no check
elsewhere runs on ranks: greedy ids for 32 tokens, with an encoder also 4 beams, and of decoders the log-probability of each token of
given texts within 1e-4. --score: checkpoint folders of decoders whose log-probabilities are compared as well. Rows where the reference's own margin
is below 1e-3 may differ. Needs torch and transformers (written for 5.23). Prints a line for each model, exit 1 if any differs.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import transformers as tf

from make_family_goldens import randomize

WORDS, NEAR = 90, 1e-3
SIDES = dict(d_model=24, encoder_layers=2, decoder_layers=3, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=36, decoder_ffn_dim=28, max_position_embeddings=128,
             pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2, scale_embedding=True)
STACK = dict(vocab_size=WORDS, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=36, max_position_embeddings=128, bos_token_id=0, eos_token_id=2, pad_token_id=1)
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
GROUPED = {**STACK, "num_key_value_heads": 2, "head_dim": 10}
DECODERS = {
    "gpt_neox": ("GPTNeoX", {**STACK, "num_attention_heads": 2, "rope_parameters": ROPE}),
    "gpt_neox-serial": ("GPTNeoX", {**STACK, "num_attention_heads": 2, "rope_parameters": ROPE, "use_parallel_residual": False, "tie_word_embeddings": True}),
    "gemma": ("Gemma", {**GROUPED, "num_key_value_heads": 1}),
    "gemma2": ("Gemma2", {**GROUPED, "sliding_window": 8, "query_pre_attn_scalar": 7, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 30.0}),
}
T5 = dict(d_model=24, d_kv=10, d_ff=36, num_layers=2, num_decoder_layers=2, num_heads=3, relative_attention_num_buckets=8, relative_attention_max_distance=20, decoder_start_token_id=0,
          pad_token_id=1, eos_token_id=2, tie_word_embeddings=False, feed_forward_proj="gated-gelu")
TRANSLATORS = {
    "m2m_100": ("M2M100", {**SIDES, "activation_function": "relu"}, ["--tgt-lang", "__fr__"]),
    "mbart50": ("MBart", SIDES, ["--src-lang", "de_DE", "--tgt-lang", "fr_XX"]),
    "pegasus": ("Pegasus", {**SIDES, "activation_function": "relu"}, []),
    "mt5": ("MT5", T5, []),
}


def plain_tokenizer(languages, before, after):
    """A word an id, behind the specials."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    specials = ["<s>", "<pad>", "</s>", "<unk>", *languages]
    tok = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*specials, *(f"w{i}" for i in range(len(specials), WORDS))])}, unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tok.add_special_tokens([AddedToken(w, special=True) for w in specials])
    used = [(w, tok.token_to_id(w)) for w in (*before, *after)]
    tok.post_processor = processors.TemplateProcessing(single=" ".join([*before, "$A", *after]), special_tokens=used)
    return tf.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=120)


def tokenizer_of(name):
    if name == "mbart50":
        pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -6.0)]
        pieces += [(f"▁w{i}", -2.0 - i / 100) for i in range(5, WORDS)]
        from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as codes
        tok = tf.MBart50Tokenizer(vocab=[*pieces, *((code, 0.0) for code in codes), ("<mask>", 0.0)], src_lang="en_XX", tgt_lang="fr_XX")
        tok.model_max_length = 120
        return tok
    if name == "m2m_100":
        return plain_tokenizer(["__en__", "__fr__"], ["__en__"], ["</s>"])
    return plain_tokenizer([], [], ["</s>"] if name in TRANSLATORS else [])


def make(folder, name, seed):
    torch.manual_seed(seed)
    kind, config = (TRANSLATORS if name in TRANSLATORS else DECODERS)[name][:2]
    tok = tokenizer_of(name)
    model_class = getattr(tf, kind + ("ForConditionalGeneration" if name in TRANSLATORS else "ForCausalLM"))
    model = model_class(model_class.config_class(**{**config, "vocab_size": len(tok)}, attn_implementation="eager")).eval()
    randomize(model, torch.Generator().manual_seed(seed))
    for m in model.modules():  # places that are computed
        if "Sinusoidal" in type(m).__name__ and hasattr(m, "create_weight"):
            m.weight.data = m.create_weight()
    model.save_pretrained(folder)
    tok.save_pretrained(folder)


class Reference:
    def __init__(self, folder, name):
        kind = tf.AutoModelForSeq2SeqLM if name in TRANSLATORS else tf.AutoModelForCausalLM
        self.model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tok = tf.AutoTokenizer.from_pretrained(folder)
        self.more = {}
        if name == "mbart50":
            self.tok.src_lang = "de_DE"
        if name in ("mbart50", "m2m_100"):
            self.more = {"forced_bos_token_id": self.tok.convert_tokens_to_ids(TRANSLATORS[name][2][-1])}

    def ids(self, text):
        return self.tok(text, return_tensors="pt", truncation=True)["input_ids"]

    def grown(self, text, beams):
        """(ids that are new, whether the reference itself is nearly undecided)."""
        ids = self.ids(text)
        out = self.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=beams, num_return_sequences=min(beams, 2), max_new_tokens=32,
                                  output_scores=True, return_dict_in_generate=True, **self.more)
        new = out.sequences[0].tolist()[1 if self.model.config.is_encoder_decoder else ids.shape[1]:]
        end = self.model.generation_config.eos_token_id
        new = new[:new.index(end) + 1] if end in new else new
        if beams > 1:
            return new, float(out.sequences_scores[0] - out.sequences_scores[1]) < NEAR
        return new, min(float(v[0] - v[1]) for v in (s[0].topk(2).values for s in out.scores)) < NEAR

    def log_probs(self, text):
        ids = self.ids(text)
        return torch.log_softmax(self.model(ids).logits[0, :-1].double(), -1).gather(1, ids[0, 1:, None])[:, 0].tolist()


def run(a, np, verb, folder, texts, *options):
    with tempfile.TemporaryDirectory() as tmp:
        src, out = pathlib.Path(tmp) / "rows.jsonl", pathlib.Path(tmp) / "out.jsonl"
        src.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
        launcher = ["mpirun", "--oversubscribe", "-np", str(np)] if np else []
        subprocess.run([*launcher, a.program, verb, "-m", folder, "-i", src, "-o", out, "-q", "--return-tokens", *map(str, options)], check=True)
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def tail(ids, n):
    return ids[len(ids) - n:] if n else []


def compare_grown(a, folder, name, texts, reference):
    """Rows that differ, and how many were nearly undecided."""
    bad = near = 0
    encodes = name in TRANSLATORS
    for beams in (1, 4) if encodes else (1,):
        want = [reference.grown(t, beams) for t in texts]
        for np in a.np:
            verb, more = ("translate", TRANSLATORS[name][2]) if encodes else ("generate", [])
            got = run(a, np, verb, folder, texts, "--max-new-tokens", 32, "--num-beams", beams, *more)
            for row, (ids, undecided) in zip(got, want, strict=True):
                near += undecided
                bad += not undecided and tail(row["token_ids"], len(ids)) != ids
    return bad, near


def compare_scores(a, folder, texts, reference):
    """Rows that differ, and the worst difference."""
    bad, worst = 0, 0.0
    want = [reference.log_probs(t) for t in texts]
    for np in a.np:
        for row, w in zip(run(a, np, "score", folder, texts), want, strict=True):
            if not w:
                bad += "error" not in row
                continue
            difference = max(abs(x - y) for x, y in zip(row["token_log_probs"][1:], w, strict=True))
            worst = max(worst, difference)
            bad += not difference <= 1e-4
    return bad, worst


def check(a, name, folder, texts, grows):
    reference = Reference(folder, name)
    bad, near = compare_grown(a, folder, name, texts, reference) if grows else (0, 0)
    worst = None
    if name not in TRANSLATORS:
        more, worst = compare_scores(a, folder, texts, reference)
        bad += more
    said = "" if worst is None else f", log-probabilities within {worst:.1e}"
    print(f"{'PASS' if bad == 0 else 'FAIL'}  {name:22s} rows {len(texts)}, np {a.np}: {bad} differ, {near} nearly undecided{said}", flush=True)
    return bad == 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--np", type=int, nargs="+", default=[0, 3, 8], help="0: no mpirun")
    p.add_argument("--rows", type=int, default=16)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--score", nargs="*", default=[])
    a = p.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    r = random.Random(a.seed)
    texts = [" ".join(f"w{r.randrange(6, WORDS)}" for _ in range(1 + (7 * i) % 40)) for i in range(a.rows)]
    passed = []
    with tempfile.TemporaryDirectory() as tmp:
        for name in (*DECODERS, *TRANSLATORS):
            make(pathlib.Path(tmp) / name, name, a.seed)
            passed.append(check(a, name, pathlib.Path(tmp) / name, texts, True))
    for folder in a.score:
        passed.append(check(a, pathlib.Path(folder).name, folder, texts, False))
    print(f"{sum(passed)} of {len(passed)} models pass")
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
