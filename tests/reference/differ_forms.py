#!/usr/bin/env python3
"""Compare every normalizer with the `tokenizers` library on the strings of Unicode's NormalizationTest.

usage: differ_forms.py DRIVE [NormalizationTest.txt[.bz2]]

The file is Debian's unicode-data package's unless it is named. Each string of its five columns is
compared alone, between letters, and joined with its neighbours, with and without blanks: tokens (they
show the normalized text) and offsets. The library's Unicode data are older than the file in places:
the library is the oracle, not the file. Exit 1 on any difference.
"""
import bz2
import json
import pathlib
import sys
import tempfile

from tokenizers import Tokenizer

import front_text
from differ_text import Drive, encoded

FILE = "/usr/share/unicode/NormalizationTest.txt.bz2"
SEQUENCE = {"type": "Sequence", "normalizers": [{"type": n} for n in ("NFKD", "StripAccents", "Lowercase", "NFC")]}
NORMALIZERS = [*({"type": n} for n in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt")), SEQUENCE,
               {"type": "Precompiled", "precompiled_charsmap": front_text.small_charsmap()},
               {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": True,
                "lowercase": True}]


def strings_of(path):
    data = pathlib.Path(path).read_bytes()
    text = (bz2.decompress(data) if path.endswith(".bz2") else data).decode()
    lines = [line.split("#")[0].split(";")[:5] for line in text.split("\n") if line[:1] not in ("", "#", "@")]
    one = list(dict.fromkeys("".join(chr(int(x, 16)) for x in column.split()) for line in lines for column in line))
    near = ["a" + s + "b" for s in one[::5]]
    joined = [sep.join(one[i:i + n]) for n, sep in ((7, " "), (5, "")) for i in range(0, len(one), n)]
    return one + near + joined


def main():
    drive = Drive(sys.argv[1])
    strings = strings_of(sys.argv[2] if len(sys.argv) > 2 else FILE)
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "tokenizer.json"
        for normalizer in NORMALIZERS:
            text = json.dumps(front_text.whole(normalizer))
            path.write_text(text)
            tok = Tokenizer.from_str(text)
            assert "error" not in drive.ask(open=str(path)), normalizer
            differ = [s for s in strings if drive.ask(text=s) != encoded(tok.encode(s))]
            bad += len(differ)
            print("%-16s %d strings, %d differ%s" % (normalizer["type"], len(strings), len(differ),
                                                     ": %a" % differ[0] if differ else ""), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
