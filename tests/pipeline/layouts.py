#!/usr/bin/env python3
"""One job in many random layouts: the bytes of its output must be the same in all of them.

usage: layouts.py --program tfm-cluster --output FILE [--layouts 500] [--seconds 150] [--model DIR] [--input ROWS.jsonl]
Layout number i is drawn from the seed i: ranks (none, 1 to 8), stages, replicas, cuts inside and between
layers, threads, micro-batches, windows, binding, instruction set. Each that ran is a line of FILE; after --seconds
nothing new begins, and the same command goes on where it stopped. The last line is a verdict; not a test of ctest's,
as 500 of them take an hour. Use the variables of deploy/mpi_env.sh.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

RANKS_MOST, LAYERS = 8, 7
ROOT = pathlib.Path(__file__).resolve().parents[2]


def cut(rng, parts):
    """`0-2a,2f-4,5-6`: the halves of all layers in so many runs."""
    ends = [0, *sorted(rng.sample(range(1, 2 * LAYERS), parts - 1)), 2 * LAYERS]
    names = []
    for first, last in zip(ends, ends[1:]):
        begin = f"{first // 2}{'f' if first % 2 else ''}"
        end = f"{(last - 1) // 2}{'a' if last % 2 else ''}"
        names.append(begin if last - first == 1 and first % 2 else f"{begin}-{end}")
    return ",".join(names)


def layout(number):
    """Ranks (0: without mpirun) and options."""
    rng = random.Random(number)
    ranks = rng.randint(0, RANKS_MOST)
    workers = max(1, ranks - 1) if ranks else RANKS_MOST
    options = []
    kind = rng.choice(("rule", "stages", "lines", "cuts", "cuts"))
    if kind == "stages":
        options += ["--stages", rng.randint(1, min(workers, 2 * LAYERS))]
    elif kind == "lines" and ranks > 2:
        lines = rng.randint(1, workers)
        options += ["--replicas", lines, "--stages", min(2 * LAYERS, workers // lines)]
    elif kind == "cuts" and workers > 1:
        options += ["--layers", cut(rng, rng.randint(2, workers))]
    for name, chance, choices in (("--threads", 0.5, (1, 2, 3)), ("--bind", 0.2, ("none", "inherit")),
                                  ("--max-batch-tokens", 0.6, (512, 513, 700, 1500, 5000)),
                                  ("--sort-window", 0.5, (1, 2, 7, 64, 1000)),
                                  ("--isa", 0.2, ("avx2", "auto", "portable"))):
        if rng.random() < chance:
            options += [name, rng.choice(choices)]
    return ranks, list(map(str, options))


def run(a, number, scratch):
    ranks, options = layout(number)
    out = scratch / "out.jsonl"
    mpi = ["mpirun", "-np", str(ranks)] if ranks else []
    command = [*mpi, a.program, "classify", "-m", a.model, "-i", a.input, "--return-logits", "-o", str(out), "--restart", "-q", *options]
    begun = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    digest = hashlib.sha256(out.read_bytes()).hexdigest() if done.returncode == 0 else ""
    said = done.stderr.decode("utf-8", "replace")[-300:] if done.returncode else ""
    return {"number": number, "layout": " ".join(["np", str(ranks), *options]), "code": done.returncode,
            "sha256": digest, "seconds": round(time.monotonic() - begun, 2), "said": said}


def judge(runs):
    wrong = [r for r in runs if r["code"]]
    hashes = collections.Counter(r["sha256"] for r in runs if not r["code"])
    for r in wrong:
        print(f"exit {r['code']}: {r['layout']}: {r['said']}")
    rare = {h for h, _ in hashes.most_common()[1:]}
    for r in runs:
        if r["sha256"] in rare:
            print(f"other bytes: {r['layout']}")
    print(f"{len(runs)} layouts, {len({r['layout'] for r in runs})} of them different: {len(hashes)} distinct "
          f"output{'s' if len(hashes) != 1 else ''}, {len(wrong)} failed")
    return not wrong and len(hashes) == 1


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--output", required=True, type=pathlib.Path)
    p.add_argument("--layouts", type=int, default=500)
    p.add_argument("--seconds", type=float, default=150)
    p.add_argument("--model", default=str(ROOT / "deploy/models/tfm-sentiment"))
    p.add_argument("--input", default=str(ROOT / "deploy/models/sample.txt"))
    a = p.parse_args()
    runs = [json.loads(line) for line in a.output.read_text().splitlines()] if a.output.exists() else []
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, a.output.open("a", encoding="utf-8") as out:
        for number in range(len(runs), a.layouts):
            if time.monotonic() - begin > a.seconds:
                break
            runs.append(run(a, number, pathlib.Path(scratch)))
            out.write(json.dumps(runs[-1]) + "\n")
            out.flush()
    sys.exit(0 if judge(runs) else 1)


if __name__ == "__main__":
    main()
