#!/usr/bin/env python3
"""What ranks cost that wait, and how soon a row is answered then.

usage: idle.py --program tfm-cluster [--ranks 3] [--seconds 10] [--asks 20] [-- OPTIONS]
Feeds rows to a job through standard input, one at a time, each after a silence of 1.5 s. Prints the
share of a core that each rank burned while silent, and the time from a row to its answer. Other jobs of the
same program would be counted too: start it under a name of its own then.
"""
import argparse
import json
import os
import pathlib
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


def ask(job, text):
    start = time.monotonic()
    job.stdin.write(json.dumps({"text": text}).encode() + b"\n")
    job.stdout.readline()
    return 1000 * (time.monotonic() - start)


def cpu_seconds(name):
    """By process id, of all processes of that name."""
    used = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = stat.read_text().rsplit(")", 1)
        except OSError:
            continue  # it has just ended
        if head.split("(", 1)[1] == name:
            fields = tail.split()
            used[stat.parent.name] = (int(fields[11]) + int(fields[12])) / TICKS
    return used


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--ranks", type=int, default=3)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--asks", type=int, default=20)
    p.add_argument("options", nargs="*")
    a = p.parse_args()
    job = subprocess.Popen(["mpirun", "-np", str(a.ranks), a.program, "classify", "-i", "-", "-o", "-", "--quiet", *a.options],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    ask(job, "The first row also waits for the weights.")
    time.sleep(2)
    name = os.path.basename(a.program)[:15]  # as the kernel cuts it
    before = cpu_seconds(name)
    time.sleep(a.seconds)
    after = cpu_seconds(name)
    print("idle, % of a core:", *(f"{100 * (after[k] - before[k]) / a.seconds:.1f}" for k in before if k in after))
    answers = []
    for i in range(a.asks):
        time.sleep(1.5)
        answers.append(ask(job, f"Row {i} of a quiet afternoon."))
    job.stdin.close()
    job.wait()
    answers.sort()
    print(f"answer after 1.5 s of silence, ms: median {answers[len(answers) // 2]:.1f}, worst {answers[-1]:.1f}")


if __name__ == "__main__":
    main()
