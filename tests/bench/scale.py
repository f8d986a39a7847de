#!/usr/bin/env python3
"""One input over 2..N ranks as a table: rate, load balance, how busy each stage was.

usage: scale.py --program tfm-cluster --input rows.jsonl [--ranks 8] [-- OPTIONS]
OPTIONS go to the program. Ranks beyond the machine's cores share them: then the table shows balance
and overhead, not speed-up. Run it on a quiet machine, with the variables of deploy/mpi_env.sh.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile


def run(program, options, rows, ranks, scratch):
    summary = scratch / f"{ranks}.json"
    command = ["mpirun", "-np", str(ranks), program, "classify", "-i", rows, "--restart", "--quiet",
               "-o", str(scratch / f"{ranks}.jsonl"), "--summary-json", str(summary), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return json.loads(summary.read_text(encoding="utf-8"))


def line(ranks, s, first):
    seconds = s["seconds"]["run"]
    busy = " ".join(f"{100 * r['busy_s'] / seconds:.0f}" for r in s["ranks"][1:])
    pop = s["pop"]
    return (f"| {ranks} | {s['rows_per_s']:.0f} | {s['tokens_per_s']:.0f} | {s['tokens_per_s'] / first:.2f} "
            f"| {busy} | {pop['load_balance']:.2f} | {pop['communication_efficiency']:.2f} |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--input", required=True)
    p.add_argument("--ranks", type=int, default=8)
    p.add_argument("options", nargs="*")
    a = p.parse_args()
    print("| np | rows/s | tokens/s | to np 2 | busy % by stage | load balance | communication |")
    print("|---|---|---|---|---|---|---|")
    hashes = set()
    first = None
    with tempfile.TemporaryDirectory() as scratch:
        for ranks in range(2, a.ranks + 1):
            s = run(a.program, a.options, a.input, ranks, pathlib.Path(scratch))
            first = first or s["tokens_per_s"]
            hashes.add(s["output_sha256"])
            print(line(ranks, s, first), flush=True)
    print(f"{len(hashes)} distinct output{'s' if len(hashes) > 1 else ''}")


if __name__ == "__main__":
    main()
