"""kill -9 at random moments, of the program alone or of a rank or the launcher under mpirun: the same
command runs again until it is through, and the output is the one an undisturbed run writes.

usage: kills.py [--kills N] [--np N ...] [--seed S] [--rows N]     (np 0: without mpirun)
Prints one line a layout: jobs, kills by role, rows that were there from earlier attempts, the slowest
end of a job after a kill, the slowest start of one that went on."""
import argparse
import collections
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
from harness import MODEL, PROGRAM  # noqa: E402

END_LIMIT_S = 60 if harness.SANITIZED else 10
LEFT = (".part", ".tail", ".journal", ".journal.part", ".manifest.json.part")


def source(folder, n, rng):
    """Short rows, some of them bad; half of the inputs are compressed."""
    line = "the soup was cold but what a wonderful evening".split()
    path = folder / "rows.jsonl"
    path.write_text("".join(
        "bad\n" if rng.random() < 0.01 else
        json.dumps({"id": i, "text": " ".join(rng.choices(line, k=rng.randint(1, 6)))}) + "\n"
        for i in range(n)))
    return path


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(p) for p in text.split()]


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def is_ours(pid):
    """Whether a child of mpirun runs the program already."""
    try:
        return os.path.samefile(f"/proc/{pid}/exe", PROGRAM)
    except OSError:
        return False


def start(args, np, folder):
    """The program; under mpirun what a killed launcher leaves behind stays in the folder."""
    command = [PROGRAM, *map(str, args)]
    env = {**os.environ, **harness.MPI, **harness.sanitizer_options(np)}
    if np:
        command = ["mpirun", "-np", str(np), *command]
        env.update(TMPDIR=str(folder), OMPI_MCA_btl_vader_backing_directory=str(folder))
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def victim(run, np, rng):
    """What is killed, and what it is called. No rank before all of them are there: Open MPI 4.1.4
    waits for ever for one that is killed while it still starts others."""
    if not np:
        return run.pid, "the program"
    ranks = sorted(p for p in children(run.pid) if is_ours(p))
    if len(ranks) < np or rng.random() < 0.25:
        return run.pid, "mpirun"
    place = rng.randrange(len(ranks))
    return ranks[place], "rank 0" if place == 0 else "a worker"


def kill(run, np, rng, tally):
    """Kill one of the processes and wait until none is left.

    mpirun itself may hang on its way out after all ranks are gone (Open MPI 4.1.4: a lock in
    PMIx_server_finalize, when a rank died while it registered): counted, and killed."""
    ranks = children(run.pid) if np else []
    pid, role = victim(run, np, rng)
    os.kill(pid, signal.SIGKILL)
    tally.roles[role] += 1
    begin = time.monotonic()
    while any(is_alive(p) for p in ranks):
        assert time.monotonic() - begin < END_LIMIT_S, f"{role} was killed, others live on"
        time.sleep(0.01)
    tally.end_s = max(tally.end_s, time.monotonic() - begin)
    try:
        run.wait(timeout=3)
    except subprocess.TimeoutExpired:
        tally.hung += 1
        run.kill()
        run.wait()


class Tally:
    def __init__(self):
        self.jobs = self.resumed = self.hung = 0
        self.roles = collections.Counter()
        self.end_s = self.start_s = 0.0


# What may change from attempt to attempt without changing a byte.
LAYOUTS = ([], ["--sort-window", 64], ["--sort-window", 16, "--max-batch-tokens", 512],
           ["--threads", 1, "--sort-window", 128])


def one_job(folder, np, src, want, rng, tally, kills, span):
    """Attempts until one is through; all but the last are killed somewhere in `span` seconds."""
    ending = rng.choice(["jsonl", "csv", "jsonl.gz", "jsonl.zst"])
    out = folder / f"out.{ending}"
    args = ["classify", "-m", MODEL, "-i", src, "-o", out, "--errors", folder / "errors.jsonl",
            "--summary-json", folder / "s.json"]
    for attempt in range(40):
        run = start(args + rng.choice(LAYOUTS), np, folder)
        try:
            run.wait(timeout=rng.uniform(0, span * (1 + attempt / 4)))
        except subprocess.TimeoutExpired:
            if sum(tally.roles.values()) < kills:
                kill(run, np, rng, tally)
                continue
        code = run.wait(timeout=300)
        assert code == 0, f"attempt {attempt} ended with {code}"
        break
    s = json.loads((folder / "s.json").read_text()) if (folder / "s.json").exists() else {}
    tally.jobs += 1
    tally.resumed += s.get("rows_resumed", 0)
    if s.get("rows_resumed"):
        tally.start_s = max(tally.start_s, s["seconds"]["start"])
    assert harness.digest(out) == want[ending], f"{out.name} differs after {dict(tally.roles)}"
    assert harness.digest(folder / "errors.jsonl") == want["errors"]
    left = [end for end in LEFT if pathlib.Path(f"{out}{end}").exists()]
    assert not left, left
    for path in (out, pathlib.Path(f"{out}.manifest.json"), folder / "s.json"):
        path.unlink(missing_ok=True)


def undisturbed(folder, src):
    want = {}
    seconds = 0.0
    for ending in ("jsonl", "csv", "jsonl.gz", "jsonl.zst"):
        begin = time.monotonic()
        harness.must(harness.call("classify", "-m", MODEL, "-i", src, "-o", folder / f"w.{ending}",
                                  "--errors", folder / "w.errors"))
        seconds = time.monotonic() - begin
        want[ending] = harness.digest(folder / f"w.{ending}")
    want["errors"] = harness.digest(folder / "w.errors")
    return want, seconds


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kills", type=int, default=5)
    p.add_argument("--np", type=int, nargs="+", default=[0])
    p.add_argument("--rows", type=int, default=200 if harness.SANITIZED else 1500)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    rng = random.Random(a.seed)
    harness.sync_cheaply()  # many commits, so much to get wrong
    folder = harness.scratch()
    src = source(folder, a.rows, rng)
    want, seconds = undisturbed(folder, src)
    try:
        for np in a.np:
            tally = Tally()
            while sum(tally.roles.values()) < a.kills:
                one_job(folder, np, src, want, rng, tally, a.kills, seconds * (1 if np else 0.8))
            print(f"np {np}: {tally.jobs} jobs, {sum(tally.roles.values())} kills "
                  f"({', '.join(f'{n} of {r}' for r, n in sorted(tally.roles.items()))}), "
                  f"{tally.resumed} rows were there; the rest ended within {tally.end_s:.2f} s, "
                  f"attempts that went on started within {tally.start_s:.2f} s"
                  + (f"; mpirun itself hung {tally.hung} times" if tally.hung else "")
                  + "; every output the same", flush=True)
    finally:
        harness.shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
