#!/usr/bin/env python3
"""How close `plan --simulate` comes: each layout is simulated on this machine, then run on it.

usage: simulate.py --program tfm-cluster --input rows.jsonl --output FILE [--layouts L] [--repeat 3] [--seconds 150] [-- OPTIONS]
All layouts take turns, each simulated just before it runs. Each pair is a line of FILE; after --seconds
nothing new begins, and the same command goes on where it stopped, until every layout has --repeat pairs.
`--layouts "3;8;2 --threads 2"` takes others than predict.py's: np and options.

The table has for each layout the best simulated and the best measured rows a second and the error of one
against the other; then, as the median of its pairs, the share of the cores that processes of others had
while rows ran, the measured rate with that share given back ("corrected by CPU time"), and the simulated
rate's error against that with its spread. Run it on a quiet machine, with the variables of deploy/mpi_env.sh.
"""
import json
import statistics
import subprocess

import predict

LAYOUTS = ";".join(layout for layout in predict.LAYOUTS.split(";") if not layout.startswith("0"))


def simulate(a, layout, scratch):
    ranks, *options = layout.split()
    hosts = scratch / "hosts.json"
    hosts.write_text('{"hosts": [{"topology": "here"}]}', encoding="utf-8")
    command = [a.program, "plan", "--simulate", str(hosts), "--ranks", ranks, "--table", "json",
               "-i", a.input, *options, *a.options]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return json.loads(done.stdout)[0]


def pair(a, layout, scratch):
    simulated = simulate(a, layout, scratch)
    return {**predict.run(a, layout, scratch), "simulated": simulated["rows_per_s"]}


def corrected(r):
    return r["rate"] / predict.had(r)


def show(by_layout):
    median = statistics.median
    print("| np, options | stages x replicas x threads | simulated rows/s | measured | error % "
          "| others % | corrected by CPU time | error % (sd) |")
    print("|---|---|---|---|---|---|---|---|")
    plain, given_back = [], []
    for layout, runs in by_layout.items():
        best = max(r["simulated"] for r in runs), max(r["rate"] for r in runs)
        errors = [100 * (r["simulated"] / corrected(r) - 1) for r in runs]
        plain.append(100 * (best[0] / best[1] - 1))
        given_back.append(median(errors))
        print(f"| {layout} | {runs[0]['stages']} x {runs[0]['replicas']} x {runs[0]['threads']} "
              f"| {best[0]:.1f} | {best[1]:.1f} | {plain[-1]:+.1f} | {100 * median(r['others'] for r in runs):.0f} "
              f"| {median(map(corrected, runs)):.1f} | {given_back[-1]:+.1f} ({predict.spread(errors):.1f}) |")
    print(f"\n{len(by_layout)} layouts, {min(map(len, by_layout.values()))} pairs or more of each: median error "
          f"{median(map(abs, plain)):.1f} % (worst {max(map(abs, plain)):.1f}) of the best rates, "
          f"{median(map(abs, given_back)):.1f} % (worst {max(map(abs, given_back)):.1f}) corrected by CPU time")


def main():
    show(predict.in_turns(predict.parser_of(__doc__, LAYOUTS).parse_args(), pair))


if __name__ == "__main__":
    main()
