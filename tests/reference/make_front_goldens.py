#!/usr/bin/env python3
"""Make tests/fixtures/text/front.jsonl: what every normalizer and pre-tokenizer does, by the library.

usage: make_front_goldens.py OUT

A line is a tokenizer.json (see front_text.py) and rows: texts, their pieces and offsets. First come
all kinds with all their options, then random chains. classes.jsonl has a SHA-256 for each property
of characters, over one byte for each code point, surrogates left out. Needs tokenizers.
"""
import hashlib
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer

import front_text
import make_text_tables as tables

TEXTS = [
    "Hello  world, it's 3.14!\n\n  I'LL don't WE'RE'D x", " \t a\r\n\r\n b\u00a0\u3000c  ",
    "né\u0301 e\u0323\u0301 Å ﬁ ½ ② ㍿ \ufdfa İ ΣΑΣ ǅ \u0344\u0f73 가 \u1100\u1161\u11a8",
    "北京 東京タワー ー ﾞｶﾞ か\u3099 สวัสดี \u0915\u094d\u0915\u0301 \u0600a \u00a9\u200d\u00a9\u0301",
    "a\u0001\u0002b\u00ad\u007f\u200bc\ufeff\u2028d\u2581▁e_ _f  \u0085", "1234567 ٣٤ Ⅷx²y 12a34",
    "...!?x--y``''<|endoftext|>'sT'ſ", "", " ", "▁", "a", "\u0301\u0301a", "👩\u200d👧 🇩🇪👍🏽ok",
]


REGEX_TEXTS = [
    "a ab.b\n x2²٣ É-北\U0001e030 k\u212aſ'LL xx\n", "(a|b), aab\t_ｶ\u0301\u1734\U0001171e\u0897 ab\r\nABC cafe",
    "aaa  'S 'll\x1b\x0b\b x\u2028yé A$ ١ か タ ε"]


def listed():
    for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"):
        yield front_text.whole({"type": kind}, {"type": "FixedLength", "length": 1})
    for sides in ((True, True), (True, False), (False, True)):
        yield front_text.whole({"type": "Strip", "strip_left": sides[0], "strip_right": sides[1]},
                               {"type": "FixedLength", "length": 2})
    for text in ("▁", "ab ", ""):
        yield front_text.whole({"type": "Prepend", "prepend": text}, {"type": "FixedLength", "length": 2})
    for pattern, content in (({"String": " "}, "▁"), ({"String": "``"}, '"'), ({"String": ""}, "-"),
                             ({"Regex": r"\s+"}, " "), ({"Regex": " {2,}"}, "") ):
        yield front_text.whole({"type": "Replace", "pattern": pattern, "content": content},
                               {"type": "FixedLength", "length": 3})
    yield front_text.whole({"type": "Precompiled", "precompiled_charsmap": front_text.small_charsmap()},
                           {"type": "FixedLength", "length": 1})
    for kind in ("Whitespace", "WhitespaceSplit", "UnicodeScripts", "BertPreTokenizer", "Punctuation", "FixedLength"):
        yield front_text.whole(None, {"type": kind})
    for prefix, scan in ((True, True), (False, True), (True, False), (False, False)):
        yield front_text.whole(None, {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
                                      "use_regex": scan})
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            yield front_text.whole(None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme,
                                          "split": split})
    for behavior in front_text.BEHAVIORS:
        yield front_text.whole(None, {"type": "Punctuation", "behavior": behavior})
        for pattern, invert in (({"String": "a"}, False), ({"Regex": r"\s+"}, False), ({"Regex": r"\p{N}"}, True)):
            yield front_text.whole(None, {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert})
    for expression in front_text.EXPRESSIONS:
        yield front_text.whole(None, {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated",
                                      "invert": False})
    for each in (True, False):
        yield front_text.whole(None, {"type": "Digits", "individual_digits": each})
    yield front_text.whole(None, {"type": "CharDelimiterSplit", "delimiter": "é"})


def answers(tokenizer, texts):
    tok = Tokenizer.from_str(json.dumps(tokenizer))
    for text in texts:
        try:
            e = tok.encode(text)
        except BaseException as failure:  # a panic: the library has no answer
            if isinstance(failure, KeyboardInterrupt):
                raise
            continue
        yield {"text": text, "tokens": e.tokens, "offsets": [list(o) for o in e.offsets]}


def lines(rng):
    for tokenizer in listed():
        yield {"tokenizer": tokenizer, "rows": list(answers(tokenizer, TEXTS))}
    for expression in front_text.REWRITTEN:
        tokenizer = front_text.whole(None, {"type": "Split", "pattern": {"Regex": expression},
                                            "behavior": "Isolated", "invert": False})
        if expression != "[]":  # which both refuse
            yield {"tokenizer": tokenizer, "rows": list(answers(tokenizer, REGEX_TEXTS))}
    for _ in range(60):
        tokenizer = front_text.tokenizer(rng)
        letters = rng.sample(front_text.HARD, 25)
        texts = ["".join(rng.choices(letters, k=rng.choice([5, 20, 40]))) for _ in range(2)]
        yield {"tokenizer": tokenizer, "rows": list(answers(tokenizer, texts))}


def classes():
    """Property names as tests/core/text/chars_test.c has them, and a value for each code point."""
    category = {c: i for i, name in enumerate(tables.CATEGORIES) for c in tables.matching(r"\p{%s}" % name)}
    yield "category", category.get
    nth = {name: i for i, name in enumerate(tables.CLUSTERS)}
    cluster = {c: nth[k] for c, k in tables.cluster_classes().items()}
    cluster.update({c: nth["LVT" if (c - 0xAC00) % 28 else "LV"] for c in range(0xAC00, 0xD7A4)})
    yield "cluster", lambda c: cluster.get(c, 0)
    yield "script", tables.script_classes().get
    pre, norm = tables.pre_tokenizers, tables.normalizers
    digits = pre.Digits(individual_digits=True).pre_tokenize_str
    yield "digit", lambda c: len(digits("a" + chr(c) + "a")) == 3
    words = pre.Whitespace().pre_tokenize_str
    yield "word", lambda c: len(words("a" + chr(c) + "a")) == 1
    spaces = pre.WhitespaceSplit().pre_tokenize_str
    yield "space", lambda c: len(spaces("a" + chr(c) + "a")) == 2
    marks = pre.Punctuation().pre_tokenize_str
    yield "punctuation", lambda c: len(marks("a" + chr(c) + "a")) == 3
    accents, lower = norm.StripAccents().normalize_str, norm.Lowercase().normalize_str
    yield "mark", lambda c: accents("a" + chr(c) + "a") == "aa"
    yield "upper", lambda c: lower(chr(c)) != chr(c)


def main():
    out = pathlib.Path(sys.argv[1])
    with open(out / "front.jsonl", "w", encoding="utf-8") as f:
        for line in lines(random.Random(11)):
            f.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
    with open(out / "classes.jsonl", "w", encoding="utf-8") as f:
        for name, value in classes():
            digest = hashlib.sha256(bytes(int(value(c)) for c in tables.POINTS)).hexdigest()
            f.write(json.dumps({"property": name, "sha256": digest}) + "\n")


if __name__ == "__main__":
    main()
