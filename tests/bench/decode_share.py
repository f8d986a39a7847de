#!/usr/bin/env python3
"""Which share of what a core reads out of memory one text's decoding reaches, by dtype.

usage: decode_share.py PROGRAM MODEL ROWS.jsonl READ_PEAK [--tokens SHORT LONG] [--rounds N]

MODEL is a decoder with a chat template whose embeddings are its head too, in one model.safetensors; the first of
ROWS holds `messages`; READ_PEAK is the program of read_peak.c. Every token reads all weights once: 4, 2 or 1 byte
of each. Seconds are by the difference of two lengths, one thread, so that the prompt is in neither. The peak is read in the same rounds. Prints medians (least and most of the shares in brackets).
"""
import argparse
import json
import math
import pathlib
import statistics
import struct
import subprocess
import tempfile

DTYPES = {"float32": 4, "bfloat16": 2, "int8": 1}  # bytes of a weight


def weights_of(model):
    """Numbers in the checkpoint's matrices."""
    with open(pathlib.Path(model) / "model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__" and len(t["shape"]) > 1)


def seconds(a, folder, dtype, tokens):
    summary = folder / "summary.json"
    subprocess.run([a.program, "chat", "-m", a.model, "-i", folder / "row.jsonl", "-o", folder / "out.jsonl", "--restart", "-q",
                    "--threads", "1", "--dtype", dtype, "--min-new-tokens", str(tokens), "--max-new-tokens", str(tokens),
                    "--summary-json", summary], check=True)
    return json.loads(summary.read_text(encoding="utf-8"))["seconds"]["run"]


def peak(a):
    return float(subprocess.run([a.read_peak], check=True, capture_output=True, text=True).stdout.split()[0])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("rows", type=pathlib.Path), p.add_argument("read_peak")
    p.add_argument("--tokens", type=int, nargs=2, default=[40, 240])
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    short, long = a.tokens
    weights = weights_of(a.model)
    print("| dtype | tokens/s | GB/s | peak GB/s | share % |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "row.jsonl").write_text(a.rows.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
        rounds = []
        for _ in range(a.rounds):
            most = peak(a)
            for dtype in DTYPES:
                first, last = (seconds(a, folder, dtype, n) for n in (short, long))
                rate = (long - short) / (last - first)
                rounds.append((dtype, rate, rate * weights * DTYPES[dtype] / 1e9, most))
        for dtype in DTYPES:
            mine = [r for r in rounds if r[0] == dtype]
            rate, got, most = (statistics.median(r[i] for r in mine) for i in (1, 2, 3))
            shares = sorted(100 * r[2] / r[3] for r in mine)
            print(f"| {dtype} | {rate:.0f} | {got:.1f} | {most:.1f} | "
                  f"{statistics.median(shares):.0f} ({shares[0]:.0f} to {shares[-1]:.0f}) |", flush=True)


if __name__ == "__main__":
    main()
