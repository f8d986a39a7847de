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
UPPERS, LOWERS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(end, digits):
    start = r"[^\r\n\p{L}\p{N}]?"
    return (start + UPPERS + "*" + LOWERS + "+" + end + "|" + start + UPPERS + "+" + LOWERS + "*" + end + "|" + digits +
            END.replace(r"\r\n]*|", r"\r\n/]*|", 1))


EXPRESSIONS = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + END,
    CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + END,
    r"<\|startoftext\|>|<\|endoftext\|>|" + CLIP, CLIP, r"\s+", " {2,}", r"\p{N}", r"\p{N}{1,3}",
    " ?[^(\\s|[.,!?…。，、।۔،])]+", cased(CASELESS + "?", r"\p{N}{1,3}"), cased("", r"\p{N}"),
    CASELESS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"|\s*[\r\n]+|\s+(?!\S)|\s+", "[一-龥぀-ゟ゠-ヿ]+"]
# For PCRE2, rewritten by core/text/regex_rewrite.c.
REWRITTEN = [
    r"\d+", r"\w+|[^\w\s]+", r"\b", r"\B.", "^", "$", r"\A.", r".\z", r".\Z", "x*", "a|", "(?=a)", r"(?<=\s)\S", r"(?<!a|b)\p{L}",
    r"[^\S\n]+", r"[\w-]+", r"[^(\s|[.,!?…。，、।۔،])]+", r"[\p{L}&&[^\p{Han}]]+", r"[^\p{L}&&[^a]]", r"[\P{L}a]+", r"[^\P{L}a]+",
    r"\p{^L}+", r"[[:punct:]]+", r"\p{Punct}", r"[[:^alpha:]b]", r"[\w]", r"\W+", r"\h{2,}", r"\H", "a{,2}", "a{2}", "a++b?", "(?>a+)b", "(a|ab)(c|b)?",
    "(?i)[a-k]+", "(?i:'s|'t|'ll|k)", "(?i)\\p{Lu}+", "(?m).+", ".+", "(?m:.)(?i-m:A.)", "(?<name>a)b", r"[\b\t\x{e9}é\u0041]", "[]",
    r"\p{Alpha}+", r"[\p{Upper}\d]+", r"\p{lower}", r"\p{Other}", r"\p{Cn}", r"[^\p{Cn}]", r"\p{Hiragana}|\p{Katakana}", r"[\p{Mn}]", r"[^\p{Mn}a]",
    r"\p{Arabic}+", r"\p{Common}", r"\p{Any}", r"\p{Graph}+", r"[[:print:]]+", r"\e|\v|\f|\a|\0",
    r"[一-龥぀-ゟ゠-ヿ]+", r"[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\s+",
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"]
ATOMS = [*"ab .x_0", "é", "北", r"\s", r"\S", r"\d", r"\D", r"\w", r"\W", r"\p{L}", r"\p{N}", r"\P{L}", r"\p{Lu}", r"\p{M}", r"\p{P}", r"\h", "[ab]",
         "[^ab]", r"[^\s]", r"[\w']", r"[a-cx-z]", r"[^\W_]", r"[\p{L}\p{N}]", r"[[:alpha:]]", r"[[a-c]&&[^b]]", r"\n", r"\.", "'", "[,.]", "\\u0301"]


def expression(rng, deep=2):
    """A random regular expression."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.7 or deep == 0:
            part = rng.choice(ATOMS)
        elif kind < 0.85:
            part = "(?:" + expression(rng, deep - 1) + "|" + expression(rng, deep - 1) + ")"
        elif kind < 0.9:
            part = rng.choice(["(?=%s)", "(?!%s)", "(?>%s)", "(%s)", "(?m:%s)"]) % expression(rng, deep - 1)
        elif kind < 0.95:
            part = rng.choice(["(?<=%s)", "(?<!%s)"]) % rng.choice(ATOMS)
        else:
            part = rng.choice(["^", "$", r"\b", r"\B", r"\A", r"\z"])
        if part[:3] not in ("(?=", "(?!", "(?<") and part not in ("^", "$", r"\b", r"\B", r"\A", r"\z"):
            part += rng.choice(["", "", "", "*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{2,}", "{1,}?"])
        parts.append(part)
    return "".join(parts)


def pattern(rng):
    kind = rng.random()
    if kind < 0.3:
        return {"String": "".join(rng.choice(HARD) for _ in range(rng.choice([1, 1, 1, 2, 0])))}
    if kind < 0.6:
        return {"Regex": rng.choice(EXPRESSIONS)}
    return {"Regex": rng.choice(REWRITTEN) if kind < 0.8 else expression(rng)}


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
        if "String" not in d["pattern"] and d["pattern"]["Regex"] not in EXPRESSIONS or d["pattern"] == {"String": ""}:
            d["pattern"] = {"String": "a"}  # after an empty match at the start the library fails
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
