"""Signals at random moments, single, doubled or early, to the program or to mpirun: the same command runs
again until it is through, keeps what the stopped attempt had, and writes what an undisturbed run writes.

usage: stops.py [--signals N] [--np N ...] [--seed S] [--rows N]     (np 0: without mpirun)
Prints a line a layout: signals by name, exit codes, and how long the program took to end after a TERM,
INT or HUP that it heeded."""
import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import kills
from kills import LAYOUTS, LEFT, MODEL, PROGRAM, harness

DRAIN = (signal.SIGUSR1, signal.SIGUSR2)
NOW = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
END_LIMIT_S = 200 if harness.SANITIZED else 60
STOPPED = 75


class Tally:
    def __init__(self):
        self.jobs = self.before = self.crashed = self.hung = 0
        self.signals, self.codes = collections.Counter(), collections.Counter()
        self.ends_s = []


def signals_of(rng):
    """What is sent, and the pause after it: a third of them doubled."""
    first = rng.choice(DRAIN + NOW)
    if rng.random() < 0.67:
        return [(first, 0)]
    return [(first, rng.choice((0, 0.001, 0.05, 0.3))), (rng.choice((first, *DRAIN, *NOW)), 0)]


def allowed(np, sent):
    """Exit codes of an attempt that was told to stop. 0: it was through. mpirun says 1 for a TERM and
    128+n for a rank that was hit before it came to main(); either dies of one before that itself."""
    early = {-s for s in sent}
    if not np:
        return {0, STOPPED} | early
    return {0, STOPPED} | early | {128 + s for s in (*sent, signal.SIGTERM, signal.SIGKILL)} | (
        {1} if set(sent) & set(NOW) or len(sent) > 1 else set())


def attempt(args, np, folder, rng, span):
    """(exit code, signals that were sent, seconds from the last to the end, what was said)."""
    with open(folder / "err", "wb") as err:
        command = ["mpirun", "-np", str(np)] * bool(np) + [PROGRAM, *map(str, args)]
        own = {"TMPDIR": str(folder), "OMPI_MCA_btl_vader_backing_directory": str(folder)} if np else {}
        env = {**os.environ, **harness.MPI, **harness.sanitizer_options(np), **own}
        run = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=err)
    sent = []
    ranks = set()
    try:
        run.wait(timeout=rng.uniform(0, 0.1 if rng.random() < 0.2 else span))
    except subprocess.TimeoutExpired:
        for sig, pause in signals_of(rng):
            ranks.update(kills.children(run.pid))
            run.send_signal(sig)  # nothing happens when it has ended by now
            sent.append(sig)
            time.sleep(pause)
    begin = time.monotonic()
    try:
        code = run.wait(timeout=END_LIMIT_S)
    except subprocess.TimeoutExpired:
        assert np and not any(kills.is_alive(p) for p in kills.children(run.pid)), "it does not end"
        run.kill()
        code = run.wait()
    took = time.monotonic() - begin
    while any(kills.is_alive(p) for p in ranks):
        assert time.monotonic() - begin < END_LIMIT_S, "ranks live on"
        time.sleep(0.01)
    return code, sent, took, (folder / "err").read_text(errors="replace")


def crashed(code, sent, told):
    """Whether Open MPI 4.1.4's mpirun fell, not a rank: in its own signal handler while it starts ranks,
    or of a broken pipe, when its PMIx server answers a rank that connects and that it has just ended."""
    if code == -signal.SIGPIPE:
        return bool(set(sent) & set(NOW))
    return code == -signal.SIGSEGV and "mca_ess_hnp" in told


def judge(np, done, out, tally):
    """An attempt ended as it may; whether the job is through."""
    code, sent, took, told = done
    what = f"np {np}, {[s.name for s in sent]}: exit {code}: {told[-600:]}"
    tally.codes[code] += bool(sent)
    if code == -signal.SIGKILL:
        tally.hung += 1  # mpirun alone, on its way out: see kills.kill()
        return False
    if np and crashed(code, sent, told):
        tally.crashed += 1
        return False
    assert code in (allowed(np, sent) if sent else {0}), what
    if code == STOPPED and "same command" in told:
        assert any(s.name in told for s in sent), what
        if not np and set(sent) <= set(NOW):
            tally.ends_s.append(took)
    if code == 0:
        assert out.exists(), what
    elif code < 0:
        tally.before += 1
        assert np or not told, what  # it never came to its first line
    return code == 0


def one_job(folder, np, src, want, rng, tally, most, span):
    ending = rng.choice(["jsonl", "csv", "jsonl.gz", "jsonl.zst"])
    out, summary = folder / f"out.{ending}", folder / "s.json"
    args = ["classify", "-m", MODEL, "-i", src, "-o", out, "--errors", folder / "errors.jsonl",
            "--summary-json", summary]
    kept = 0
    for number in range(60):
        wait = span * (1 + number / 4) if sum(tally.signals.values()) < most else 1e6
        done = attempt(args + rng.choice(LAYOUTS), np, folder, rng, wait)
        tally.signals.update(s.name for s in done[1])
        through = judge(np, done, out, tally)
        s = json.loads(summary.read_text()) if summary.exists() else {}
        assert s.get("rows_resumed", kept) >= kept, f"{s['rows_resumed']} of {kept} rows were kept"
        kept = max(kept, s.get("rows_out", 0))
        summary.unlink(missing_ok=True)
        if through:
            break
    assert through, "never through"
    tally.jobs += 1
    assert harness.digest(out) == want[ending], f"{out.name} differs after {dict(tally.signals)}"
    assert harness.digest(folder / "errors.jsonl") == want["errors"]
    left = [end for end in LEFT if pathlib.Path(f"{out}{end}").exists()]
    assert not left, left
    for path in (out, pathlib.Path(f"{out}.manifest.json")):
        path.unlink()


def spread(ends_s):
    """How long it took, in milliseconds."""
    if not ends_s:
        return "none heeded"
    s = sorted(ends_s)
    return ", ".join(f"{name} {1000 * s[min(len(s) - 1, int(len(s) * part))]:.0f}" for name, part in
                     (("median", 0.5), ("9 of 10", 0.9), ("99 of 100", 0.99), ("longest", 1)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--signals", type=int, default=8)
    p.add_argument("--np", type=int, nargs="+", default=[0])
    p.add_argument("--rows", type=int, default=200 if harness.SANITIZED else 1500)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    rng = random.Random(a.seed)
    harness.sync_cheaply()
    folder = harness.scratch()
    src = kills.source(folder, a.rows, rng)
    want, seconds = kills.undisturbed(folder, src)
    try:
        for np in a.np:
            tally = Tally()
            while sum(tally.signals.values()) < a.signals:
                one_job(folder, np, src, want, rng, tally, a.signals, seconds * (1.5 if np else 0.8))
            print(f"np {np}: {tally.jobs} jobs, {sum(tally.signals.values())} signals "
                  f"{dict(tally.signals)}, exit codes {dict(tally.codes)}, {tally.before} before "
                  f"main(), mpirun itself crashed {tally.crashed} times, hung {tally.hung}; {len(tally.ends_s)} "
                  f"ends in ms: {spread(tally.ends_s)}; every output the same", flush=True)
    finally:
        harness.shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
