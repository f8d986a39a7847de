#!/usr/bin/env python3
"""How close the plan's prediction comes, and which layout is fastest: one input through many layouts.

usage: predict.py --program tfm-cluster --input rows.jsonl --output FILE [--layouts L] [--repeat 3] [--seconds 150] [-- OPTIONS]
All layouts run in turns. Each run is a line of FILE; after --seconds nothing new begins, and the same
command goes on where it stopped, until every layout has run --repeat times. `--layouts
"3;8;2 --threads 2"` takes others than those below: np (0: without mpirun) and options.

The table has for each layout, medians of its runs: predicted and measured rows a second; the error by
the clock and its spread; the share of the cores that processes of others had while rows ran; the error
when that share is given back; the rate as a share of the first layout's, run by run, and its spread; the
busiest stage's computing as a share of the run, given back likewise (100: as if it were alone); rank 0's
CPU seconds while rows ran as a share of all computing.
Run it on a quiet machine, with the variables of deploy/mpi_env.sh.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

LAYOUTS = ("0 --stages 1 --threads 1;0 --stages 2 --threads 1;2 --threads 1;2 --threads 2;3;3 --replicas 2;4;4 --replicas 3;"
           "5;5 --replicas 2;6;7;7 --replicas 2;7 --replicas 3;8;8 --replicas 7")


def machine_s():
    """CPU seconds that all cores have been busy."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Watch:
    """How busy the cores were, told for any time since it began."""

    def __init__(self):
        self.seen = [(time.time(), machine_s())]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over.wait(0.02):
            self.seen.append((time.time(), machine_s()))

    def end(self):
        self.over.set()
        self.thread.join()

    def busy_s(self, begin, end):
        inside = [s for s in self.seen if begin <= s[0] <= end] or [self.seen[0], self.seen[-1]]
        return inside[-1][1] - inside[0][1]


def run(a, layout, scratch):
    ranks, *options = layout.split()
    summary = scratch / "summary.json"
    mpi = ["mpirun", "-np", ranks] if ranks != "0" else []
    command = [*mpi, a.program, "classify", "-i", a.input, "--restart", "--quiet", "-o",
               str(scratch / "out.jsonl"), "--summary-json", str(summary), *options, *a.options]
    watch = Watch()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    watch.end()
    s = json.loads(summary.read_text(encoding="utf-8"))
    end, took = summary.stat().st_mtime, s["seconds"]["run"]
    ours = sum(r["compute_cpu_s"] for r in s["ranks"][1:]) + s["ranks"][0]["run_cpu_s"]
    others = max(0, watch.busy_s(end - took, end) - ours) / took / os.cpu_count()
    return {"layout": layout, "stages": s["layout"]["stages"], "replicas": s["layout"]["replicas"],
            "threads": s["layout"]["threads"], "rate": s["rows_per_s"], "predicted": s["predicted_rows_per_s"],
            "others": others, "computed_s": ours - s["ranks"][0]["run_cpu_s"], "coordination": s["coordination_share"],
            "slowest_s": max(r["compute_cpu_s"] / s["layout"]["threads"] for r in s["ranks"][1:]),
            "run_s": took, "sha256": s["output_sha256"]}


def error(r):
    return 100 * (r["predicted"] / r["rate"] - 1)


def had(r):
    """The part of the cores it wants that a layout had: others hold it up only by what they take of those."""
    cores = os.cpu_count()
    wanted = min(cores, r["stages"] * r["replicas"] * r["threads"])
    return min(wanted, cores * (1 - r["others"])) / wanted


def error_without(r):
    return 100 * (r["predicted"] * had(r) / r["rate"] - 1)


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else 0.0


def show(by_layout):
    """by_layout: the runs of each, in the order they were run in."""
    first = next(iter(by_layout.values()))
    median = statistics.median
    print("| np, options | stages x replicas x threads | predicted rows/s | measured | error % (sd) | others % "
          "| error without them % | of the first % (sd) | stage % | rank 0 % |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    plain, given_back = [], []
    for layout, runs in by_layout.items():
        plain.append(median(error(r) for r in runs))
        given_back.append(median(error_without(r) for r in runs))
        ratios = [100 * r["rate"] / f["rate"] for r, f in zip(runs, first)]
        print(f"| {layout} | {runs[0]['stages']} x {runs[0]['replicas']} x {runs[0]['threads']} "
              f"| {median(r['predicted'] for r in runs):.1f} | {median(r['rate'] for r in runs):.1f} "
              f"| {plain[-1]:+.1f} ({spread([error(r) for r in runs]):.1f}) | {100 * median(r['others'] for r in runs):.1f} "
              f"| {given_back[-1]:+.1f} | {median(ratios):.1f} ({spread(ratios):.1f}) "
              f"| {median(100 * r['slowest_s'] / (r['run_s'] * had(r)) for r in runs):.1f} "
              f"| {100 * median(r['coordination'] for r in runs):.2f} |")
    outputs = len({r["sha256"] for runs in by_layout.values() for r in runs})
    print(f"\n{len(by_layout)} layouts, {min(map(len, by_layout.values()))} runs or more of each: median error "
          f"{median(map(abs, plain)):.1f} %, worst {max(map(abs, plain)):.1f} %; without what others took "
          f"{median(map(abs, given_back)):.1f} % and {max(map(abs, given_back)):.1f} %; "
          f"{outputs} distinct output{'s' if outputs > 1 else ''}")


def parser_of(text, layouts=LAYOUTS, program=None):
    p = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=not program, default=program)
    p.add_argument("--input", required=True)
    p.add_argument("--output", required=True, type=pathlib.Path)
    p.add_argument("--layouts", default=layouts)
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--seconds", type=float, default=150)
    p.add_argument("options", nargs="*")
    return p


def in_turns(a, one):
    """What one(a, layout, scratch) has said of each layout, going on where a.output stops."""
    begin, longest = time.monotonic(), 0.0
    by_layout = {layout.strip(): [] for layout in a.layouts.split(";")}
    for line in a.output.read_text(encoding="utf-8").splitlines() if a.output.exists() else ():
        by_layout[json.loads(line)["layout"]].append(json.loads(line))
    with tempfile.TemporaryDirectory() as scratch, a.output.open("a", encoding="utf-8") as out:
        while time.monotonic() - begin + longest < a.seconds:
            fewest = min(by_layout, key=lambda layout: len(by_layout[layout]))
            if len(by_layout[fewest]) >= a.repeat:
                break
            started = time.monotonic()
            by_layout[fewest].append(one(a, fewest, pathlib.Path(scratch)))
            out.write(json.dumps(by_layout[fewest][-1]) + "\n")
            out.flush()
            longest = max(longest, time.monotonic() - started)
    return {layout: runs for layout, runs in by_layout.items() if runs}


def main():
    show(in_turns(parser_of(__doc__).parse_args(), run))


if __name__ == "__main__":
    main()
