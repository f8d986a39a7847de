#!/usr/bin/env python3
"""Write core/text/unicode_tables.c: where the `tokenizers` library and utf8proc disagree.

usage: make_text_tables.py > core/text/unicode_tables.c

The library is asked about every code point through its public Python interface; utf8proc through
ctypes. The library's parts carry Unicode data of different versions (categories of 8.0,
decompositions of 9.0, lower case, digits and regular expressions of 16.0 and later, text clusters
of 16.0 and later), so no single version of utf8proc can agree with all of them. What utf8proc does
not know (scripts, conjuncts) is found out whole. Needs tokenizers and libutf8proc.so.2.
"""
import ctypes
import struct
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf "
              "Cs Co").split()  # in utf8proc's order
CLUSTERS = ("OTHER CONTROL EXTEND MARK SPACING ZWJ LINKER PREPEND PICTURE CONSONANT L V T LV "
            "LVT").split()  # in the order of core/text/chars.h
PUNCTUATION = ("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po")
WORD = ("Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Mn", "Mc", "Me", "Nd", "Pc")
ENCLOSED = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


class Utf8proc:
    def __init__(self):
        lib = ctypes.CDLL("libutf8proc.so.2")
        lib.utf8proc_unicode_version.restype = ctypes.c_char_p
        lib.utf8proc_category_string.restype = ctypes.c_char_p
        lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
        lib.utf8proc_decompose_char.restype = ctypes.c_ssize_t
        lib.utf8proc_decompose_char.argtypes = [ctypes.c_int32, ctypes.POINTER(ctypes.c_int32),
                                                ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p]
        self.lib, self.room = lib, (ctypes.c_int32 * 32)()
        self.version = lib.utf8proc_unicode_version().decode()
        self.category = {c: lib.utf8proc_category_string(c).decode() for c in POINTS}
        self.combining = {c: lib.utf8proc_get_property(c).contents.combining_class for c in POINTS}

    def lower(self, c):
        return self.lib.utf8proc_tolower(c)

    def nfd(self, c, compatible=False):
        options = 1 << 4 | (1 << 2 if compatible else 0)
        n = self.lib.utf8proc_decompose_char(c, self.room, 32, options, None)
        return [self.room[i] for i in range(n)]


class Pcre2:
    """The characters that a pattern for one character matches."""

    def __init__(self):
        lib = ctypes.CDLL("libpcre2-8.so.0")
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
        lib.pcre2_compile_8.restype = lib.pcre2_match_data_create_8.restype = pointer
        lib.pcre2_compile_8.argtypes = [ctypes.c_char_p, size, number, pointer, pointer, pointer]
        lib.pcre2_match_data_create_8.argtypes = [number, pointer]
        lib.pcre2_match_8.argtypes = [pointer, ctypes.c_char_p, size, size, number, pointer, pointer]
        lib.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(size)
        lib.pcre2_get_ovector_pointer_8.argtypes = [pointer]
        self.lib, self.data = lib, lib.pcre2_match_data_create_8(1, None)
        self.all = "".join(map(chr, POINTS)).encode()

    def matching(self, pattern):
        utf, ucp, no_check = 0x00080000, 0x00020000, 0x40000000
        pattern, places = ("(?:%s)++" % pattern).encode(), (ctypes.c_size_t * 2)()
        code = self.lib.pcre2_compile_8(pattern, len(pattern), utf | ucp, places, ctypes.byref(places, 8), None)
        found, at = set(), self.lib.pcre2_get_ovector_pointer_8(self.data)
        end = 0
        while self.lib.pcre2_match_8(code, self.all, len(self.all), end, no_check, self.data, None) > 0:
            end = at[1]
            found.update(map(ord, self.all[at[0]:end].decode()))
        return found


# What regex_rewrite.c knows by name besides categories: in PCRE2's words, in the library's.
PROPERTIES = [("ALPHABETIC", "Alphabetic", "Alpha"), ("UPPERCASE", "Uppercase", "Upper"),
              ("LOWERCASE", "Lowercase", "Lower")]
SCRIPTS = "Arabic Bengali Common Cyrillic Devanagari Greek Han Hangul Hebrew Hiragana Katakana Latin Tamil Thai".split()
PROPERTIES += [(name.upper(), "sc:" + name, name) for name in SCRIPTS]


def newer(categories):
    """Two maps: categories that differ from PCRE2's, and properties it does not know of."""
    pcre2, ours = Pcre2(), {}
    for name in CATEGORIES:
        ours.update((c, name) for c in pcre2.matching(r"\p{%s}" % name))
    assert len(ours) == len(POINTS)
    differ = {c: v for c, v in categories.items() if v != ours[c]}
    # regex_rewrite.c has this one by hand: all others are unassigned for PCRE2
    assert [(c, ours[c], v) for c, v in differ.items() if ours[c] != "Cn"] in ([], [(0x1171E, "Mn", "Mc")])
    properties = {}
    for name, theirs, here in PROPERTIES:
        a, b = pcre2.matching(r"\p{%s}" % theirs), matching(r"\p{%s}" % here)
        assert not a - b, name
        properties[name] = b - a
    return differ, properties


def bert(**kw):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **kw}).normalize_str


def single_word():
    t = Tokenizer(models.WordPiece({"[UNK]": 0, "tok": 1}, unk_token="[UNK]"))
    t.add_tokens([AddedToken("tok", normalized=False, single_word=True)])
    return lambda c: 1 not in t.encode(chr(c) + "tok").ids


def is_starter(nfd, c):
    """Whether the library never moves this character behind or before a mark."""
    x, d = chr(c), nfd(chr(c))
    return nfd("a\u0345" + x) == "a\u0345" + d and nfd("a" + x + "\u0334") == "a" + d + "\u0334"


def matching(pattern):
    """The characters that a pattern for one character matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str
    found = set()
    for i in range(0, len(POINTS), 20000):
        for piece, _ in split("".join(map(chr, POINTS[i:i + 20000]))):
            found.update(map(ord, piece))
    return found


def cluster_counter():
    """A function that counts the characters left of a text when every character and every cluster of
    less than six bytes becomes one: clusters that Precompiled sees, of a charsmap (a Darts-clone
    double array) whose states are those of well-formed UTF-8."""
    start = {"root": 256, "one": 512, "two": 768, "three": 1024, "end": 1280}
    units = [0] * 1536

    def unit(at, label, to):
        units[at] = (at ^ start[to]) << 10 | (256 if to == "end" else 0) | label

    unit(0, 0, "root")
    for first, last, to in ((1, 0x7F, "end"), (0xC2, 0xDF, "one"), (0xE0, 0xEF, "two"), (0xF0, 0xF4, "three")):
        for c in range(first, last + 1):
            unit(start["root"] ^ c, c, to)
    for c in range(0x80, 0xC0):
        unit(start["one"] ^ c, c, "end")
        unit(start["two"] ^ c, c, "one")
        unit(start["three"] ^ c, c, "two")
    units[start["end"]] = 1 << 31
    trie = struct.pack("<%dI" % len(units), *units)
    normalize = normalizers.Precompiled(struct.pack("<I", len(trie)) + trie + b"c\0").normalize_str
    return lambda s: len(normalize(s))


def cluster_classes():
    """What tells clusters apart, as the names of unicode.h; Hangul goes by its ranges there."""
    n = cluster_counter()
    kinds = {}
    for c in POINTS:
        x = chr(c)
        if 0xAC00 <= c <= 0xD7A3:
            continue
        if n("a" + x) == 1:  # with what stands before it
            emoji, conjunct = n("\u00a9" + x + "\u200d\u00a9\u0301") == 5, n("\u0915\u094d" + x + "\u0915\u0301") == 5
            linker = n("\u0915" + x + "\u0915\u0301") == 4
            kinds[c] = ("ZWJ" if c == 0x200D else "LINKER" if linker and emoji else
                        "EXTEND" if emoji and conjunct else "MARK" if emoji else "SPACING")
            assert linker <= conjunct and (conjunct <= emoji or c == 0x200D)
        elif n(x + "\u0301\u0301") == 2:  # nothing clings to it
            kinds[c] = "CONTROL"
        elif n(x + "a") == 1:
            kinds[c] = "PREPEND"
        elif n("\u1100" + x + "\u0301") == 3 and n("\u11a8" + x + "\u0301") == 2 and c < 0x10000:
            kinds[c] = "L" if n(x + "\u1161\u0301") == 3 and n(x + "\u11a8\u0301") == 2 else "V"
        elif n("\u11a8" + x + "\u0301") == 3 and c < 0x10000:
            kinds[c] = "T"
        elif n(x + "\u200d\u00a9\u0301") == 4:
            kinds[c] = "PICTURE"
        elif n(x + "\u094d\u0915\u0301") == 4:
            kinds[c] = "CONSONANT"
    return kinds


def script_classes():
    """Numbers of scripts as UnicodeScripts cuts them: characters of one number are not cut apart.
    0 is what it never cuts at. A text's leading characters of number 0 are dropped."""
    cut = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    known, number = [], {}
    last = None
    for c in POINTS:
        x = chr(c)
        if not cut(x):
            last = number[c] = 0
        elif last and len(cut(chr(known[last - 1]) + x)) == 1:
            number[c] = last
        else:
            same = [i for i, k in enumerate(known) if len(cut(chr(k) + x)) == 1]
            if not same:
                known.append(c)
                same = [len(known) - 1]
            last = number[c] = same[0] + 1
    return number


def value_ranges(values):
    """[first, last, value] of a map of code points; those it leaves out lie between."""
    out = []
    for c in sorted(values):
        if out and out[-1][1] == c - 1 and out[-1][2] == values[c]:
            out[-1][1] = c
        else:
            out.append([c, c, values[c]])
    return out


def value_table(name, comment, values, prefix):
    rows = ["{0x%04x, 0x%04x, %s%s}" % (a, b, prefix, v) for a, b, v in value_ranges(values)]
    lines = packed(rows)
    return ("/* %s */\nconst tfm__valued tfm__%s[] = {\n%s\n};\nconst size_t tfm__%s_n = sizeof tfm__%s / "
            "sizeof tfm__%s[0];\n" % (comment, name, "\n".join(lines), name, name, name))


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def packed(rows):
    lines = [" "]
    for row in rows:
        if len(lines[-1]) + len(row) + 2 > 96:
            lines.append(" ")
        lines[-1] += " " + row + ","
    return lines


def table(name, comment, points):
    rows = ["{0x%04x, 0x%04x}" % (a, b) for a, b in ranges(points)]
    lines = packed(rows)
    return ("/* %s */\nconst tfm__range tfm__%s[] = {\n%s\n};\nconst size_t tfm__%s_n = sizeof tfm__%s / "
            "sizeof tfm__%s[0];\n" % (comment, name, "\n".join(lines), name, name, name))


def main():
    u = Utf8proc()
    clean, strip = bert(clean_text=True), bert(strip_accents=True)
    lower, nfd = normalizers.Lowercase().normalize_str, normalizers.NFD().normalize_str
    pieces, word = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, single_word()

    theirs = {c for c in POINTS if clean("a" + chr(c) + "a") == "aa"} - {0xFFFD}
    ours = {c for c in POINTS if u.category[c] in ("Cc", "Cf", "Co")} - {9, 10, 13}
    assert not theirs - ours
    out = [table("not_control", "Format characters of Unicode 9 and later: the library keeps them.",
                 ours - theirs)]

    theirs = {c for c in POINTS if len(pieces("a" + chr(c) + "a")) == 3 and c > 0x7F}
    ours = {c for c in POINTS if u.category[c] in PUNCTUATION and c > 0x7F}
    out.append(table("punctuation", "Punctuation for the library alone.", theirs - ours))
    out.append(table("not_punctuation", "Punctuation of Unicode 9 and later.", ours - theirs))

    theirs = {c for c in POINTS if strip("a" + chr(c) + "a") == "aa"}
    ours = {c for c in POINTS if u.category[c] == "Mn"}
    out.append(table("nonspacing", "A nonspacing mark for the library alone.", theirs - ours))
    out.append(table("not_nonspacing", "Nonspacing marks of Unicode 9 and later.", ours - theirs))

    moves = {c for c in POINTS if u.combining[c] and len(nfd(chr(c))) == 1}
    out.append(table("starter", "Marks of Unicode 10 and later: never reordered by the library.",
                     {c for c in moves if is_starter(nfd, c)}))
    assert all(u.combining[c] for c in POINTS if not is_starter(nfd, c) and len(nfd(chr(c))) == 1)

    odd = [c for c in POINTS if [ord(x) for x in nfd(chr(c))] != u.nfd(c)]
    assert all(nfd(chr(c)) == chr(c) for c in odd)
    out.append(table("not_decomposed", "Decompositions of Unicode 10 and later.", odd))

    nfkd = normalizers.NFKD().normalize_str
    odd = [c for c in POINTS if [ord(x) for x in nfkd(chr(c))] != u.nfd(c, True)]
    assert all(nfkd(chr(c)) == chr(c) for c in odd)
    out.append(table("not_kompat", "Compatible decompositions of Unicode 10 and later.", odd))

    strip = normalizers.StripAccents().normalize_str
    theirs = {c for c in POINTS if strip("a" + chr(c) + "a") == "aa"}
    ours = {c for c in POINTS if u.category[c] in ("Mn", "Mc", "Me")}
    out.append(table("mark", "A mark for StripAccents alone.", theirs - ours))
    out.append(table("not_mark", "Marks of Unicode 10 and later.", ours - theirs))

    theirs = {x: name for name in CATEGORIES for x in matching(r"\p{%s}" % name)}
    assert len(theirs) == len(POINTS)
    out.append(value_table("category", "Categories of regular expressions, of Unicode 16.",
                           {c: v for c, v in theirs.items() if v != u.category[c]}, "TFM__"))
    differ, properties = newer(theirs)
    out.append(value_table("newer", "Categories that PCRE2 does not know.", differ, "TFM__"))
    rows = ["{0x%04x, 0x%04x, TFM__%s}" % (a, b, name) for name, points in properties.items()
            for a, b in ranges(points)]
    out.append("/* Properties that PCRE2 does not know of these, by property. */\n"
               "const tfm__valued tfm__newer_property[] = {\n%s\n};\nconst size_t tfm__newer_property_n = "
               "sizeof tfm__newer_property / sizeof tfm__newer_property[0];\n" % "\n".join(packed(rows)))
    digit = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
    digits = {c for c in POINTS if len(digit("a" + chr(c) + "a")) == 3}
    numbers = {c for c, v in theirs.items() if v in ("Nd", "Nl", "No")}
    assert not numbers - digits
    out.append(table("digit", "Numbers of Unicode 17, which Digits knows.", digits - numbers))

    out.append(value_table("cluster", "Classes of text clusters.", cluster_classes(), "TFM__CLUSTER_"))
    out.append(value_table("script", "Scripts as UnicodeScripts tells them apart.", script_classes(), ""))

    theirs = {c for c in POINTS if word(c)}
    ours = {c for c in POINTS if u.category[c] in WORD or c in (0x200C, 0x200D) or
            any(a <= c <= b for a, b in ENCLOSED)}
    assert not ours - theirs
    out.append(table("word", "Letters, marks and digits of Unicode 16 and later.", theirs - ours))

    pairs = [(c, [ord(x) for x in lower(chr(c))]) for c in POINTS]
    pairs = [(c, d) for c, d in pairs if d != [u.lower(c)]]
    assert [c for c, d in pairs if len(d) != 1] == [0x130]  # in unicode.c: the only long one
    rows = ["{0x%04x, 0x%04x}" % (c, d[0]) for c, d in pairs if len(d) == 1]
    lines = packed(rows)
    out.append("/* Lower case of Unicode 16 and later: {upper, lower}. */\n"
               "const tfm__range tfm__lower[] = {\n%s\n};\nconst size_t tfm__lower_n = sizeof "
               "tfm__lower / sizeof tfm__lower[0];\n" % "\n".join(lines))

    sys.stdout.write(
        "/* Made by tests/reference/make_text_tables.py: tokenizers %s against utf8proc's Unicode %s.\n"
        " * Ranges are closed and ascending. */\n/* clang-format off */\n#include \"core/text/unicode_tables.h\"\n\n%s"
        % (tokenizers.__version__, u.version, "\n".join(out)))


if __name__ == "__main__":
    main()
