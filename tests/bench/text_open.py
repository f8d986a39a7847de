#!/usr/bin/env python3
"""Milliseconds to open a vocabulary of 250,000 pieces: BPE, and WordPiece of words or of random letters.

usage: text_open.py DRIVE [DRIVE...] --words FILE [--rounds 9]

Each DRIVE is a build's tests/core/text/text_drive; several are measured interleaved, and the
`tokenizers` library beside them where Python finds it. FILE is text in UTF-8, of many languages if
possible: its words, and their ends behind "##", are the first vocabulary. Each open is a process of
its own, so memory is asked for anew; the file is in the page cache.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

PIECES = 250000
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LIBRARY = ("import sys, time, tokenizers; t = time.perf_counter();"
           "tokenizers.Tokenizer.from_file(sys.argv[1]); print(time.perf_counter() - t)")


def wordpiece(pieces):
    vocab = {}
    for piece in pieces:
        vocab.setdefault(piece, len(vocab))
        if len(vocab) == PIECES:
            break
    return {"version": "1.0", "added_tokens": [],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab}}


def from_words(text):
    """Two thirds are words, the most frequent first; the rest are ends of words."""
    words = [w for w, _ in collections.Counter(re.findall(r"\w+", text.lower())).most_common(PIECES)
             if len(w.encode()) <= 40]
    yield from SPECIAL
    yield from words[:PIECES * 2 // 3]
    for w in words:
        for i in range(1, len(w)):
            yield "##" + w[i:]


def from_letters(rng):
    yield from SPECIAL
    while True:
        yield ("##" if rng.random() < 0.4 else "") + "".join(rng.choices(LETTERS, k=rng.randint(2, 12)))


def merged(rng):
    """Each piece is two earlier ones, mostly early ones."""
    pieces, vocab, merges = list(LETTERS), {c: i for i, c in enumerate(LETTERS)}, []
    while len(vocab) < PIECES:
        a, b = (pieces[min(int(rng.expovariate(1 / 800)), len(pieces) - 1)] for _ in range(2))
        if a + b not in vocab and len(a + b) < 14:
            vocab[a + b] = len(vocab)
            pieces.append(a + b)
            merges.append([a, b])
    return {"version": "1.0", "added_tokens": [],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                              "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                      "byte_fallback": False, "vocab": vocab, "merges": merges}}


def ours(drive, path):
    ask = json.dumps({"open": str(path)}) + "\n"
    out = subprocess.run([drive], input=ask, capture_output=True, text=True, check=True).stdout
    return json.loads(out)["seconds"]


def theirs(path):
    out = subprocess.run([sys.executable, "-c", LIBRARY, str(path)], capture_output=True, text=True)
    return float(out.stdout) if out.returncode == 0 else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("drives", nargs="+")
    p.add_argument("--words", type=pathlib.Path, required=True)
    p.add_argument("--rounds", type=int, default=9)
    a = p.parse_args()
    text = a.words.read_text(encoding="utf-8", errors="ignore")
    kinds = {"WordPiece, words": wordpiece(from_words(text)),
             "WordPiece, letters": wordpiece(from_letters(random.Random(1))),
             "BPE": merged(random.Random(1))}
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "tokenizer.json"
        for kind, tokenizer in kinds.items():
            vocab = tokenizer["model"]["vocab"]
            path.write_text(json.dumps(tokenizer, ensure_ascii=False, indent=2), encoding="utf-8")
            engines = {d: (lambda d=d: ours(d, path)) for d in a.drives} | {"tokenizers": lambda: theirs(path)}
            took = {e: [] for e in engines}
            for _ in range(a.rounds):
                for e, run in engines.items():
                    took[e].append(run())
            for e, s in took.items():
                if None not in s:
                    print("%-18s %d pieces  %s: best %.0f ms, median %.0f ms" % (
                        kind, len(vocab), e, 1000 * min(s), 1000 * statistics.median(s)))


if __name__ == "__main__":
    main()
