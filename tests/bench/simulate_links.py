#!/usr/bin/env python3
"""How close `plan --simulate` comes where a network decides: two machines made of namespaces, a slow cable between.

usage: TFM_PROGRAM=build/release/tfm-cluster simulate_links.py --input rows.jsonl --output FILE [--layouts L] [--repeat 3] [--seconds 150] [-- OPTIONS]
As simulate.py, but each layout begins with the cable's Mbit/s, the slots of the first machine, and np: "8 2 4" fills
the first machine with ranks 0 and 1 and the second with 2 and 3. Needs root and the kernel's tbf. The cable is so slow
that other work on the machine matters little, and it only ever slows a run down: the best of each layout counts. Of the
cable's bits 1448 bytes in 1514 are ours.
"""
import json
import pathlib
import statistics
import subprocess
import sys

import predict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
import harness  # noqa: E402
import hosts  # noqa: E402

LAYOUTS = ("8 2 4;16 2 4;32 2 4;8 1 3;8 2 5 --replicas 2;8 2 5 --replicas 4;16 2 5 --replicas 4;"
           "16 2 6 --replicas 5;8 1 4 --replicas 3;8 2 8;8 2 4 --dtype int8;8 2 4 --max-batch-tokens 3000")
OURS = 1448 / 1514


def narrow(net, mbit):
    """Packets as a card sends them, and no more of them than the cable takes."""
    for host in net.hosts:
        host.do("ip", "link", "set", "dev", "wire", "gso_max_segs", "1")
        host.do("tc", "qdisc", "add", "dev", "wire", "root", "tbf", "rate", f"{mbit}mbit", "burst", "64kb", "limit", "4mb")


def simulate(a, mbit, slots, ranks, options, scratch):
    kind = {"topology": "numa:1 core:1 pu:1"}
    described = {"hosts": [{**kind, "name": "near", "ranks": slots}, {**kind, "name": "far", "ranks": 8}],
                 "network": {"latency_us": 100, "gb_per_s": mbit / 8e3 * OURS}}
    path = scratch / "hosts.json"
    path.write_text(json.dumps(described), encoding="utf-8")
    command = [a.program, "plan", "--simulate", path, "--ranks", ranks, "--table", "json", "-i", a.input, *options]
    done = subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return json.loads(done.stdout)[0]


def pair(a, layout, scratch):
    mbit, slots, ranks, *options = layout.split()
    options += a.options
    said = simulate(a, int(mbit), int(slots), int(ranks), options, scratch)
    summary = scratch / "summary.json"
    with hosts.Two() as net:
        narrow(net, mbit)
        run = net.start(int(ranks), a.program, "classify", "-i", pathlib.Path(a.input).resolve(), "--restart", "-q", "-o",
                        scratch / "out.jsonl", "--summary-json", summary, *options, slots=int(slots),
                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if run.wait(timeout=300):
            raise RuntimeError(f"{layout}: exit {run.returncode}")
    s = json.loads(summary.read_text(encoding="utf-8"))
    return {"layout": layout, "stages": s["layout"]["stages"], "replicas": s["layout"]["replicas"],
            "simulated": said["rows_per_s"], "network": said["network_busy"], "rate": s["rows_per_s"]}


def show(by_layout):
    print("| Mbit/s, slots, np, options | stages x replicas | simulated rows/s | network busy % | measured | error % |")
    print("|---|---|---|---|---|---|")
    found = []
    for layout, runs in by_layout.items():
        simulated, measured = (max(r[key] for r in runs) for key in ("simulated", "rate"))
        found.append(100 * (simulated / measured - 1))
        print(f"| {layout} | {runs[0]['stages']} x {runs[0]['replicas']} | {simulated:.2f} "
              f"| {100 * max(r['network'] for r in runs):.0f} | {measured:.2f} | {found[-1]:+.1f} |")
    print(f"\n{len(by_layout)} layouts, the best of {min(map(len, by_layout.values()))} runs or more of each: median error "
          f"{statistics.median(map(abs, found)):.1f} %, worst {max(map(abs, found)):.1f} %")


def main():
    show(predict.in_turns(predict.parser_of(__doc__, LAYOUTS, harness.PROGRAM).parse_args(), pair))


if __name__ == "__main__":
    main()
