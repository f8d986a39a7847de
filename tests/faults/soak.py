"""A soak: millions of short rows through three ranks, interrupted now and then; memory must stay flat, every row must come out, and a
slice of it must be what another layout writes.

usage: soak.py [--rows N] [--kills N] [--model DIR] [--folder DIR] [--seed S]

Ten million rows through a model of one layer of width 16 take minutes and 1.5 GB. Each rank's resident bytes are read ten times a second;
the slope is that of a line through those of the second half of the longest attempt."""
import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
import harness  # noqa: E402
import kills  # noqa: E402
from harness import PROGRAM  # noqa: E402

WORDS = "the soup was cold but what a wonderful evening we had there".split()
SLICE = 100_000  # rows, a quarter of all at most
EVERY_S = 0.1


def write_rows(path, n, seed):
    """Texts of one to three words; every thousandth line is no row at all."""
    rng = random.Random(seed)
    some = [" ".join(rng.choices(WORDS, k=rng.randint(1, 3))) for _ in range(4096)]
    with open(path, "w") as f:
        for at in range(0, n, 1000):
            lines = [json.dumps({"text": rng.choice(some)}) for _ in range(min(1000, n - at) - 1)]
            f.write("\n".join([*lines, "bad"]) + "\n")


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def watch(run, limit_s):
    """Samples (second, bytes of each rank) until the run ends or the limit is there, from when all ranks are: what mpirun is told before
    that is lost."""
    begin, samples = time.monotonic(), []
    while run.poll() is None and not (samples and samples[-1][0] > limit_s):
        ranks = sorted(p for p in kills.children(run.pid) if kills.is_ours(p))
        if len(ranks) == 3:
            begin = begin if samples else time.monotonic()
            samples.append((time.monotonic() - begin, [resident(p) for p in ranks]))
        time.sleep(EVERY_S)
    return samples


def slope(samples, rank):
    """MiB an hour of the second half; the last second, in which ranks leave, aside."""
    half = [s for s in samples[len(samples) // 2:] if s[0] < samples[-1][0] - 1 and all(s[1])]
    if len(half) < 10:
        return 0.0
    t = [s[0] for s in half]
    y = [s[1][rank] for s in half]
    mt, my = sum(t) / len(t), sum(y) / len(y)
    down = sum((a - mt) ** 2 for a in t)
    return sum((a - mt) * (b - my) for a, b in zip(t, y)) / down * 3600 / 2**20


def attempts(args, folder, n, rng):
    """Every attempt but the last is interrupted, by a signal or a kill; returns samples and what was done."""
    best, done = [], []
    for left in range(n, -1, -1):
        run = kills.start(args, 3, folder)
        samples = watch(run, rng.uniform(2, 20) if left else float("inf"))
        best = max(best, samples, key=len)
        ranks = kills.children(run.pid)
        if run.poll() is None:
            how = rng.choice([signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL])
            os.kill(run.pid, how)
            done.append(how.name)
        code = run.wait(timeout=300)
        while any(kills.is_alive(p) for p in ranks):
            time.sleep(EVERY_S)
        if code == 0:
            return best, done
        assert code in (1, 75, 137, -9), code
    raise AssertionError(f"the last attempt ended with {code}")


def compare_slice(a, folder, src, out):
    """The last rows of the output against another layout's, which saw only them. Returns how many, and their digest."""
    part, tail = folder / "slice.jsonl", folder / "tail.jsonl"
    n = min(SLICE, a.rows // 4)
    harness.must(harness.call("classify", "-m", a.model, "-i", src, "-o", part, "--skip", a.rows - n, "--stages", 1, "--replicas", 2,
                              "--sort-window", 64, "--max-batch-tokens", 512, "--restart", np=3, timeout=1800))
    with open(tail, "wb") as f:
        subprocess.run(["tail", "-n", str(n), out], stdout=f, check=True)
    assert harness.digest(part) == harness.digest(tail), "another layout writes other bytes"
    return n, harness.digest(tail)


def count_lines(path):
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", type=int, default=10_000_000)
    p.add_argument("--kills", type=int, default=8)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--folder", type=pathlib.Path, default=None)
    p.add_argument("--model", type=pathlib.Path, default=harness.MODEL)
    a = p.parse_args()
    folder = a.folder or harness.scratch()
    folder.mkdir(exist_ok=True)
    src, out, summary = folder / "rows.jsonl", folder / "out.jsonl", folder / "summary.json"
    write_rows(src, a.rows, a.seed)
    args = ["classify", "-m", a.model, "-i", src, "-o", out, "--stages", 2, "--summary-json", summary, "--verify", "1/100000", "-q"]
    begin = time.monotonic()
    samples, done = attempts(args, folder, a.kills, random.Random(a.seed))
    seconds = time.monotonic() - begin
    s = json.loads(summary.read_text())
    assert s["rows_out"] == a.rows and count_lines(out) == a.rows, (s["rows_out"], count_lines(out))
    assert s["row_errors"] == len(range(0, a.rows, 1000)), s["row_errors"]
    n, sha = compare_slice(a, folder, src, out)
    print(f"{a.rows} rows out in {seconds:.0f} s, {len(done)} interruptions ({', '.join(done)}), {s['row_errors']} error rows, "
          f"{s['rows_verified']} rows verified by the last attempt; the last {n} are another layout's (sha256 {sha[:12]})")
    for rank in range(3 if samples else 0):
        print(f"rank {rank}: {len(samples)} samples in {samples[-1][0]:.0f} s, at most {max(x[1][rank] for x in samples) / 1e6:.1f} MB, "
              f"growing by {slope(samples, rank):.2f} MiB an hour")
    if not a.folder:
        harness.shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
