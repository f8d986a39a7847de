"""Random and listed normalizers and pre-tokenizers, for make_front_goldens.py and differ_text.py.

Pieces are made visible by a Unigram model that knows nothing: each becomes an unknown token, which
shows its text and offsets.
"""
import base64
import struct

HARD = [*" abcéß北😀▁Ġ<>x_#.\n\u0301\u00a00", "ab", *"'sStTlLrReEvVmMdDkK019.,-!?|/`\"\r\t", "\r\n", "\u017f", "\u212a", "\u0000", "\u0001",
        "\u007f", "\u0085", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u0301\u0323", "\u0323", "\u0315", "\u0345",
        "\u0344", "\u0f73", "a\u0328\u0301", "\u1100", "\u1161", "\u11a8", "가", "각", "ǅ", "İ", "ﬁ", "Å", "①", "½", "²",
        "\ufdfa", "ｶ", "ﾞ", "か", "\u3099", "\u0600", "\u0903", "\u0915", "\u094d", "\u093c", "©", "👩", "🇩", "🏽", "\ufe0f",
        "α", "Σ", "ς", "я", "ا", "ה", "ไ", "़", "豈", "\U0002f800", "\U0001d15e", "\u11938", "\U00011938", "ー", "カ",
        "\u1734", "\u2581", "\u3000", "\u2028", "\u2003", "\u00a0", "\u180e", "\u0660", "Ⅷ", "\ufffd", "\U0010ffff",
        "\ue000", "\U0001e030", "\u0378", "\U000e0001", "\U00016d63", "    ", "\n\n", "\n ", " \n", "  \n  ", "'s", "'LL"]
END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CASELESS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
# Of published tokenizers: core/text/scan.c has a scanner for each.
EXPRESSIONS = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + END,
    CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + END,
    r"<\|startoftext\|>|<\|endoftext\|>|" + CLIP, CLIP, r"\s+", " {2,}", r"\p{N}", r"\p{N}{1,3}"]


def pattern(rng):
    if rng.random() < 0.5:
        return {"String": "".join(rng.choice(HARD) for _ in range(rng.choice([1, 1, 1, 2, 0])))}
    return {"Regex": rng.choice(EXPRESSIONS)}


def small_charsmap():
    """A charsmap of a few strings: a double array built by first fit."""
    strings = {"a": "b", "ab": "xyz", "\r": " ", "\n": " ", "\t": " ", "\u0001": "", "\u00ad": "", "é": "e", "①": "1",
               "ﬁ": "fi", "\ufdfa": "salla llahu", "か\u3099": "が", "e\u0301": "é", "©": "", "x": "é", "北": "bei"}
    texts, at = b"", {}
    for by in strings.values():
        at[by] = len(texts)
        texts += by.encode() + b"\0"
    tree = {}
    for s, by in strings.items():
        node = tree
        for c in s.encode():
            node = node.setdefault(c, {})
        node[None] = at[by]
    units = {0: 0}

    def place(node, where, label, leaf):
        labels = [0 if c is None else c for c in node]
        start = next(b for b in range(1, 100000) if all(b ^ c not in units for c in labels))
        units[where] = (where ^ start) << 10 | (256 if leaf else 0) | label
        for c in labels:
            units[start ^ c] = 0
        for c, child in node.items():
            if c is None:
                units[start] = 1 << 31 | child
            else:
                place(child, start ^ c, c, None in child)

    place(tree, 0, 0, False)
    n = max(units) | 255
    trie = struct.pack("<%dI" % (n + 1), *(units.get(i, 0) for i in range(n + 1)))
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + texts).decode()


CHARSMAPS = [small_charsmap()]


def normalizer(rng):
    kind = rng.choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "Strip", "Prepend",
                       "Replace", "Replace", "ByteLevel", "Precompiled", "Precompiled", "BertNormalizer"])
    d = {"type": kind}
    if kind == "Strip":
        d.update(strip_left=rng.random() < 0.7, strip_right=rng.random() < 0.7)
    if kind == "Prepend":
        d.update(prepend=rng.choice(["▁", "▁", "ab", "é", "x y"]))
    if kind == "Replace":
        d.update(pattern=pattern(rng), content=rng.choice(["▁", " ", "", "ab", "é"]))
        if d["pattern"] == {"String": ""}:  # the library then loses its alignments
            d["pattern"]["String"] = "a"
    if kind == "Precompiled":
        d.update(precompiled_charsmap=rng.choice(CHARSMAPS))
    if kind == "BertNormalizer":
        d.update({k: rng.random() < 0.5 for k in
                  ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")})
    return d


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def pre_tokenizer(rng):
    kind = rng.choice(["ByteLevel", "ByteLevel", "Metaspace", "Metaspace", "Whitespace", "WhitespaceSplit", "Punctuation",
                       "Digits", "Split", "Split", "CharDelimiterSplit", "UnicodeScripts", "FixedLength",
                       "BertPreTokenizer"])
    d = {"type": kind}
    if kind == "ByteLevel":
        d.update(add_prefix_space=rng.random() < 0.5, trim_offsets=rng.random() < 0.5,
                 use_regex=rng.random() < 0.7)
    if kind == "Metaspace":
        d.update(replacement=rng.choice("▁▁_a"), prepend_scheme=rng.choice(["always", "first", "never"]),
                 split=rng.random() < 0.7)
    if kind == "Punctuation":
        d.update(behavior=rng.choice(BEHAVIORS))
    if kind == "Digits":
        d.update(individual_digits=rng.random() < 0.5)
    if kind == "Split":
        d.update(pattern=pattern(rng), behavior=rng.choice(BEHAVIORS), invert=rng.random() < 0.4)
    if kind == "CharDelimiterSplit":
        d.update(delimiter=rng.choice("a-é▁ 北"))
    if kind == "FixedLength":
        d.update(length=rng.choice([1, 2, 3, 7]))
    return d


def chain(rng, member, kind, key):
    n = rng.choice([0, 1, 1, 1, 2, 2, 3, 4])
    if n < 2:
        return member(rng) if n else None
    return {"type": "Sequence", key: [member(rng) for _ in range(n)]}


def whole(normalizer=None, pre_tokenizer=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None,
            "decoder": None, "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]]}}


def tokenizer(rng):
    return whole(chain(rng, normalizer, "Sequence", "normalizers"),
                 chain(rng, pre_tokenizer, "Sequence", "pretokenizers"))
