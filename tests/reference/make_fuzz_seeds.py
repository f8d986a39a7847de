#!/usr/bin/env python3
"""Make the tokenizers and the seeds of the fuzz targets (tests/fuzz).

usage: make_fuzz_seeds.py OUT      OUT is tests/fixtures/fuzz

tokenizers.jsonl holds small tokenizers of the families we serve, with the components these use;
load_json, folder, pieces, encode, decode and journal hold the seeds. Files found-* there are inputs that once failed: this
script leaves them alone.
"""
import collections
import hashlib
import json
import pathlib
import random
import struct
import sys

from tokenizers import Tokenizer

import finish_text
import front_text
from differ_text import PARTS, library

TEXT = ("the quick brown fox jumps over the lazy dog. don't we'll I'VE they're it's 3.14 12345 _x_ "
        "naïve café déjà-vu straße 北京 東京 こんにちは 世界 привет мир שלום مرحبا नमस्ते 😀👩‍👩‍👧 ﬁ ½ a\u0301 e\u0323\u0301 ")
MOST_MERGES = 120


def byte_letters():
    """GPT-2's letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


LETTER = byte_letters()


def learn(words, most):
    """Merges of a byte pair encoding: the plain algorithm, ties by text."""
    words = [list(w) for w in words]
    merges = []
    while len(merges) < most:
        pairs = collections.Counter(p for w in words for p in zip(w, w[1:]))
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for w in words:
            i = 0
            while i + 1 < len(w):
                if (w[i], w[i + 1]) == best:
                    w[i:i + 2] = [best[0] + best[1]]
                i += 1
    return merges


def bpe(words, letters, specials=(), **kw):
    merges = learn(words, MOST_MERGES)
    tokens = dict.fromkeys([*specials, *letters, *(a + b for a, b in merges)])
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [list(m) for m in merges]}
    return {**model, **kw}


def added(contents, **flags):
    keys = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [{"id": i, "content": c, **{k: flags.get(k, k == "special") for k in keys}}
            for i, c in enumerate(contents)]


def whole(model, **kw):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, **kw, "model": model}


def byte_level(regex=True, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def in_bytes(word):
    return [LETTER[b] for b in word.encode()]


def template(bos, eos):
    """BOS text EOS, and of a pair BOS text EOS pair EOS; either may be None."""
    def special(name, kind):
        return [{"SpecialToken": {"id": name, "type_id": kind}}] if name else []
    first = special(bos, 0) + [finish_text.sequence("A", 0)] + special(eos, 0)
    return {"type": "TemplateProcessing", "single": first,
            "pair": first + [finish_text.sequence("B", 1)] + special(eos, 1),
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for i, n in enumerate((bos, eos)) if n}}


def roberta():
    specials = ["<s>", "</s>", "<pad>", "<unk>", "<mask>"]
    words = [in_bytes(" " + w) for w in TEXT.split()]
    tokens = added(specials[:-1]) + [{**added([specials[-1]], lstrip=True, special=True)[0], "id": 4}]
    return whole(bpe(words, LETTER, specials, continuing_subword_prefix="", end_of_word_suffix=""),
                 added_tokens=tokens, pre_tokenizer=byte_level(), decoder=byte_level(),
                 post_processor={"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0],
                                 "trim_offsets": True, "add_prefix_space": False})


def llama3():
    words = [in_bytes(" " + w) for w in TEXT.split()]
    split = {"type": "Split", "pattern": {"Regex": front_text.EXPRESSIONS[1]}, "behavior": "Isolated", "invert": False}
    return whole(bpe(words, LETTER, ["<|begin|>"], ignore_merges=True), added_tokens=added(["<|begin|>"]),
                 pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level(regex=False)]},
                 post_processor={"type": "Sequence", "processors": [byte_level(), template("<|begin|>", None)]},
                 decoder=byte_level())


def llama2():
    words = ["▁" + w for w in TEXT.split() if w.isascii()]
    letters = ["<0x%02X>" % b for b in range(256)] + sorted({*"éü", *"".join(words)})
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    return whole(bpe(words, letters, ["<unk>", "<s>", "</s>"], byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
                 added_tokens=added(["<unk>", "<s>", "</s>"]), post_processor=template("<s>", None),
                 normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]},
                 decoder={"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, {
                     "type": "Strip", "content": " ", "start": 1, "stop": 0}]})


def clip():
    words = [in_bytes(w)[:-1] + [in_bytes(w)[-1] + "</w>"] for w in TEXT.lower().split()]
    blanks = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
    split = {"type": "Split", "pattern": {"Regex": front_text.CLIP}, "behavior": "Removed", "invert": True}
    return whole(bpe(words, LETTER + [c + "</w>" for c in LETTER], ["<|startoftext|>", "<|endoftext|>"],
                     end_of_word_suffix="</w>", continuing_subword_prefix="", unk_token="<|endoftext|>"),
                 added_tokens=added(["<|startoftext|>", "<|endoftext|>"]),
                 normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, blanks, {"type": "Lowercase"}]},
                 pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level(regex=False)]},
                 post_processor={"type": "RobertaProcessing", "sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0],
                                 "trim_offsets": False, "add_prefix_space": False},
                 decoder=byte_level(prefix=True))


def t5():
    rng = random.Random("t5")
    pieces = {"▁" + w[:n] for w in TEXT.split() for n in (len(w), 3)} | set(TEXT.replace(" ", "▁"))
    pieces |= {w[i:i + 2] for w in TEXT.split() for i in range(len(w))}
    vocab = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], *([p, round(-2 - 9 * rng.random(), 3)] for p in sorted(pieces))]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return whole({"type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": False},
                 added_tokens=added(["<pad>", "</s>", "<unk>"]), pre_tokenizer=metaspace, decoder=metaspace,
                 normalizer={"type": "Precompiled", "precompiled_charsmap": front_text.small_charsmap()},
                 post_processor=template(None, "</s>"))


def mixture():
    """What no published tokenizer has together: expressions for PCRE2, forms, scripts, widths."""
    words = ["<unk>", "<pad>", "|", *sorted(set(TEXT.split())), *"abcdexyz.,-_ 0123456789é"]
    splits = [{"type": "Split", "pattern": {"Regex": r"(?<=\p{L})(?=\d)|[\w&&[^_]]+(?i:'s)?|\b"}, "behavior": "MergedWithNext",
               "invert": False}, {"type": "UnicodeScripts"}, {"type": "Digits", "individual_digits": True},
              {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "FixedLength", "length": 7}]
    return whole({"type": "WordLevel", "vocab": {w: i for i, w in enumerate(words)}, "unk_token": "<unk>"},
                 added_tokens=added(["<unk>", "<pad>"], normalized=True, single_word=True, rstrip=True),
                 normalizer={"type": "Sequence", "normalizers": [{"type": n} for n in ("NFKD", "StripAccents", "Nmt", "NFC")] +
                             [{"type": "Strip", "strip_left": True, "strip_right": False}]},
                 pre_tokenizer={"type": "Sequence", "pretokenizers": splits},
                 decoder={"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True})


def scanned(expression):
    """What a published expression cuts becomes an unknown token."""
    return front_text.whole(None, {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated",
                                   "invert": False})


def shelf():
    yield from (f() for f in (roberta, llama3, llama2, clip, t5, mixture))
    yield from map(scanned, front_text.EXPRESSIONS)


# ---- seeds ----

def features(d, path=""):
    """What a tokenizer.json has: its components and their settings."""
    if isinstance(d, dict):
        here = path + str(d.get("type", ""))
        for key, value in d.items():
            if key not in ("vocab", "merges", "content", "id"):
                yield from features(value, here + "." + key)
    elif isinstance(d, list):
        yield path, min(len(d), 2)
        for value in d:
            yield from features(value, path)
    else:
        yield path, str(d)[:12] if isinstance(d, (bool, str)) else type(d).__name__


def full_json():
    """What the random tokenizers below have not: WordPiece, a charsmap, truncation, padding."""
    return whole({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 9, "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "##": 3, "ab": 4, "[CLS]": 5}},
                 truncation={"direction": "Left", "max_length": 8, "strategy": "LongestFirst", "stride": 1},
                 padding={"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                          "pad_type_id": 0, "pad_token": "[UNK]"},
                 normalizer={"type": "Sequence", "normalizers": [
                     {"type": "Precompiled", "precompiled_charsmap": front_text.small_charsmap()}, {"type": "NFKC"}]},
                 pre_tokenizer={"type": "BertPreTokenizer"}, post_processor=template("[CLS]", "[UNK]"),
                 added_tokens=added(["[UNK]", "[CLS]"]), decoder={"type": "WordPiece", "prefix": "##", "cleanup": True})


def loader_seeds(room):
    """Random tokenizers that the library takes, each with something the others lack."""
    whole_one = json.dumps(full_json(), ensure_ascii=False).encode()
    yield "full", whole_one
    seen, left = set(), room - len(whole_one)
    for seed in range(4000):
        part = random.Random(seed).choice(sorted(PARTS))
        rng = random.Random("fuzz %s %d" % (part, seed))
        d, letters = PARTS[part](rng)
        text = json.dumps(d, ensure_ascii=False, separators=(",", ":"))
        new = set(features(d)) - seen
        if len(text) > 1500 or len(new) < 4 or library(Tokenizer.from_str, text) is None:
            continue
        seen |= new
        made = text.encode()
        made += b"\0" + "".join(rng.choice(letters) for _ in range(12)).encode() if seed % 2 else b""
        if left < len(made):
            break
        left -= len(made)
        yield "%s-%d" % (part, seed), made


def hard_texts():
    hard = front_text.HARD
    yield "words", TEXT.encode()
    yield "hard", "".join(hard).encode()[:900]
    yield "spaced", " ".join(reversed(hard)).encode()[:900]
    yield "specials", "<s>a</s> [MASK]<mask>  <|begin|><|endoftext|> <l>tok<r> <pad>".encode()
    yield "long", ("ab" * 40 + "😀" * 20 + "\u0301" * 40 + " " * 40).encode()
    yield "broken", b"a\xc3 \xe5\x8c \xf0\x9f\x98 \xed\xa0\x80 \xc0\x80 \xfe"
    yield "pair", "the quick brown fox".encode() + b"\xff" + "北京 don't".encode()
    yield "empty", b""


def encode_seeds(count):
    for name, text in hard_texts():
        for which in range(count):
            if (which + len(text)) % 3 == 0 or name == "pair":
                low, high = hashlib.sha256(b"%d" % which + text).digest()[:2]
                yield "%s-%d" % (name, which), bytes([which, low, high]) + text


def decode_seeds(count):
    for which in range(count):
        rng = random.Random("decode %d" % which)
        small = bytes(rng.randrange(0x80) for _ in range(60))
        wide = b"".join(bytes([0x80 | rng.randrange(3), rng.randrange(256)]) for _ in range(60))
        yield "small-%d" % which, bytes([which, 0]) + small
        yield "wide-%d" % which, bytes([which, 1]) + wide + b"\xff\xff\xff\xff\xff\xfe\x7f\xff\xff\xff"


BERT = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\nab\n##a\nhello\n,\n北\n"
GPT2 = json.dumps({t: i for i, t in enumerate(("<s>", "</s>", "<|endoftext|>", "a", "b", "Ġ", "ab", "Ġab", "<unk>"))})
MERGES = "#version: 0.2\na b\nĠ ab\n"


def folder_seeds():
    """vocab.txt, vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json"""
    mask = {"content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}
    configs = {
        "bert": (BERT, "", "", {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True,
                                "tokenize_chinese_chars": False, "model_max_length": 512}, {"mask_token": mask}),
        "bert-crlf": (BERT.replace("\n", "\r\n"), "", "", None, {"unk_token": "hello", "additional_special_tokens": ["ab"]}),
        "bert-listed": (BERT, "", "", {"added_tokens_decoder": {"4": {**mask, "special": True}, "12": {**mask, "content": "xy"}},
                                       "strip_accents": None, "truncation_side": "left"}, None),
        "gpt2": ("", GPT2, MERGES, {"tokenizer_class": "GPT2TokenizerFast", "add_bos_token": True, "bos_token": "<s>"}, None),
        "gpt2-bare": ("", GPT2, MERGES, None, None),
        "clip": ("", json.dumps({t: i for i, t in enumerate(("a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>",
                                                             "<|endoftext|>"))}),
                 "#version: 0.2\na b</w>\n", {"tokenizer_class": "CLIPTokenizer"}, None),
        "byt5": ("", "", "", {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 3}, None),
        "roberta": ("", GPT2, MERGES, {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True,
                                       "trim_offsets": False}, {"mask_token": {**mask, "content": "<mask>"}})}
    for name, (*texts, config, names) in configs.items():
        yield name, "\0".join([*texts, *(json.dumps(c) if c else "" for c in (config, names))]).encode()


def pieces_seeds(models):
    """The small models of fixtures/text/pieces under the classes that read them."""
    cases = [("t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 2}), ("albert", {"tokenizer_class": "AlbertTokenizer"}),
             ("albert", {"tokenizer_class": "AlbertTokenizer", "keep_accents": True, "do_lower_case": False, "add_eos_token": True}),
             ("fairseq", {"tokenizer_class": "XLMRobertaTokenizer"}),
             ("fairseq", {"tokenizer_class": "CamembertTokenizer", "add_prefix_space": False}),
             ("deberta", {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True, "split_by_punct": True}),
             ("llama", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True}),
             ("llama", {"tokenizer_class": "GemmaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>",
                        "mask_token": "<unk>"}), ("t5", {"tokenizer_class": "TokenizersBackend"})]
    for i, (model, config) in enumerate(cases):
        yield "%s-%d" % (model, i), json.dumps(config).encode() + b"\0" + (models / (model + ".model")).read_bytes()


def write(folder, seeds):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.name.startswith("found-"):
            old.unlink()
    for name, data in seeds:
        (folder / name).write_bytes(data)


# ---- journals (coordinator/resume): a header of one page, then records ----

RECORD, PAGE_BYTES, JOURNAL_ROWS, JOURNAL_LINE = 256, 4096, 64, 16


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sha_state(data):
    """SHA-256's state after whole blocks (FIPS 180-4): cube roots, square roots, rounds."""
    primes = [n for n in range(2, 312) if all(n % p for p in range(2, n))]

    def root(n, k):  # the first 32 bits of the fraction of n's k-th root
        low, high = 0, n << 40
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle ** k <= n << 32 * k else (low, middle)
        return low & 0xffffffff

    def turn(x, by):
        return (x >> by | x << 32 - by) & 0xffffffff

    state = [root(p, 2) for p in primes[:8]]
    for at in range(0, len(data), 64):
        w = list(struct.unpack(">16I", data[at:at + 64]))
        for t in range(16, 64):
            s0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3
            s1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10
            w.append(w[t - 16] + s0 + w[t - 7] + s1 & 0xffffffff)
        a, b, c, d, e, f, g, h = state
        for t in range(64):
            one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + w[t] + root(primes[t], 3)
            two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (one + two) & 0xffffffff, a, b, c, (d + one) & 0xffffffff, e, f, g
        state = [x + y & 0xffffffff for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return state


def sealed(body):
    body = body.ljust(RECORD - 4, b"\0")
    return body + struct.pack("<I", crc32c(body))


def begin_record(place, epoch):
    return sealed(struct.pack("<4sIIQQ64s", b"TFJR", 1, epoch, place, 4711, b"somewhere"))


def commit_record(place, epoch, before, rows, tail=(0, 0, 0), kind=2):
    """A commit of `rows` lines of the text that journal.c writes, those up to `before` committed."""
    text = b"".join(b"%-15d\n" % i for i in range(JOURNAL_ROWS))
    end, start = rows * JOURNAL_LINE, before * JOURNAL_LINE
    body = struct.pack("<4sIIQ", b"TFJR", kind, epoch, place)
    body += struct.pack("<qqI", end, start, crc32c(text[start:end])) + struct.pack("<qqI", *tail)
    body += struct.pack("<qqI", 0, 0, 0) + struct.pack("<8I", *sha_state(text[:end - end % 64]))
    body += struct.pack("<q", rows) + struct.pack("<qqqqqIIII", rows, rows, 0, rows * 9, rows, 0, 0, 0, 0)
    return sealed(body + struct.pack("<qqqq", 0, 0, 0, rows * 5))


def journal_seeds():
    job, inputs = b"job\tA\n", b"input file\tB\n"
    head = struct.pack("<8sIIIIII", b"TFMJRNL1", PAGE_BYTES, len(job), len(inputs), 0, 0, 0)
    head = (head + job + inputs).ljust(PAGE_BYTES, b"\0")
    head = head[:24] + struct.pack("<I", crc32c(head)) + head[28:]
    three = [begin_record(0, 1), commit_record(1, 1, 0, 10), commit_record(2, 1, 10, 20),
             commit_record(3, 1, 20, 32)]
    again = [*three[:3], begin_record(3, 2), commit_record(4, 2, 20, 28)]
    packed = [begin_record(0, 1), commit_record(1, 1, 0, 0, (64, 0, 0))]
    final = [begin_record(0, 1), commit_record(1, 1, 0, 32, kind=3)]
    other = head.replace(b"job\tA", b"job\tX")
    return [("three-commits", b"\0" + head + b"".join(three)), ("gone-on-with", b"\0" + head + b"".join(again)),
            ("alone", b"\4" + head + b"".join(three)), ("cut", b"\0" + head + b"".join(three)[:-100]),
            ("final", b"\1" + head + b"".join(final)), ("packed", b"\3" + head + b"".join(packed)),
            ("another-job", b"\1" + other + b"".join(three)), ("nothing-yet", b"\0" + head)]


def main():
    out = pathlib.Path(sys.argv[1])
    made = [json.dumps(d, ensure_ascii=False, separators=(",", ":")) for d in shelf()]
    for text in made:
        Tokenizer.from_str(text)
    count = 3 + len(made)  # bert.json, odd.json and bare.json come before them
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizers.jsonl").write_text("".join(m + "\n" for m in made), encoding="utf-8")
    write(out / "load_json", loader_seeds(40000))
    write(out / "folder", folder_seeds())
    write(out / "pieces", pieces_seeds(out.parent / "text" / "pieces"))
    write(out / "encode", encode_seeds(count))
    write(out / "decode", decode_seeds(count))
    write(out / "journal", journal_seeds())


if __name__ == "__main__":
    main()
