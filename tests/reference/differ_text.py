#!/usr/bin/env python3
"""Compare the text room with the `tokenizers` library on random tokenizers and random texts.

usage: differ_text.py DRIVE [--part bpe,unigram,...] [--rounds N] [--rows N] [--seed S]

DRIVE is the program build/release/tests/core/text/text_drive. Each round makes a tokenizer.json
at random out of one part's options, opens it with both, and compares ids, tokens, offsets, type ids,
words and decoded texts of random rows. What the library refuses or fails at is not compared, but must
not stop the program. Ends with the number of rows compared and of differences; exit 1 if any.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import finish_text
import front_text

LETTERS = ["a", "b", "c", "ab", " ", "é", "ß", "北", "😀", "\u0301", "▁", "Ġ", "<", ">", "x", "_", "#",
           ".", "\n", "\u00a0", "0"]


def base(**kw):
    d = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
         "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return {**d, **kw}


def alphabet(rng):
    return rng.sample(LETTERS, rng.randint(2, 9))


def text_of(rng, letters, most):
    if rng.random() < 0.2:
        letters = letters + rng.sample(LETTERS, 2)
    if rng.random() < 0.1:
        letters = letters[:1]
    return "".join(rng.choice(letters) for _ in range(rng.randint(0, most)))


# ---- models ----

def bytes_of(rng):
    """Byte tokens, some of them or all."""
    share = rng.choice([0, 0.9, 1, 1])
    return ["<0x%02X>" % b for b in range(256) if rng.random() < share]


def bpe(rng):
    letters = [c for c in alphabet(rng) if len(c) == 1]
    prefix = rng.choice([None, None, None, "##", "a", ""])
    suffix = rng.choice([None, None, None, "</w>", ""])
    byte_fallback = rng.random() < 0.4
    if byte_fallback and (prefix or suffix):
        prefix = suffix = None
    unk = rng.choice([None, "<unk>", "<unk>", "a"])
    tokens = [c for c in letters if rng.random() < 0.9]
    tokens += [(prefix or "") + c for c in letters if rng.random() < 0.9]
    tokens += [c + (suffix or "") for c in letters if rng.random() < 0.9]
    tokens += [(prefix or "") + c + (suffix or "") for c in letters if rng.random() < 0.5]
    tokens += bytes_of(rng) if byte_fallback else []
    tokens += [unk] if unk and rng.random() < 0.95 else []
    tokens = list(dict.fromkeys(tokens))
    merges = []
    for _ in range(rng.randint(0, 60) if tokens else 0):
        left, right = rng.choice(tokens), rng.choice(tokens)
        if prefix and not right.startswith(prefix) and rng.random() < 0.8:
            continue
        if len(right) < len(prefix or "") or " " in left + right:
            continue
        try:  # inside a character the library makes a string that is none, and aborts
            made = left + right.encode()[len((prefix or "").encode()):].decode()
        except UnicodeDecodeError:
            continue
        if made not in tokens:
            tokens.append(made)
        merges.append((left, right))
    if rng.random() < 0.4:
        rng.shuffle(merges)
    arrays = rng.random() < 0.5
    ids = list(range(len(tokens)))
    if rng.random() < 0.3:
        rng.shuffle(ids)
    model = {"type": "BPE", "dropout": rng.choice([None, None, 0.0]), "unk_token": unk,
             "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix,
             "fuse_unk": rng.random() < 0.5, "byte_fallback": byte_fallback,
             "ignore_merges": rng.random() < 0.3, "vocab": dict(zip(tokens, ids)),
             "merges": [list(m) if arrays else " ".join(m) for m in merges]}
    if rng.random() < 0.2:
        del model["type"]
    if rng.random() < 0.2:
        model = dict(reversed(model.items()))
    return base(model=model), letters


def unigram(rng):
    letters = [c for c in alphabet(rng) if len(c) == 1]
    pieces = [c for c in letters if rng.random() < 0.8]
    pieces += ["".join(rng.choice(letters) for _ in range(rng.randint(1, 5)))
               for _ in range(rng.randint(0, 40))]
    byte_fallback = rng.random() < 0.5
    pieces += bytes_of(rng) if byte_fallback else []
    pieces += [""] if rng.random() < 0.1 else []
    pieces = list(dict.fromkeys(pieces))
    unk = rng.choice(["<unk>", "<unk>", "<unk>", None, "a"])
    pieces = [p for p in pieces if p != unk]
    if unk:
        pieces.insert(rng.randint(0, len(pieces)), unk)
    digits = rng.choice([0, 1, 7, 17])  # few digits: many ties
    scores = [round(-rng.random() * 10, digits) for _ in pieces]
    model = {"type": "Unigram", "unk_id": pieces.index(unk) if unk else None,
             "vocab": [list(p) for p in zip(pieces, scores)], "byte_fallback": byte_fallback}
    if rng.random() < 0.2:
        del model["type"]
    if rng.random() < 0.2:
        del model["byte_fallback"]
    return base(model=model), letters


def wordlevel(rng):
    letters = alphabet(rng)
    words = list(dict.fromkeys(text_of(rng, letters, 2) for _ in range(30)))
    words += ["<unk>"] if rng.random() < 0.9 else []
    model = {"type": "WordLevel", "vocab": {w: i for i, w in enumerate(words)},
             "unk_token": "<unk>"}
    if rng.random() < 0.3:
        del model["type"]
    return base(model=model, pre_tokenizer={"type": "BertPreTokenizer"}), letters


def front(rng):
    letters = rng.sample(front_text.HARD, rng.randint(2, 40))
    added = []
    for i in range(rng.choice([0, 0, 1, 2])):
        flags = {k: rng.random() < 0.4 for k in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        flags["normalized"] &= i == 0  # of two that become equal the library takes any
        added.append({"id": i, "content": rng.choice(["<x>", "ab", "é", "北", "a"]), **flags})
    return {**front_text.tokenizer(rng), "added_tokens": added}, letters


def processors(rng):
    d, letters = (bpe if rng.random() < 0.6 else unigram)(rng)
    finish_text.add_processor(rng, d)
    if rng.random() < 0.4:
        d["added_tokens"] = finish_text.added_tokens(rng, LETTERS)
    return d, letters + [" ", "  ", "\u3000"]


PARTS = {"bpe": bpe, "unigram": unigram, "wordlevel": wordlevel, "front": front,
         "processors": processors, "decoders": finish_text.decoding}


# ---- comparing ----

class Drive:
    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **kw):
        self.p.stdin.write(json.dumps(kw).encode() + b"\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise SystemExit("the program stopped at %.2000s" % json.dumps(kw))
        return json.loads(line)


def library(f, *a, **kw):
    """The library's answer; None where it fails, by exception or panic."""
    try:
        return f(*a, **kw)
    except BaseException as e:  # a panic is no Exception
        if isinstance(e, KeyboardInterrupt):
            raise
        return None


def encoded(e):
    return {"tokens": e.tokens, "ids": e.ids, "type_ids": e.type_ids,
            "begin": [o[0] for o in e.offsets], "end": [o[1] for o in e.offsets],
            "words": [-1 if w is None else w for w in e.word_ids]}


def compare(drive, tok, letters, rng, rows):
    """(rows compared, the first difference or None)"""
    top = tok.get_vocab_size() + 3
    n = 0
    for i in range(rows):
        a, b = text_of(rng, letters, rng.choice([3, 12, 60, 150])), text_of(rng, letters, 12)
        pair, plain = rng.random() < 0.2, rng.random() < 0.3
        e = library(tok.encode, a, b if pair else None, add_special_tokens=not plain)
        got = drive.ask(text=a, plain=plain, **({"pair": b} if pair else {}))
        if e is None or "too many steps" in got.get("error", ""):  # T8: the library has no limit
            continue
        n += 1
        if got != encoded(e):
            return n, {"text": a, "pair": b if pair else None, "plain": plain,
                       "want": encoded(e), "got": got}
        ids = [rng.randrange(top) for _ in range(rng.randint(0, 12))] if i % 2 else e.ids
        skip = rng.random() < 0.5
        want = library(tok.decode, ids, skip_special_tokens=skip)
        got = drive.ask(ids=ids, skip=skip)
        if want is not None and got != {"text": want}:
            return n, {"ids": ids, "skip": skip, "want": want, "got": got}
    return n, None


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("drive")
    p.add_argument("--part", default=",".join(PARTS))
    p.add_argument("--rounds", type=int, default=200)
    p.add_argument("--rows", type=int, default=100)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--show", type=int, default=3)
    p.add_argument("--charsmaps", default="", help="files to take the charsmaps of part front from")
    a = p.parse_args()
    for name in filter(None, a.charsmaps.split(",")):
        front_text.CHARSMAPS.extend(re.findall(r'"precompiled_charsmap": ?"([^"]+)"', pathlib.Path(name).read_text(encoding="utf-8")))
    rows = opened = refused = bad = 0
    drive = Drive(a.drive)
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "tokenizer.json"
        for part in a.part.split(","):
            for i in range(a.rounds):
                rng = random.Random("%s %d %d" % (part, a.seed, i))
                d, letters = PARTS[part](rng)
                text = json.dumps(d, ensure_ascii=False)
                path.write_text(text, encoding="utf-8")
                tok = library(Tokenizer.from_str, text)
                got = drive.ask(open=str(path))
                if tok is None or "error" in got:
                    refused += 1
                    if tok is not None and refused <= a.show:
                        print(part, i, "refused:", got["error"][:300])
                    continue
                opened += 1
                n, difference = compare(drive, tok, letters, rng, a.rows)
                rows += n
                if difference:
                    bad += 1
                    if bad <= a.show:
                        print(part, i, json.dumps(difference, ensure_ascii=False)[:3000])
                        keep = pathlib.Path(a.drive).with_name("differ_%s_%d.json" % (part, i))
                        keep.write_text(text, encoding="utf-8")
    print("%d tokenizers, %d refused, %d rows, %d differences" % (opened, refused, rows, bad))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
