#!/usr/bin/env python3
"""Write core/text/unicode_tables.c: where the `tokenizers` library and utf8proc disagree.

usage: make_text_tables.py > core/text/unicode_tables.c

The library is asked about every code point through its public Python interface; utf8proc through
ctypes. The library's parts carry Unicode data of different versions (categories of 8.0,
decompositions of 9.0, lower case and regular expressions of 16.0 and later), so no single version
of utf8proc can agree with all of them. Needs tokenizers and libutf8proc.so.2.
"""
import ctypes
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
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

    def nfd(self, c):
        n = self.lib.utf8proc_decompose_char(c, self.room, 32, 1 << 4, None)
        return [self.room[i] for i in range(n)]


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


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, comment, points):
    rows = ["{0x%04x, 0x%04x}" % (a, b) for a, b in ranges(points)]
    lines = ["  " + ", ".join(rows[i:i + 5]) + "," for i in range(0, len(rows), 5)]
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

    theirs = {c for c in POINTS if word(c)}
    ours = {c for c in POINTS if u.category[c] in WORD or c in (0x200C, 0x200D) or
            any(a <= c <= b for a, b in ENCLOSED)}
    assert not ours - theirs
    out.append(table("word", "Letters, marks and digits of Unicode 16 and later.", theirs - ours))

    pairs = [(c, [ord(x) for x in lower(chr(c))]) for c in POINTS]
    pairs = [(c, d) for c, d in pairs if d != [u.lower(c)]]
    assert [c for c, d in pairs if len(d) != 1] == [0x130]  # in unicode.c: the only long one
    rows = ["{0x%04x, 0x%04x}" % (c, d[0]) for c, d in pairs if len(d) == 1]
    lines = ["  " + ", ".join(rows[i:i + 5]) + "," for i in range(0, len(rows), 5)]
    out.append("/* Lower case of Unicode 16 and later: {upper, lower}. */\n"
               "const tfm__range tfm__lower[] = {\n%s\n};\nconst size_t tfm__lower_n = sizeof "
               "tfm__lower / sizeof tfm__lower[0];\n" % "\n".join(lines))

    sys.stdout.write(
        "/* Made by tests/reference/make_text_tables.py: tokenizers %s against utf8proc's Unicode %s.\n"
        " * Ranges are closed and ascending. */\n#include \"core/text/unicode_tables.h\"\n\n%s"
        % (tokenizers.__version__, u.version, "\n".join(out)))


if __name__ == "__main__":
    main()
