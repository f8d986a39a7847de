#!/usr/bin/env python3
"""The days of a job under a real Slurm of four nodes on this machine (cluster.py): every file must be,
byte for byte, the one that an undisturbed run writes.

usage: day.py [NAME...]      (environment: TFM_PROGRAM; as root, with slurm-wlm and munge)
       --rows N --words N --model DIR  a longer job: how many rows (2000) of at most how many words (40)
       --deadline SECONDS              for each day (900); also for the undisturbed run before them
Prints a table of what was done and what came; exits 1 when a file differed, or a day was no such day.
"""
import argparse
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
from harness import MPI, PROGRAM, SOURCE, call, must  # noqa: E402
from cluster import Cluster, kill, read  # noqa: E402
# squeue(1): states a job stays in. NODE_FAIL is not one: such a job goes back to the queue.
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE", "BOOT_FAIL")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def make_rows(path, count, most):
    """Rows of 1 to most words of the bundled sample, the same every time."""
    draw = random.Random(2026)
    words = (SOURCE / "deploy" / "models" / "sample.txt").read_text(encoding="utf-8").split()
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(count):
            out.write(" ".join(draw.choices(words, k=draw.randint(1, most))) + "\n")


class Day:
    def __init__(self, folder, slurm, options):
        self.folder, self.slurm, self.deadline = folder, slurm, options.deadline
        self.rows = folder / "rows.txt"
        self.model = ["-m", options.model] if options.model else []
        make_rows(self.rows, options.rows, options.words)
        self.want = folder / "undisturbed.jsonl"
        must(call("classify", "-q", *self.model, "-i", self.rows, "-o", self.want, timeout=self.deadline))

    def command(self, out):
        """One thread a rank: the nodes share this machine's cores, and threads of a rank wait for each other."""
        return ["classify", "--threads", "1", *self.model, "-i", str(self.rows), "-o", str(out)]

    def script(self, name, *options, warn=None, own=()):
        """What `tfm-cluster sbatch` prints; warn: seconds before the limit that USR1 comes."""
        out = self.folder / f"{name}.jsonl"
        text = must(call("sbatch", "--job-name", name, *options, "--", *self.command(out), *own)).out
        text = text.replace("tfm-cluster classify", f"{PROGRAM} classify")
        if warn:
            text = text.replace("USR1@120", f"USR1@{warn}")
        path = self.folder / f"{name}.sh"
        path.write_text(text, encoding="utf-8")
        return path, out

    def submit(self, script):
        return self.slurm.run("sbatch", "--parsable", script, **MPI).stdout.strip()

    def finish(self, number):
        """Wait for the job; its state and restarts."""
        end = time.monotonic() + self.deadline
        while time.monotonic() < end:
            state, restarts = self.slurm.job(number)
            if state in OVER:
                return state, restarts
            time.sleep(0.5)
        raise RuntimeError(f"job {number} is still {state}")

    def committed(self, out, least=1):
        """Wait until the job has committed something."""
        journal = pathlib.Path(f"{out}.journal")
        end = time.monotonic() + self.deadline
        while time.monotonic() < end:
            if journal.exists() and journal.stat().st_size > least:
                return journal.stat().st_size
            time.sleep(0.2)
        raise RuntimeError(f"{out}: nothing was committed")


def srun(day):
    """srun --mpi=pmix over two nodes"""
    out = day.folder / "srun.jsonl"
    day.slurm.run("srun", "-N2", "--ntasks-per-node=2", "--mpi=pmix", PROGRAM, *day.command(out),
                  **MPI)
    return [out], ""


def salloc(day):
    """salloc, then mpirun inside"""
    out = day.folder / "salloc.jsonl"
    day.slurm.run("salloc", "-N2", "--ntasks-per-node=2", "mpirun", PROGRAM, *day.command(out), **MPI)
    return [out], ""


def coordinator(day):
    """a heterogeneous job: rank 0 on a node of its own"""
    script, out = day.script("coordinator", "--nodes", "2", "--ranks-per-node", "2",
                             "--coordinator-memory", "500M")
    state, _ = day.finish(day.submit(script))
    return [out], state


def array(day):
    """an array of four, the outputs put together"""
    script, out = day.script("array", "--array", "4", "--ranks-per-node", "3")
    number = day.submit(script)
    end = time.monotonic() + day.deadline
    while day.slurm.run("squeue", "-h", "-j", number, check=False).stdout.strip():
        if time.monotonic() > end:
            raise RuntimeError("the array does not end")
        time.sleep(0.5)
    parts = sorted(day.folder.glob("array-*-of-00004.jsonl"))
    out.write_bytes(b"".join(p.read_bytes() for p in parts))
    return [out], f"{len(parts)} parts"


def limit(day):
    """a time limit that is met, requeue by the script, until it is done"""
    script, out = day.script("limit", "--nodes", "2", "--ranks-per-node", "2", "--time", "1",
                             warn=45)
    state, restarts = day.finish(day.submit(script))
    return [out], f"{state}, {restarts} requeues"


def node(day, name="node", ranks=True):
    """a node that is lost with all its ranks"""
    script, out = day.script(name, "--nodes", "2", "--ranks-per-node", "2", own=["--stall-limit", "20"])
    number = day.submit(script)
    day.committed(out)
    nodes = day.slurm.run("squeue", "-h", "-j", number, "-o", "%N").stdout.strip()
    first, last = re.match(r"n\[(\d)[-,](\d)\]", nodes).groups()
    victim = f"n{last}"
    day.slurm.kill_node(victim, ranks=ranks)
    state, restarts = day.finish(number)
    note = f"{state}, {restarts} requeues"
    while state != "COMPLETED":  # the same script again, as a person would
        state, restarts = day.finish(day.submit(script))
        note += f"; again: {state}, {restarts} requeues"
    stop_ranks(day)
    day.slurm.start_node(victim)
    day.slurm.run("scontrol", "update", f"NodeName={victim}", "State=RESUME", check=False)
    day.slurm.wait_idle()
    return [out], f"{note} ({nodes}, {victim} killed)"


def fence(day):
    """a node whose daemons are lost and whose ranks live on"""
    return node(day, "fence", ranks=False)


def stop_ranks(day):
    """What an earlier attempt may have left of itself."""
    mine = str(day.folder)
    for pid in [p.name for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()]:
        if PROGRAM in read(f"/proc/{pid}/cmdline") and mine in read(f"/proc/{pid}/cmdline"):
            kill(int(pid), 9)


def everything(day):
    """time limits, three at least, and the loss of a node in one job"""
    script, out = day.script("everything", "--nodes", "2", "--ranks-per-node", "2", "--time", "1",
                             warn=45, own=["--stall-limit", "120"])
    number = day.submit(script)
    killed = ""
    end = time.monotonic() + day.deadline
    while time.monotonic() < end:
        state, restarts = day.slurm.job(number)
        if state in OVER:
            break
        if state == "RUNNING" and restarts >= 2 and not killed:
            killed = kill_in_the_middle(day, number, out)
        time.sleep(0.5)
    assert killed and restarts >= 3, f"{restarts} requeues, {killed or 'no node'} lost: more rows"
    return [out], f"{state}, {restarts} requeues, one of them by the loss of {killed}"


def kill_in_the_middle(day, number, out):
    """The second node of a running job is lost when the attempt has committed something; its name, or
    nothing when the attempt was over before."""
    journal = pathlib.Path(f"{out}.journal")
    before = journal.stat().st_size if journal.exists() else 0
    while journal.exists() and journal.stat().st_size <= before:
        if day.slurm.job(number)[0] != "RUNNING":
            return ""
        time.sleep(0.2)
    nodes = day.slurm.run("squeue", "-h", "-j", number, "-o", "%N").stdout.strip()
    found = re.match(r"n\[\d[-,](\d)\]", nodes)
    if not found:
        return ""
    day.slurm.kill_node(f"n{found.group(1)}")
    return f"n{found.group(1)}"


def howto(day):
    """deploy/docs/score-a-csv.md as it is written, sbatch included"""
    played = subprocess.run(
        [sys.executable, SOURCE / "tests" / "docs" / "howto.py", SOURCE / "deploy" / "docs" / "score-a-csv.md",
         "--also", "no Slurm"], env={**day.slurm.env, "TFM_PROGRAM": PROGRAM}, capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr
    return [], played.stdout.strip().split("\n")[-1]


DAYS = [srun, salloc, coordinator, array, limit, node, fence, howto, everything]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--deadline", type=float, default=900)
    parser.add_argument("--model", default="")
    options = parser.parse_args()
    lacking = [name for name in ("slurmctld", "slurmd", "munged", "srun") if not shutil.which(name)]
    if lacking or os.geteuid() != 0:
        print(f"skip: needs root, slurm-wlm and munge; not here: {lacking or 'root'}")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # the cluster ends too
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tfm-slurm-"))
    wrong = 0
    with Cluster(folder / "slurm") as slurm:
        day = Day(folder, slurm, options)
        print(f"{options.rows} rows, sha256 {digest(day.want)}\n\n"
              "| | what happened | seconds | bytes |\n|---|---|---:|---|", flush=True)
        for test in DAYS:
            if options.names and test.__name__ not in options.names:
                continue
            began = time.monotonic()
            outs, note = test(day)
            equal = all(o.exists() and o.read_bytes() == day.want.read_bytes() for o in outs)
            wrong += not equal
            print(f"| {test.__doc__} | {note} | {time.monotonic() - began:.0f} | "
                  f"{'equal' if equal else 'DIFFERENT'} |", flush=True)
    if wrong:
        sys.exit(f"{wrong} differ; see {folder}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
