#!/usr/bin/env python3
"""Make tests/fixtures/text/models.jsonl: what the `tokenizers` library answers for random models,
post-processors and decoders.

usage: make_models_goldens.py OUT

A line holds a tokenizer, and those after it rows for that one: a text (and pair) with its answer,
or ids with their decoded text. Random, but the same with the same version (versions.json).
"""
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer

from differ_text import PARTS, encoded, library, text_of

ROUNDS = {"bpe": 24, "unigram": 14, "wordlevel": 4, "processors": 24, "decoders": 40}
ROWS = 6


def small(d):
    """No vocabulary that is nothing but all 256 bytes: most of the file would be those."""
    return len(d["model"]["vocab"]) < 200


def rows_of(tok, letters, rng):
    top = tok.get_vocab_size() + 2
    for i in range(ROWS):
        a = text_of(rng, letters, 60 if i == 0 else 12)
        pair = {"pair": text_of(rng, letters, 8)} if rng.random() < 0.3 else {}
        plain = rng.random() < 0.3
        e = library(tok.encode, a, pair.get("pair"), add_special_tokens=not plain)
        if e is not None:
            yield {"text": a, **pair, "plain": plain, **encoded(e)}
        ids = [rng.randrange(top) for _ in range(rng.randint(0, 8))] if i % 2 or e is None else e.ids
        skip = rng.random() < 0.5
        text = library(tok.decode, ids, skip_special_tokens=skip)
        if text is not None:
            yield {"decode": ids, "skip": skip, "text": text}


def main():
    lines = []
    for part, rounds in ROUNDS.items():
        made = seed = 0
        while made < rounds:
            seed += 1
            rng = random.Random("golden %s %d" % (part, seed))
            d, letters = PARTS[part](rng)
            tok = library(Tokenizer.from_str, json.dumps(d)) if small(d) else None
            regex = '"Regex"' in json.dumps(d["decoder"])
            if tok is not None and not regex:  # expressions have tests of their own
                made += 1
                lines += [{"tokenizer": d}, *rows_of(tok, letters, rng)]
    text = "".join(json.dumps(x, separators=(",", ":")) + "\n" for x in lines)
    (pathlib.Path(sys.argv[1]) / "models.jsonl").write_text(text)


if __name__ == "__main__":
    main()
