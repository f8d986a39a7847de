#!/usr/bin/env python3
"""Trains three small translators with the reference library, and holds the program's translations against the reference's.

usage: train_translators.py train OUT [NAME ...]      a minute each on one core: t5, marian, mbart, nllb
       train_translators.py measure PROGRAM OUT       their quality by both, and how many rows are equal
Needs torch, transformers and tokenizers (made with transformers 5.23, torch 2.13). A made language of 44 words: adjectives change places with their noun, the
time comes first, words have other words. Each folder of OUT is a checkpoint as save_pretrained writes it (weights F16, computed with in float32) with rows.jsonl
(texts kept aside from the training, with the right answer) and expected.jsonl (what the reference says: greedy and with 4 beams). These folders
are tests/fixtures/translate. t5 has its prefix in task_specific_params; mbart and nllb two target languages; nllb's tokenizer.json has the language behind the
text, as published files do, where its class has it before the text.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

NOUNS = {"cat": "chat", "dog": "chien", "bird": "oiseau", "river": "fleuve", "boat": "bateau", "tree": "arbre", "king": "roi", "bread": "pain"}
ADJECTIVES = {"red": "rouge", "big": "grand", "old": "vieux", "small": "petit"}
VERBS = {"sees": "voit", "likes": "aime", "finds": "trouve", "has": "a"}
TIMES = {"today": "aujourd'hui", "often": "souvent", "here": "ici"}
ARTICLES = {"the": "le", "one": "un"}
WORDS = {**NOUNS, **ADJECTIVES, **VERBS, **TIMES, **ARTICLES, "and": "et"}
MARKS = ["translate", "English", "to", "French:"]
LANGUAGES = {"mbart": ["en_XX", "fr_XX", "de_XX"], "nllb": ["eng_Latn", "fra_Latn", "deu_Latn"]}
SPECIALS = ["<pad>", "</s>", "<unk>"]
KEPT, MOST = 100, 24


def noun_phrase(r):
    article, noun = r.choice(list(ARTICLES)), r.choice(list(NOUNS))
    adjective = r.choice(list(ADJECTIVES)) if r.random() < 0.6 else None
    en = [article, *([adjective] if adjective else []), noun]
    fr = [ARTICLES[article], NOUNS[noun], *([ADJECTIVES[adjective]] if adjective else [])]
    return en, fr


def sentence(r):
    (a, x), (b, y) = noun_phrase(r), noun_phrase(r)
    if r.random() < 0.3:
        c, z = noun_phrase(r)
        b, y = b + ["and"] + c, y + ["et"] + z
    verb = r.choice(list(VERBS))
    time = r.choice(list(TIMES)) if r.random() < 0.5 else None
    return a + [verb] + b + ([time] if time else []), ([TIMES[time]] if time else []) + x + [VERBS[verb]] + y


def german(fr):
    """The same words backwards: another language with the same dictionary."""
    return fr[::-1]


def tokenizer(name):
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast
    words = SPECIALS + sorted({*WORDS, *WORDS.values(), *(MARKS if name == "t5" else [])}) + LANGUAGES.get(name, [])
    tok = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tok.add_special_tokens([AddedToken(w, special=True) for w in SPECIALS + LANGUAGES.get(name, [])])
    single = " ".join(["$A </s>", *LANGUAGES.get(name, [])[:1]])
    used = [w for w in ["</s>", *LANGUAGES.get(name, [])[:1]] if w in single]
    tok.post_processor = processors.TemplateProcessing(single=single, special_tokens=[(w, tok.token_to_id(w)) for w in used])
    return PreTrainedTokenizerFast(tokenizer_object=tok, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=48, clean_up_tokenization_spaces=False)


def model_of(name, tok):
    import transformers as tf
    ends = dict(vocab_size=len(tok), pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
    if name == "t5":
        config = tf.T5Config(**ends, d_model=32, d_kv=8, num_heads=4, d_ff=64, num_layers=2, num_decoder_layers=2, feed_forward_proj="gated-gelu", relative_attention_max_distance=32,
                             dropout_rate=0.0, task_specific_params={"translation_en_to_fr": {"prefix": "translate English to French: "}})
        return tf.T5ForConditionalGeneration(config)
    sizes = dict(d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=48,
                 dropout=0.0, scale_embedding=True, forced_eos_token_id=1, bos_token_id=None)
    if name == "marian":
        model = tf.MarianMTModel(tf.MarianConfig(**ends, **sizes, activation_function="swish", init_std=0.1))
        model.generation_config.bad_words_ids = [[0]]
    elif name == "nllb":
        model = tf.M2M100ForConditionalGeneration(tf.M2M100Config(**{**ends, "decoder_start_token_id": 1}, **sizes, activation_function="relu", init_std=0.1, encoder_layerdrop=0.0, decoder_layerdrop=0.0))
    else:
        model = tf.MBartForConditionalGeneration(tf.MBartConfig(**{**ends, "decoder_start_token_id": 1}, **sizes, init_std=0.1))
        model.generation_config.forced_bos_token_id = tok.convert_tokens_to_ids("fr_XX")
    model.generation_config.forced_eos_token_id = 1
    return model


def encode(name, tok, pairs):
    """Source ids, and what the decoder is to say, by sentence."""
    prefix = "translate English to French: " if name == "t5" else ""
    sources = [tok(prefix + " ".join(en))["input_ids"] for en, _, _ in pairs]
    if name == "nllb":
        sources = [ids[-1:] + ids[:-1] for ids in sources]
    answers = [([tok.convert_tokens_to_ids(language)] if name in LANGUAGES else []) + tok.convert_tokens_to_ids(other) + [1] for _, other, language in pairs]
    return sources, answers


def draw(name, r):
    en, fr = sentence(r)
    language = r.choice(LANGUAGES[name][1:]) if name in LANGUAGES else "fr_XX"
    return en, fr if language.startswith("fr") else german(fr), language


def train(out, name):
    import torch
    torch.manual_seed(5)
    torch.set_num_threads(1)
    r = random.Random(11)
    tok = tokenizer(name)
    model = model_of(name, tok).train()
    kept = []
    while len(kept) < KEPT:
        pair = draw(name, r)
        kept += [pair] if pair[0] not in [k[0] for k in kept] else []
    aside = {" ".join(k[0]) for k in kept}
    steps, size, best = 900, 48, 4e-3
    optimizer = torch.optim.AdamW(model.parameters(), lr=best, weight_decay=0.01)
    for step in range(steps):
        batch = []
        while len(batch) < size:
            pair = draw(name, r)
            batch += [pair] if " ".join(pair[0]) not in aside else []
        sources, answers = encode(name, tok, batch)
        pad = lambda rows, fill: torch.tensor([row + [fill] * (max(map(len, rows)) - len(row)) for row in rows])
        ids, labels = pad(sources, 0), pad(answers, -100)
        start = 1 if name in LANGUAGES else 0
        shifted = torch.cat([torch.full((size, 1), start), labels[:, :-1].clamp(min=0)], dim=1)
        for group in optimizer.param_groups:
            group["lr"] = best * min(1.0, (step + 1) / 60, 3 * (steps - step) / steps)
        loss = model(input_ids=ids, attention_mask=(ids != 0).long(), decoder_input_ids=shifted, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 150 == 0 or step == steps - 1:
            print(f"{name}: step {step}, loss {loss.item():.4f}", flush=True)
    store(out / name, name, model.eval(), tok, kept)


def store(folder, name, model, tok, kept):
    import torch
    from safetensors.torch import load_file, save_file
    for p in model.parameters():
        if p.requires_grad:
            p.data = p.data.half().float()
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    if name == "nllb":
        said = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps({**said, "tokenizer_class": "NllbTokenizer"}, indent=2) + "\n")
    path = folder / "model.safetensors"
    save_file({k: v.half() for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    rows = [{"text": " ".join(en), "gold": " ".join(other), "language": language} for en, other, language in kept]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources, _ = encode(name, tok, kept)
    with torch.no_grad(), open(folder / "expected.jsonl", "w", encoding="utf-8") as f:
        for ids, (_, _, language) in zip(sources, kept):
            more = {"forced_bos_token_id": tok.convert_tokens_to_ids(language)} if name in LANGUAGES else {}
            said = {}
            for key, beams in (("greedy", 1), ("beams", 4)):
                got = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, num_beams=beams, max_new_tokens=MOST, **more)[0].tolist()[1:]
                said[key] = {"translation_text": tok.decode(got, skip_special_tokens=True), "token_ids": got}
            f.write(json.dumps(said) + "\n")


def options_of(name, language):
    return {"t5": ["--src-lang", "en", "--tgt-lang", "fr"], "marian": [], **{k: ["--src-lang", v[0], "--tgt-lang", language] for k, v in LANGUAGES.items()}}[name]


def measure(program, out):
    worst = 0
    print("| model | decoding | rows | right: transformers | right: tfm-cluster | rows equal |\n|---|---|---|---|---|---|")
    for folder in sorted(p for p in out.iterdir() if (p / "expected.jsonl").exists()):
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
        want = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
        for key, beams in (("greedy", 1), ("beams", 4)):
            got = [None] * len(rows)
            for language in sorted({row["language"] for row in rows}):
                mine = [i for i, row in enumerate(rows) if row["language"] == language]
                with tempfile.TemporaryDirectory() as scratch:
                    path = pathlib.Path(scratch) / "rows.jsonl"
                    path.write_text("".join(json.dumps({"text": rows[i]["text"]}) + "\n" for i in mine))
                    subprocess.run([*program.split(), "translate", "-m", folder, "-i", path, "-o", path.with_name("out.jsonl"), "-q", "--num-beams", str(beams), "--max-new-tokens", str(MOST),
                                    "--return-tokens", *options_of(folder.name, language)], check=True)
                    for i, line in zip(mine, path.with_name("out.jsonl").read_text().splitlines()):
                        got[i] = json.loads(line)
            right = [sum(x["translation_text"] == row["gold"] for x, row in zip(xs, rows, strict=True)) for xs in ([w[key] for w in want], got)]
            same = sum(g["translation_text"] == w[key]["translation_text"] and g["token_ids"] == w[key]["token_ids"] for g, w in zip(got, want, strict=True))
            worst = max(worst, len(rows) - same)
            print(f"| {folder.name} | {key} | {len(rows)} | {right[0]} | {right[1]} | {same} |")
    return worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    t = sub.add_parser("train")
    t.add_argument("out", type=pathlib.Path)
    t.add_argument("names", nargs="*", default=[])
    m = sub.add_parser("measure")
    m.add_argument("program")
    m.add_argument("out", type=pathlib.Path)
    a = p.parse_args()
    if a.what == "measure":
        sys.exit(1 if measure(a.program, a.out) else 0)
    for name in a.names or ["t5", "marian", "mbart", "nllb"]:
        train(a.out, name)


if __name__ == "__main__":
    main()
