#!/usr/bin/env python3
"""Time against length: one row of one kind of character, 1 kB to 10 MB, for several tokenizers.

usage: text_lengths.py DRIVE TOKENIZER... [--bytes 10000000] [--rounds 3]

DRIVE is build/release/tests/core/text/text_drive. Prints, for each tokenizer, CPU milliseconds of one
encode with offsets, and how much longer a byte takes in the longest row than in that of 10 kB: 1 is
linear, 1000 would be square. Best of the rounds, so memory is there already: a thread's first row of
10 MB takes two to four times as long, because the system has to find 150 to 240 MB for it.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

SHORTEST = 1000
IDEOGRAPHS = "".join(chr(0x4e00 + i * 7919 % 20000) for i in range(997))
KINDS = {"a": "a", "space": " ", "emoji": "\U0001f600", "marks": "\u0301\u0323", "CJK": IDEOGRAPHS,
         "words": "the quick brown fox jumps over 13 lazy dogs, "}


class Drive:
    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **kw):
        self.p.stdin.write(json.dumps(kw).encode() + b"\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise SystemExit("the program stopped at %s" % kw)
        return json.loads(line)


def row(kind, n):
    """About n bytes of whole characters."""
    one = KINDS[kind]
    return (one * (n // len(one.encode()) + 1)).encode()[:n].decode(errors="ignore")


def measure(drive, path, rounds):
    got = drive.ask(bench=str(path), rounds=rounds)
    if not got.get("bytes"):
        return None
    return got["seconds"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("drive")
    p.add_argument("tokenizers", nargs="+", type=pathlib.Path)
    p.add_argument("--bytes", type=int, default=10 ** 7)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    lengths = [n for k in range(10) if (n := SHORTEST * 10 ** k) <= a.bytes]
    drive = Drive(a.drive)
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "row.txt"
        for tokenizer in a.tokenizers:
            got = drive.ask(open=str(tokenizer))
            if "error" in got:
                raise SystemExit(got["error"])
            print("\n| %s |" % "/".join(tokenizer.parts[-2:]) +
                  "".join(" %d kB |" % (n // 1000) for n in lengths) + " per byte |")
            print("|---|" + "---:|" * (len(lengths) + 1))
            for kind in KINDS:
                took = []
                for n in lengths:
                    path.write_text(row(kind, n) + "\n", encoding="utf-8")
                    took.append(measure(drive, path, a.rounds))
                if None in took:
                    print("| %s | refused |" % kind)
                    continue
                growth = took[-1] / lengths[-1] / (took[1] / lengths[1])
                print("| %s |" % kind + "".join(" %.3g |" % (1e3 * t) for t in took) + " %.1f |" % growth, flush=True)


if __name__ == "__main__":
    main()
