#!/usr/bin/env python3
"""Tokens a second of `chat` in every dtype and mode of int8, greedy, in turns; with --score, what they cost in perplexity.

usage: generate_dtypes.py PROGRAM MODEL ROWS.jsonl [--texts N ...] [--tokens N] [--threads N] [--rounds N] [--score TEXTS.jsonl]

MODEL is a decoder with a chat template, ROWS hold `messages`, TEXTS `text`. Loading is in nobody's time. Prints medians of the rounds
(least and most in brackets). Perplexity is over all tokens of all texts but each text's first.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import tempfile

WAYS = {"float32": ["--dtype", "float32"], "bfloat16": ["--dtype", "bfloat16"], "int8": ["--dtype", "int8"],
        "int8 groups": ["--dtype", "int8", "--int8-mode", "groups"]}


def run(a, verb, folder, source, *options):
    out, summary = folder / "out.jsonl", folder / "summary.json"
    subprocess.run([a.program, verb, "-m", a.model, "-i", source, "-o", out, "--restart", "-q", "--threads", str(a.threads),
                    "--summary-json", summary, *options], check=True)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()], json.loads(summary.read_text())


def rate(a, folder, rows, way):
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said, summary = run(a, "chat", folder, source, "--return-tokens", "--max-new-tokens", str(a.tokens), *way)
    return sum(len(row["token_ids"]) for row in said) / summary["seconds"]["run"]


def perplexity(a, folder, way):
    said, _ = run(a, "score", folder, a.score, *way)
    return math.exp(-sum(row["log_prob"] for row in said) / sum(row["tokens"] for row in said))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("rows", type=pathlib.Path)
    p.add_argument("--texts", type=int, nargs="+", default=[16, 1])
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--score", type=pathlib.Path)
    a = p.parse_args()
    rows = [json.loads(line) for line in a.rows.read_text(encoding="utf-8").splitlines()]
    print("| texts | dtype | tokens/s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for n in a.texts:
            rounds = [[rate(a, folder, rows[:n], way) for way in WAYS.values()] for _ in range(a.rounds)]
            for dtype, rates in zip(WAYS, zip(*rounds)):
                print(f"| {n} | {dtype} | {statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) |", flush=True)
        for dtype, way in WAYS.items() if a.score else ():
            print(f"perplexity {dtype}: {perplexity(a, folder, way):.3f}", flush=True)


if __name__ == "__main__":
    main()
