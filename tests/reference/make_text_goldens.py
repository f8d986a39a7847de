#!/usr/bin/env python3
"""Make tests/fixtures/text: small tokenizers and what the Hugging Face libraries answer with them.

usage: make_text_goldens.py BERT_VOCAB_TXT OUT

BERT_VOCAB_TXT is vocab.txt of google-bert/bert-base-uncased (Apache-2.0), of which a cut is taken.
rows.jsonl holds a row and its answer per line; unicode.jsonl holds the library's character
classes. Needs tokenizers and transformers; the versions used are written into versions.json.
"""
import itertools
import json
import pathlib
import random
import sys
import tempfile

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
TEXTS = [
    "", " ", "a", "The quick brown fox jumps over the lazy dog.",
    "Hello,   world!\tTabs\nand newlines\r\n.", "I can't; you won't -- they'd've.",
    "naïve café résumé Ångström", "ＦＵＬＬ ﬁ ½ ² Ⅷ ⓐ", "北京欢迎你 東京タワー 서울특별시 각",
    "Привет, мир! Καλημέρα κόσμε ΣΊΣΥΦΟΣ", "שלום עולם مرحبا بالعالم", "नमस्ते दुनिया สวัสดี",
    "👩\u200d👩\u200d👧 🇩🇪 👍🏽 ok", "e\u0301 o\u0308 a\u030a",
    "soft\u00adhyphen zero\u200bwidth \ufeffbom", "İstanbul ıssız straße ǅ",
    "\u0000nul\u0001control\u007f",
    "a\x01\u0301\u302e\u0323b 北\u302e å\u0323\u302e \U0001d15e\u0301 \u0344\u0323x",
    "豈\uf900 \U0002f800 \u0958 \u0bca", "[CLS] in [SEP] text [MASK] [cls] </s>",
    "line\u2028separator\u2029paragraph\u0085next\u3000wide", "unaffable unaffableunaffable",
    "x" * 100, "x" * 101, "é" * 101, "the" * 33 + "x", "\u0301" * 40,
    "a" + "\u0301" * 300 + "b", "  [MASK]  the", "the[MASK]the", "\ufffd\ue000\U0010ffff",
    "...!!!", "_under_score_", "it's 3.14 (x²)", "the\u00a0quick",
]
ODD_TEXTS = [
    "<ab> <AB> <aB>", "x<ab>y", " tok tok  toktok atok toka tok-tok",
    "ÉTÉ été e\u0301te\u0301 Été", "north  北 south北north", "l  <l>  r  <r>  b  <b>  <b><b>",
    "one<lr>\u3000 <lr>two", "ab abab aab", "##x #x ##", "", "   ", "a<l>\n<r>\t<l>",
    "[SEP] [UNK]",
]
BARE_TEXTS = ["", "abcab", "ab c", "aabc", "abababa", "abababab", "d", "ab\u0000"]
OWN_TEXTS = {"odd": ODD_TEXTS, "bare": BARE_TEXTS}
FOLDER_TEXTS = ["a new one, anew one", "<other>  fox <extra> trailing", "the </s> <s> Fox É é"]


def base(**kw):
    d = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
         "normalizer": None, "pre_tokenizer": None, "post_processor": None,
         "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}}
    return {**d, **kw}


def added(i, content, **kw):
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    flags = dict.fromkeys(names, False)
    return {"id": i, "content": content, **flags, **kw}


def bert_normalizer(**kw):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True, **kw}


def model(words, **kw):
    vocab = {w: i for i, w in enumerate(dict.fromkeys(words))}
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab, **kw}


def cut(path):
    """Single characters and the commonest words of the vocabulary, in its order."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    lines = [t for t in lines if t and not t.startswith("[")]
    keep = [t for t in lines if len(t.removeprefix("##")) == 1 and ord(t[-1]) < 0xD800]
    words = [t for t in lines if not t.startswith("##") and len(t) > 1][:420]
    parts = [t for t in lines if t.startswith("##") and len(t) > 3][:160]
    return SPECIALS + keep + words + parts + ["un", "##aff", "##able", "quick", "fox", "lazy"]


def special(name, type_id=0):
    return {"SpecialToken": {"id": name, "type_id": type_id}}


def sequence(name, type_id=0):
    return {"Sequence": {"id": name, "type_id": type_id}}


def tokenizer_files(vocab_txt):
    words = cut(vocab_txt)
    template = {"type": "TemplateProcessing",
                "single": [special("[CLS]"), sequence("A"), special("[SEP]")],
                "pair": [special("[CLS]"), sequence("A"), special("[SEP]"), sequence("B", 1),
                         special("[SEP]", 1)],
                "special_tokens": {t: {"id": t, "ids": [words.index(t)], "tokens": [t]}
                                   for t in ("[CLS]", "[SEP]")}}
    bert = base(added_tokens=[added(i, t, special=True) for i, t in enumerate(SPECIALS)],
                normalizer=bert_normalizer(), pre_tokenizer={"type": "BertPreTokenizer"},
                post_processor=template, model=model(words))
    yield "bert", bert
    yield "cased", {**bert, "normalizer": bert_normalizer(lowercase=False),
                    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3],
                                       "cls": ["[CLS]", 2]}}
    yield "odd", odd_tokenizer()
    untyped = model(["[UNK]", "a", "b", "ab", "abc", "c", "aab"], continuing_subword_prefix="",
                    max_input_chars_per_word=7)
    del untyped["type"]
    yield "bare", base(decoder=None, model=untyped)


def odd_tokenizer():
    """Every flag of an added token, Sequences, a template in which the pair comes first."""
    letters = ["a", "b", "ab", "##a", "##b", "##ab", "l", "r", "tok", "#", "##x", "x", "one",
               "two", "ete", "north", "south", "##t", "##o", "##k"]
    tokens = [added(1, "[UNK]", special=True), added(40, "<ab>", special=True),
              added(0, "<AB>", normalized=True), added(0, "tok", single_word=True),
              added(0, "ÉTÉ", normalized=True), added(0, "<l>", lstrip=True),
              added(0, "<r>", rstrip=True),
              added(0, "<b>", lstrip=True, rstrip=True, normalized=True),
              added(0, "<lr>", lstrip=True, rstrip=True, special=True), added(0, "北"),
              added(0, "[SEP]", special=True), added(0, "")]
    template = {"type": "TemplateProcessing",
                "single": [special("start", 2), sequence("A", 1), special("[SEP]")],
                "pair": [sequence("B", 4), special("start", 3), sequence("A", 1)],
                "special_tokens": {
                    "start": {"id": "start", "ids": [2, 4], "tokens": ["uno", "[MASK]"]},
                    "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}
    splitter = {"type": "BertPreTokenizer"}
    decoder = {"type": "WordPiece", "prefix": "##", "cleanup": False}
    return base(
        added_tokens=tokens,
        normalizer={"type": "Sequence",
                    "normalizers": [bert_normalizer(handle_chinese_chars=False),
                                    bert_normalizer(strip_accents=False)]},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [splitter, splitter]},
        post_processor={"type": "Sequence", "processors": [template]},
        decoder={"type": "Sequence", "decoders": [decoder]}, model=model(SPECIALS + letters))


FOLDERS = {
    "plain": {},
    "config": {"tokenizer_config.json": {
        "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False,
        "model_max_length": 16, "truncation_side": "left", "tokenizer_class": "BertTokenizer"}},
    "map": {"tokenizer_config.json": {"cls_token": "[BOS]", "model_max_length": 10 ** 30},
            "special_tokens_map.json": {
                "cls_token": "<s>",
                "sep_token": {"content": "</s>", "lstrip": True, "rstrip": False,
                              "normalized": False, "single_word": False},
                "additional_special_tokens": ["<extra>", "fox"]}},
    "listed": {"tokenizer_config.json": {"do_lower_case": True, "added_tokens_decoder": {
        "3": added(0, "[SEP]", special=True), "1": added(0, "[UNK]", special=True),
        "900": added(0, "new one", normalized=True, single_word=True),
        "800": added(0, "<other>", rstrip=True)}}},
}


def folder_vocab(words):
    lines = [w for w in words if not w.startswith("##") or len(w) > 3 or w[2:].isascii()][:700]
    lines += ["<s>", "</s>", "fox", "quick", "the", "trailing", "Fox", "É"]
    return "\n".join(lines) + "\n\n"


def answer(e, tok, skip):
    return {"ids": e.ids, "tokens": e.tokens, "offsets": [list(o) for o in e.offsets],
            "type_ids": e.type_ids, "special": e.special_tokens_mask,
            "decoded": tok.decode(e.ids, skip_special_tokens=skip)}


def rows_of(name, tok, rng, texts):
    for i, text in enumerate(texts):
        skip = bool(i % 2)
        yield {"tokenizer": name, "text": text, "skip": skip,
               **answer(tok.encode(text), tok, skip)}
    for _ in range(12):
        a, b = rng.choice(texts), rng.choice(texts)
        plain = rng.random() < 0.3
        yield {"tokenizer": name, "text": a, "pair": b, "plain": plain, "skip": True,
               **answer(tok.encode(a, b, add_special_tokens=not plain), tok, True)}


def truncated_rows(name, tok):
    """As transformers' truncation=True: at every length around those of the two texts."""
    texts = ("the quick fox", "the lazy dog and the fox",
             "it is the way of the world that the fox is not the dog")
    for a, b in itertools.product(texts, (None, *texts)):
        for most in (3, 4, 5, 6, 7, 8, 9, 11, 14, 20, 40):
            pair = {} if b is None else {"pair": b}
            e = tok(a, b, truncation=True, max_length=most, return_offsets_mapping=True,
                    return_token_type_ids=True)
            full = tok(a, b, return_token_type_ids=True)
            yield {"tokenizer": name, "text": a, **pair, "max_length": most,
                   "truncated": len(e["input_ids"]) < len(full["input_ids"]),
                   "ids": e["input_ids"], "type_ids": e["token_type_ids"],
                   "offsets": [list(o) for o in e["offset_mapping"]]}


def bert(**kw):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **kw}).normalize_str


def moves(nfd, c):
    """Whether this character, which does not decompose further, is reordered among marks."""
    x, d = chr(c), nfd(chr(c))
    after, before = nfd("a\u0345" + x), nfd("a" + x + "\u0334")
    return len(d) == 1 and (after != "a\u0345" + d or before != "a" + d + "\u0334")


def classes():
    clean, strip = bert(clean_text=True), bert(strip_accents=True)
    chinese, lower = bert(handle_chinese_chars=True), normalizers.Lowercase().normalize_str
    nfd = normalizers.NFD().normalize_str
    pieces = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    t = Tokenizer(models.WordPiece({"[UNK]": 0, "tok": 1}, unk_token="[UNK]"))
    t.add_tokens([AddedToken("tok", normalized=False, single_word=True)])
    sets = {"control": [c for c in POINTS if clean("a" + chr(c) + "a") == "aa" and c != 0xFFFD],
            "space": [c for c in POINTS if len(pieces("a" + chr(c) + "a")) == 2],
            "punctuation": [c for c in POINTS if len(pieces("a" + chr(c) + "a")) == 3],
            "nonspacing": [c for c in POINTS if strip("a" + chr(c) + "a") == "aa"],
            "word": [c for c in POINTS if 1 not in t.encode(chr(c) + "tok").ids],
            "ideograph": [c for c in POINTS if len(chinese(chr(c))) == 3],
            "moves": [c for c in POINTS if moves(nfd, c)]}
    for name, points in sets.items():
        ranges = []
        for c in points:
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
        yield {"class": name, "ranges": ranges}
    yield {"map": "lower", "pairs": pairs(lower, POINTS)}
    yield {"map": "nfd", "pairs": pairs(nfd, [c for c in POINTS if not 0xAC00 <= c <= 0xD7A3])}


def pairs(change, points):
    return [[c, *map(ord, change(chr(c)))] for c in points if change(chr(c)) != chr(c)]


def write_lines(path, items):
    path.write_text("".join(json.dumps(x, ensure_ascii=True) + "\n" for x in items), encoding="utf-8")


def main():
    vocab_txt, out = sys.argv[1], pathlib.Path(sys.argv[2])
    transformers.logging.set_verbosity_error()
    rng, rows = random.Random(7), []
    out.mkdir(parents=True, exist_ok=True)
    for name, d in tokenizer_files(vocab_txt):
        text = json.dumps(d, ensure_ascii=False, separators=(",", ":"))
        (out / (name + ".json")).write_text(text + "\n", encoding="utf-8")
        tok = Tokenizer.from_str(text)
        rows += rows_of(name + ".json", tok, rng, OWN_TEXTS.get(name, TEXTS))
        if name == "bert":
            fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tok)
            rows += truncated_rows(name + ".json", fast)
    for name, files in FOLDERS.items():
        d = out / name
        d.mkdir(exist_ok=True)
        text = folder_vocab(cut(vocab_txt))
        text = text.replace("\n", "\r\n") if name == "config" else text
        (d / "vocab.txt").write_text(text, encoding="utf-8", newline="")
        for file, content in files.items():
            text = json.dumps(content, ensure_ascii=False, indent=1)
            (d / file).write_text(text + "\n", encoding="utf-8")
        tok = transformers.BertTokenizerFast.from_pretrained(str(d))
        with tempfile.TemporaryDirectory() as tmp:  # padding and truncation off
            tok.save_pretrained(tmp)
            raw = Tokenizer.from_file(str(pathlib.Path(tmp) / "tokenizer.json"))
        rows += rows_of(name, raw, rng, [*TEXTS[:12], TEXTS[19], *FOLDER_TEXTS])
        if name == "config":
            rows += truncated_rows(name, tok)
    write_lines(out / "rows.jsonl", rows)
    write_lines(out / "unicode.jsonl", classes())
    versions = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
    (out / "versions.json").write_text(json.dumps(versions) + "\n")


if __name__ == "__main__":
    main()
