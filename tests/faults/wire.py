"""The program under mpirun with an MPI that behaves as badly as it may (shim_mpi.c).

usage: wire.py SHIM [--runs N] [--flips N] [--kill-each N] [--np N] [--seed S]
Sends that complete only when received, probes and tests that say "not yet" at random, messages that are
held up: the output is the same, no rank hangs, no request and no message is left. A bit that changes on
the way is always noticed: the job ends, and what it commits is right. So it ends when a rank dies
before a call of MPI, of which each N-th is tried. The last line says how many runs, messages and lies
there were."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
import harness  # noqa: E402
import kills  # noqa: E402
from harness import MODEL, PROGRAM  # noqa: E402

LIMIT_S = 120
KINDS = {
    "synchronous": {"SSEND": 1},
    "late": {"LATE": 60},
    "slow": {"SLOW": 3000},
    "all": {"SSEND": 1, "LATE": 40, "SLOW": 1000},
}


def line_of(shim, np, folder, options, out):
    """The command, and its environment."""
    names = {f"TFM_SHIM_{k}": str(v) for k, v in options.items()}
    env = {**os.environ, **harness.MPI, **names, "TFM_LINK": "mpi"}  # every frame through what is disturbed
    words = ["mpirun", "-np", str(np), "-x", f"LD_PRELOAD={shim}"]
    for name in names:
        words += ["-x", name]
    words += [PROGRAM, "classify", "-m", str(MODEL), "-i", str(folder / "rows.jsonl"), "-o", str(out),
              "--max-batch-tokens", "256"]
    return words, env


def start(shim, np, folder, options, out):
    words, env = line_of(shim, np, folder, options, out)
    return subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)


def logs(folder, np):
    paths = [folder / f"log.{rank}" for rank in range(np)]
    found = [json.loads(p.read_text()) for p in paths if p.exists()]
    for p in paths:
        p.unlink(missing_ok=True)
    return found


def harmless(shim, np, folder, want, seed, total):
    """Whatever MPI may do changes nothing."""
    for kind, options in KINDS.items():
        out = folder / "out.jsonl"
        run = start(shim, np, folder, {**options, "SEED": seed, "LOG": folder / "log"}, out)
        told = logs(folder, np)
        assert run.returncode == 0, f"{kind}, seed {seed}: {run.returncode} {run.stderr[-500:]!r}"
        assert harness.digest(out) == want, f"{kind}, seed {seed}: the output differs"
        assert len(told) == np, f"{kind}: {len(told)} of {np} ranks came to the end"
        for rank, log in enumerate(told):
            assert log["requests_left"] == log["messages_left"] == 0, f"{kind}, rank {rank}: {log}"
            total.update(log)
        assert "LATE" not in options or all(log["lies"] for log in told), "nobody was lied to"
        total["runs"] += 1
        out.unlink()


def flipped(shim, np, folder, want, seed, total):
    """One bit of one message is another when it arrives: the job ends, says which frame it was, and
    what it had committed is right. A rank that sends less is not disturbed."""
    out = folder / "out.jsonl"
    options = {"FLIP": 1 + seed // np % 9, "FLIP_RANK": seed % np, "SEED": seed}
    run = start(shim, np, folder, {**options, "LOG": folder / "log"}, out)
    text = run.stderr.decode("utf-8", "replace")
    told = logs(folder, np)
    total[f"flips, exit {run.returncode}"] += 1
    if run.returncode == 0:
        assert len(told) == np and not any(log["flips"] for log in told), f"{options}: not noticed"
    else:
        assert run.returncode == 70, f"{options}: exit {run.returncode}: {text[-500:]}"
        assert "frame" in text, f"{options}: the frame is not named: {text[-500:]}"
        harness.must(harness.call("classify", "-m", MODEL, "-i", folder / "rows.jsonl", "-o", out))
    assert harness.digest(out) == want, f"{options}: the output differs"
    out.unlink()


def end_of(command, env):
    """(exit code, whether mpirun itself hung): Open MPI 4.1.4 may, when a rank dies while it registers."""
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as run:
        try:
            return run.wait(timeout=LIMIT_S), False
        except subprocess.TimeoutExpired:
            assert not any(kills.is_ours(p) for p in kills.children(run.pid)), "ranks live on"
            run.kill()
            return run.wait(), True


def killed(shim, np, folder, want, each, total):
    """A rank is killed before a call that begins something: the job ends, and the next goes on."""
    out = folder / "out.jsonl"
    start(shim, np, folder, {"LOG": folder / "log"}, out)
    steps = [log["steps"] for log in logs(folder, np)]
    out.unlink()
    assert len(steps) == np, steps
    for rank in range(np):
        for at in range(1, steps[rank] + 1, each):
            options = {"KILL": at, "KILL_RANK": rank, "LOG": folder / "log"}
            code, hung = end_of(*line_of(shim, np, folder, options, out))
            told = logs(folder, np)
            total["killed" if code else "through before"] += 1
            total["mpirun hung"] += hung
            assert code == 137 or hung or (code == 0 and len(told) == np), f"{options}: exit {code}"
            harness.must(harness.call("classify", "-m", MODEL, "-i", folder / "rows.jsonl", "-o", out))
            assert harness.digest(out) == want, f"{options}: the output differs"
            out.unlink()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("shim")
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--np", type=int, default=3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--flips", type=int, default=3)
    p.add_argument("--kill-each", type=int, default=40)
    a = p.parse_args()
    if harness.SANITIZED:
        print("skip: a sanitizer must be loaded first, and so must the shim")
        sys.exit(77)
    folder = harness.scratch()
    total = collections.Counter()
    try:
        harness.rows(harness.texts(), folder / "rows.jsonl")
        plain = folder / "plain.jsonl"
        harness.must(harness.call("classify", "-m", MODEL, "-i", folder / "rows.jsonl", "-o", plain))
        for seed in range(a.seed, a.seed + a.runs):
            harmless(a.shim, a.np, folder, harness.digest(plain), seed, total)
        for seed in range(a.seed, a.seed + a.flips):
            flipped(a.shim, a.np, folder, harness.digest(plain), seed, total)
        killed(a.shim, a.np, folder, harness.digest(plain), a.kill_each, total)
        print(f"np {a.np}: {dict(total)}", flush=True)
    finally:
        harness.shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
