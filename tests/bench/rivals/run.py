#!/usr/bin/env python3
"""This program and other engines in turns on the same rows: rates and ratios as a table.

usage: run.py --program tfm-cluster --models OUT --rows rows.jsonl [--every 16] [--rounds 5]
              [--batches 8,32] [--only MiniLM-L6] [--lengths mixed,128] [--dtypes float32,int8]
              [--cpu 1] [--threads 1]
Seconds are the processor's with one thread, the clock's with more: then the machine must be idle.
--every N takes one row in N of the file, at random but always the same; beside those there are rows of 128 tokens. OUT is
make.py's folder.
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

HERE = pathlib.Path(__file__).resolve().parent
RIVALS = ("transformers", "onnxruntime", "openvino", "ctranslate2")
HAVE = {"float32": RIVALS, "bfloat16": ("transformers", "openvino", "ctranslate2"),
        "int8": ("onnxruntime", "openvino", "ctranslate2")}
FIXED_ROWS = 32
FIXED_LENGTH = 128


class Engine:
    """A process that answers a pass with its seconds."""

    def __init__(self, a, name, dtype, folder, size, rows):
        self.name, self.dtype, self.size = name, dtype, size
        batches = [rows[i:i + size] for i in range(0, len(rows), size)]
        pin = ["taskset", "-c", a.cpu] if a.cpu else []
        self.process = subprocess.Popen(
            [*pin, sys.executable, HERE / "engine.py", name, dtype, folder, str(a.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.error = self.ask({"load": batches}).get("error")

    def ask(self, what):
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline() or '{"error": "it ended"}')
        except BrokenPipeError:
            return {"error": "it ended"}

    def seconds(self, clock):
        return self.ask({"pass": 1})[clock]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def own_seconds(a, source, dtype, what, tokens):
    pin = ["taskset", "-c", a.cpu] if a.cpu else []
    run = subprocess.run([*pin, a.program, "bench", "encode", "-m", source, "--dtype", dtype, "-r",
                          "1", "-o", "json", "--threads", str(a.threads), *what],
                         capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    rate = "tokens_per_cpu_s" if a.clock == "cpu_s" else "tokens_per_s"
    return tokens / json.loads(run.stdout)[0][rate]


def compare(a, folder, dtype, name, rows, what):
    """Rounds over all engines of a dtype; a line of the table for each."""
    source = (folder / "source.txt").read_text().strip()
    tokens = sum(map(len, rows))
    engines = [Engine(a, engine, dtype, folder, size, rows)
               for engine in HAVE[dtype] for size in a.batches]
    took = {}
    for _ in range(a.rounds):
        took.setdefault("this program", []).append(own_seconds(a, source, dtype, what, tokens))
        for e in engines:
            if not e.error:
                took.setdefault((e.name, e.size), []).append(e.seconds(a.clock))
    own = took.pop("this program")
    lines = [(folder.name, name, dtype, "this program", "-", tokens / statistics.median(own), "")]
    for rival in HAVE[dtype]:
        sizes = {s: t for (n, s), t in took.items() if n == rival}
        if not sizes:
            why = next(e.error for e in engines if e.name == rival)
            lines.append((folder.name, name, dtype, rival, "-", 0, why))
            continue
        size = min(sizes, key=lambda s: statistics.median(sizes[s]))
        ratios = sorted(theirs / ours for theirs, ours in zip(sizes[size], own))
        lines.append((folder.name, name, dtype, rival, size,
                      tokens / statistics.median(sizes[size]),
                      f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"))
    for e in engines:
        e.close()
    return lines


def loads(a, folder, scratch):
    """Name, rows of ids, and how bench encode is asked for the same."""
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained((folder / "source.txt").read_text().strip())
    with open(a.rows, encoding="utf-8") as f:
        lines = f.read().splitlines()
    lines = random.Random(11).sample(lines, len(lines) // a.every)
    some = scratch / "rows.jsonl"
    some.write_text("\n".join(lines) + "\n", encoding="utf-8")
    limit = min(tokenizer.model_max_length, 512)
    ids = tokenizer([json.loads(line)["text"] for line in lines], truncation=True,
                    max_length=limit)["input_ids"]
    yield "mixed", sorted(ids, key=len, reverse=True), ["-i", str(some), "--max-length", str(limit)]
    words = sorted(w for w in tokenizer.get_vocab() if re.fullmatch("[a-z]{3,}", w))
    pick = random.Random(3)
    texts = [" ".join(pick.choices(words, k=FIXED_LENGTH - 2)) for _ in range(FIXED_ROWS)]
    fixed = tokenizer(texts)["input_ids"]
    assert {len(row) for row in fixed} == {FIXED_LENGTH}
    same = scratch / "fixed.jsonl"
    same.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    yield str(FIXED_LENGTH), fixed, ["-i", str(same), "--max-length", str(limit)]


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--models", type=pathlib.Path, required=True)
    p.add_argument("--rows", required=True)
    p.add_argument("--every", type=int, default=16)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--batches", type=lambda s: [int(n) for n in s.split(",")], default=[8, 32])
    p.add_argument("--cpu", default="1")
    p.add_argument("--only", default="MiniLM-L6,bert-base")
    p.add_argument("--lengths", default=f"mixed,{FIXED_LENGTH}")
    p.add_argument("--dtypes", default="float32,bfloat16,int8")
    a = p.parse_args()
    a.clock = "cpu_s" if a.threads == 1 else "wall_s"
    unit = "CPU s" if a.threads == 1 else "s"
    print(f"| model | lengths | dtype | engine | batch | tokens/{unit} | this program is so many times "
          "as fast |\n|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for model in a.only.split(","):
            for name, rows, what in loads(a, a.models / model, pathlib.Path(scratch)):
                if name not in a.lengths.split(","):
                    continue
                for dtype in a.dtypes.split(","):
                    for line in compare(a, a.models / model, dtype, name, rows, what):
                        *words, rate, ratio = line
                        print(f"| {' | '.join(map(str, words))} | {rate:.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
