"""The program alone, on files that fail (shim_disk.c), change, or are not its own.

usage: files.py SHIM [--each N] [TEST...]
Each N-th call of a kind is tried (1: all of them). Whatever fails: the job ends with a code that says so,
or is complete and right; the same command is then through, and the output is the one of an undisturbed
run. The lines say how many tries there were."""
import argparse
import collections
import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
import harness  # noqa: E402
from resume import commits  # noqa: E402
from harness import MODEL, PROGRAM  # noqa: E402

IO_ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "ESTALE", "EFBIG", "0")
EXPLAINED = {0, 71, 73, 74, 75}
LEFT = (".part", ".tail", ".journal", ".journal.part", ".manifest.json.part")


class Job:
    """A folder with rows, what an undisturbed run makes of them, and the command."""

    def __init__(self, shim, rows=400):
        if os.access("/dev/shm", os.W_OK):
            tempfile.tempdir = "/dev/shm"
        self.shim, self.folder = shim, harness.scratch()
        self.rows = self.folder / "rows.jsonl"
        self.out = self.folder / "out.jsonl"
        self.rows.write_text("".join(json.dumps({"id": i, "text": f"row {i} was good"}) + "\n"
                                     for i in range(rows)))
        self.args = ["classify", "-m", str(MODEL), "-i", str(self.rows), "-o", str(self.out)]
        harness.must(harness.call(*self.args))
        self.want = harness.digest(self.out)
        self.clean()

    def clean(self):
        for end in ("", ".manifest.json", *LEFT):
            pathlib.Path(f"{self.out}{end}").unlink(missing_ok=True)

    def start(self, **options):
        names = {f"TFM_SHIM_{k}": str(v) for k, v in options.items()}
        env = {"LD_PRELOAD": self.shim, "TFM_SHIM_UNDER": f"{self.folder}:{MODEL}",
               "TFM_SHIM_LOG": str(self.folder / "log"), **names}
        run = harness.call(*self.args, env=env)
        log = self.folder / "log"
        self.log = json.loads(log.read_text()) if log.exists() else {}
        log.unlink(missing_ok=True)
        return run

    def goes_on(self, what):
        """The same command without a fault is through, and right."""
        run = harness.call(*self.args)
        assert run.code == 0, f"{what}: then exit {run.code}: {run.err[-300:]}"
        self.is_right(what)
        self.clean()

    def is_right(self, what):
        assert harness.digest(self.out) == self.want, f"{what}: the output differs"
        left = [end for end in LEFT if pathlib.Path(f"{self.out}{end}").exists()]
        assert not left, f"{what}: {left} left behind"


def every_call(kind, errors):
    """The n-th call fails, for all n until there is none."""
    job = Job(SHIM)
    job.start()
    job.clean()
    calls = job.log[kind]["calls"]
    tried = collections.Counter()
    assert calls, f"no call of {kind}: the shim sees nothing"
    for name in errors:
        number = 0 if name == "0" else getattr(errno, name)
        for at in range(0, calls, EACH):
            what = f"{kind} {at} fails with {name}"
            run = job.start(CALL=kind, AT=at, ERROR=number)
            assert run.code in EXPLAINED, f"{what}: exit {run.code}: {run.err[-300:]}"
            assert run.code == 0 or run.err.strip(), f"{what}: no reason is given"
            if name == "0" or (name == "EINTR" and kind in ("read", "write")):
                assert run.code == 0, f"{what}: exit {run.code}: {run.err[-300:]}"
            tried[run.code] += 1
            if run.code == 0:
                job.is_right(what)
            job.goes_on(what)
    print(f"      {kind}: {calls} calls, tries by exit code {dict(tried)}", flush=True)
    return tried


def test_reads_fail():
    assert every_call("read", ("EIO", "EINTR", "ESTALE", "0"))[74]


def test_writes_fail():
    assert every_call("write", IO_ERRORS)[74]


def test_a_failed_sync_is_not_tried_again():
    tried = every_call("sync", ("EIO", "ENOSPC"))
    assert tried[74], tried


def test_opening_and_closing_fail():
    every_call("open", ("EIO", "ENOSPC", "ESTALE"))
    every_call("close", ("EIO", "ENOSPC"))


def test_names_fail():
    for kind in ("rename", "unlink", "cut"):
        every_call(kind, ("EIO", "ENOSPC", "EDQUOT"))


def test_the_disk_is_full():
    """... and is freed: after any number of bytes."""
    job = Job(SHIM)
    job.start()
    job.clean()
    most = 3 * sum(p.stat().st_size for p in (job.rows,))
    tries = 0
    for room in range(0, most, most // 40 * EACH + 1):
        run = job.start(ROOM=room)
        assert run.code in (0, 73, 74), f"room for {room}: exit {run.code}: {run.err[-300:]}"
        tries += run.code != 0
        job.goes_on(f"room for {room}")
    assert tries, "it never was full"
    print(f"      full at {tries} places", flush=True)


def test_the_clock_jumps():
    job = Job(SHIM)
    for i in range(max(1, 20 // EACH)):
        harness.must(job.start(CLOCK=1))
        job.is_right(f"jump {i}")
        job.clean()
    print(f"      the last run looked at the time of day {job.log['looks']} times", flush=True)


def killed_midway(job, **more):
    """An attempt that dies with rows on the disk, before they have their name."""
    for at in range(8):
        job.start(CALL="rename", AT=at, ERROR=-1, **more)
        part = pathlib.Path(f"{job.out}.part")
        if part.exists() and part.read_bytes().count(b"\n") and not job.out.exists():
            return
        job.clean()
    raise AssertionError("no attempt died midway")


def killed(job, at):
    """Killed before its call number `at` of any kind; False when it was through before."""
    code = job.start(CALL="any", AT=at, ERROR=-1).code
    assert code in (0, -signal.SIGKILL), f"killed before call {at}: exit {code}"
    return code != 0


def test_killed_before_every_call():
    """While it starts, loads, works, commits and finishes."""
    job = Job(SHIM)
    job.start()
    job.clean()
    kills = 0
    for at in range(0, job.log["any"]["calls"], EACH):
        kills += killed(job, at)
        job.goes_on(f"killed before call {at}")
    print(f"      killed {kills} times", flush=True)


def test_killed_before_every_call_of_a_recovery():
    """An attempt that was killed midway is gone on with by one that is killed, too; then by another one."""
    job = Job(SHIM)
    killed_midway(job)
    job.start()
    job.is_right("an attempt that went on")
    job.clean()
    kills = 0
    for at in range(EACH // 2, job.log["any"]["calls"], EACH):
        killed_midway(job)
        kills += killed(job, at)
        kills += killed(job, at + 1)
        job.goes_on(f"killed midway, then before calls {at} and {at + 1}")
    print(f"      killed {kills} times after a first", flush=True)


def test_killed_before_every_call_of_a_drain():
    """SIGUSR1 comes at one call of a file, death at another one behind it."""
    job = Job(SHIM)
    job.start()
    job.clean()
    calls = job.log["any"]["calls"]
    tally = collections.Counter()
    for told in range(0, calls, max(1, calls // 6)):
        drained = job.start(DRAIN=told).code
        assert drained in (0, 75), f"told at call {told}: exit {drained}"
        last = job.log["any"]["calls"] if job.log else told + 2  # left at once, or drained
        job.goes_on(f"told to drain at call {told}")
        for at in range(told + 1, last, EACH):
            tally[job.start(DRAIN=told, CALL="any", AT=at, ERROR=-1).code] += 1
            job.goes_on(f"told to drain at call {told}, killed before call {at}")
    assert set(tally) <= {0, 75, -signal.SIGKILL}, tally
    print(f"      exit codes {dict(tally)}", flush=True)


CHANGES = {
    "a byte of a row that was read": lambda b: b.replace(b"row 0 was", b"row 0 saw", 1),
    "cut before what was read": lambda b: b[:20],
    "another file": lambda b: b[::-1],
    "rows appended": lambda b: b + b'{"text": "one more"}\n',
    "emptied": lambda b: b"",
}


def test_the_input_changes_between_attempts():
    job = Job(SHIM)
    before = job.rows.read_bytes()
    for what, change in list(CHANGES.items()) * max(1, 10 // EACH):
        killed_midway(job)
        job.rows.write_bytes(change(before))
        run = harness.call(*job.args)
        assert run.code in (65, 78), f"{what}: exit {run.code}: {run.err[-300:]}"
        assert "input" in run.err, f"{what}: the input is not named: {run.err[-300:]}"
        job.rows.write_bytes(before)
        job.goes_on(what)


def test_two_jobs_on_one_output():
    """One holds it, waiting for its input; the other leaves with 73. Then many at once."""
    job = Job(SHIM)
    words = [PROGRAM, "classify", "-m", str(MODEL), "-i", "-", "-o", str(job.out)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        while not pathlib.Path(f"{job.out}.journal").exists():
            assert first.poll() is None, "the first job ended"
        for _ in range(max(1, 10 // EACH)):
            harness.must(harness.call(*words[1:], stdin=b'{"text": "x"}\n'), 73)
        first.stdin.write(job.rows.read_bytes())
        first.stdin.close()
        assert first.wait(timeout=120) == 0
    job.is_right("the first of two")
    job.clean()
    codes = collections.Counter()
    for _ in range(max(2, 25 // EACH)):
        runs = [subprocess.Popen([PROGRAM, *job.args], stderr=subprocess.DEVNULL) for _ in range(4)]
        ended = [run.wait(timeout=120) for run in runs]
        codes.update(ended)
        assert 0 in ended and set(ended) <= {0, 73}, ended
        job.is_right("one of four")
        job.clean()
    print(f"      four at once, by exit code: {dict(codes)}", flush=True)


def test_twins_on_a_file_system_without_locks():
    """One has committed and waits for its input; a twin takes over, the same job or another one, and is
    through. The first one then finds out before it writes, and says so."""
    job = Job(SHIM)
    line = [*job.args[:4], "-", *job.args[5:]]
    body = job.rows.read_bytes()
    half = body.index(b"\n", len(body) // 2) + 1
    env = {**os.environ, **harness.MPI, "LD_PRELOAD": SHIM, "TFM_SHIM_LOCK": "free"}
    for more in ([], ["--restart", "--top-k", "all"]) * max(1, 10 // EACH):
        with subprocess.Popen([PROGRAM, *line], env=env, stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE) as first:
            first.stdin.write(body[:half])
            first.stdin.flush()
            while not commits(job.out):
                assert first.poll() is None, first.stderr.read()
            twin = harness.must(harness.call(*line, *more, stdin=body, env={
                "LD_PRELOAD": SHIM, "TFM_SHIM_LOCK": "free"}))
            want = harness.digest(job.out)
            assert (want == job.want) == (not more), twin.err
            told = first.communicate(body[half:], timeout=120)[1].decode()
        assert first.returncode == 73 and "another job" in told, (first.returncode, told)
        assert harness.digest(job.out) == want, f"the first one wrote into its twin's output: {more}"
        left = [end for end in LEFT if pathlib.Path(f"{job.out}{end}").exists()]
        assert not left, left
        job.clean()


def test_a_host_that_is_gone():
    """It died at work. While its lock lives on, the next one names it and leaves; then it goes on."""
    job = Job(SHIM)
    killed_midway(job, HOST="node7")
    run = harness.must(job.start(LOCK="held", HOST="node8"), 73)
    assert "process " in run.err and " on node7 is writing it" in run.err, run.err
    assert "if that host is down" in run.err, run.err
    job.goes_on("the lock of a host that is gone")


def test_nobody_reads_what_is_written():
    """Standard output is full, or its reader is gone: not a success."""
    job = Job(SHIM)
    words = [PROGRAM, "classify", "-m", str(MODEL), "-i", str(job.rows)]
    with open("/dev/full", "wb") as full:
        assert subprocess.run(words, stdout=full, stderr=subprocess.DEVNULL).returncode == 74
    for _ in range(max(1, 20 // EACH)):
        run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        run.stdout.close()
        assert run.wait(timeout=120) not in (0, -signal.SIGPIPE), "nobody read it, and it says 0"


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("shim")
    p.add_argument("--each", type=int, default=1)
    p.add_argument("tests", nargs="*")
    a = p.parse_args()
    SHIM, EACH = a.shim, a.each
    if harness.SANITIZED:
        print("skip: a sanitizer must be loaded first, and so must the shim")
        sys.exit(77)
    sys.argv[1:] = a.tests
    harness.run(globals())
