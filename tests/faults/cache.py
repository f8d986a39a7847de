"""The cache of packed weights (--cache-dir), interrupted, full, unwritable, spoilt, shared: no job fails
or changes a bit because of it, what is spoilt is said and made anew, and the next job finds all of it.

usage: cache.py SHIM [--each N] [--np N] [TEST...]
Each N-th call is tried (1: all of them). The lines say how many tries there were."""
import argparse
import errno
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import kills
from files import Job
from kills import MODEL, PROGRAM, harness

KINDS = ("open", "write", "rename", "unlink", "cut", "close", "read")
ERRORS = ("EIO", "ENOSPC", "EROFS")
SAID = "made anew from the checkpoint"


class Kept(Job):
    """A job with a cache folder, and the files it keeps there."""

    def __init__(self):
        super().__init__(SHIM, rows=30)
        self.top = self.folder / "kept"
        self.args += ["--cache-dir", str(self.top)]
        self.again()
        self.names = sorted(self.files())
        assert len(self.names) > 3, self.names
        assert self.stands() == self.names

    def again(self, np=0):
        """The same job, undisturbed."""
        self.clean()
        run = harness.must(harness.call(*self.args, np=np))
        self.is_right("with a cache")
        return run

    def files(self):
        return {p.name: p for p in self.top.glob("*/*")}

    def forget(self):
        shutil.rmtree(self.top, ignore_errors=True)

    def stands(self):
        """Another job says nothing and writes nothing; what lies there."""
        def look():
            return {n: (p.stat().st_ino, p.stat().st_mtime_ns) for n, p in self.files().items()}
        before = look()
        run = self.again()
        assert "cache" not in run.err, run.err
        assert look() == before, "it was written again"
        return sorted(before)

    def mends(self, what):
        """Whatever lies there, one more job leaves all of it right."""
        run = self.again()
        assert self.stands() == self.names, f"{what}: {self.stands()}"
        return run

    def start_here(self, **options):
        """With faults of the cache's files alone."""
        self.clean()
        return self.start(UNDER=self.top, **options)

    def calls(self):
        """How many calls of each kind a job makes that begins, and one that finds."""
        self.forget()
        self.start_here()
        return {k: v["calls"] for k, v in self.log.items() if isinstance(v, dict)}


def survives(job, what, run):
    """A job whose cache failed is a job without one."""
    assert run.code == 0, f"{what}: exit {run.code}: {run.err[-400:]}"
    job.is_right(what)


def test_killed_at_every_call():
    job = Kept()
    calls = job.calls()
    tries = 0
    for kind in KINDS:
        for at in range(0, calls[kind], EACH):
            job.forget()
            run = job.start_here(CALL=kind, AT=at, ERROR=-1)
            what = f"killed before {kind} {at}"
            assert run.code == -signal.SIGKILL, f"{what}: exit {run.code}"
            assert SAID not in job.mends(what).err, f"{what}: half a file had a name"
            tries += 1
    print(f"      calls {calls}, killed {tries} times", flush=True)


def test_every_call_fails():
    job = Kept()
    calls = job.calls()
    tries = 0
    for i, kind in enumerate(KINDS):
        for name in ERRORS if EACH == 1 else (ERRORS[i % len(ERRORS)],):
            for at in (-1, *range(0, calls[kind], EACH)):  # -1: each of them
                job.forget()
                what = f"{kind} {at} fails with {name}"
                survives(job, what, job.start_here(CALL=kind, AT=at, ERROR=getattr(errno, name)))
                assert SAID not in job.mends(what).err, f"{what}: half a file had a name"
                tries += 1
    print(f"      failed {tries} times", flush=True)


def test_the_disk_is_full():
    job = Kept()
    room = sum(p.stat().st_size for p in job.files().values())
    steps = range(0, room, room // 40 * EACH + 1)
    for at in steps:
        job.forget()
        survives(job, f"room for {at}", job.start_here(ROOM=at))
        assert SAID not in job.mends(f"room for {at}").err
    print(f"      full at {len(steps)} places", flush=True)


def test_a_disk_without_room_or_writing():
    """A real one: too small for all files, then one that may only be read."""
    job = Kept()
    small = job.folder / "small"
    small.mkdir()
    room = sum(p.stat().st_size for p in job.files().values()) // 1024 // 2
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}k", "tfm-test", str(small)],
                      capture_output=True, check=False).returncode != 0:
        raise harness.Skip("no right to mount a small file system")
    try:
        job.args[-1] = str(small)
        for remount in (None, f"remount,ro,size={room}k"):
            if remount:
                subprocess.run(["mount", "-o", remount, str(small)], check=True)
            assert "cache" not in job.again().err
            assert not list(small.glob("*/*.part"))
    finally:
        subprocess.run(["umount", str(small)], check=False)


def spoil(path, rng):
    """What a bad disk or a power cut may leave of a file; False when it left the file as it was."""
    body = bytearray(path.read_bytes())
    at = rng.randrange(len(body))
    kind = rng.randrange(4)
    if kind == 0:
        body[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        body[at:] = bytes(len(body) - at)  # its length was kept, its end was not
    elif kind == 2:
        del body[at:]
    else:
        block = body[at // 4096 * 4096:(at // 4096 + 1) * 4096]
        body[at // 4096 * 4096:(at // 4096 + 1) * 4096] = rng.randbytes(len(block))
    if body == path.read_bytes():
        return False
    path.write_bytes(body)
    return True


def test_files_are_spoilt():
    job = Kept()
    rng = random.Random(7)
    tries = 0
    for _ in range(max(4, 200 // EACH)):
        name, path = rng.choice(sorted(job.files().items()))
        if spoil(path, rng):
            run = job.mends(f"{name} spoilt")
            assert SAID in run.err and name in run.err, run.err
            tries += 1
    print(f"      spoilt {tries} times", flush=True)


def test_many_jobs_begin_it_at_once():
    job = Kept()
    for _ in range(max(1, 20 // EACH)):
        job.forget()
        job.clean()
        outs = [job.folder / f"out{i}.jsonl" for i in range(4)]
        runs = []
        for i, out in enumerate(outs):
            words = [PROGRAM, *job.args[:-4], "-o", str(out), *job.args[-2:]]
            words = ["mpirun", "-np", str(NP), *words] if i % 2 else words
            env = {**harness.os.environ, **harness.MPI, **harness.sanitizer_options(NP)}
            runs.append(subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, stdout=subprocess.DEVNULL))
        for run, out in zip(runs, outs):
            told = run.communicate(timeout=120)[1].decode("utf-8", "replace")
            assert run.returncode == 0 and "cache" not in told, told
            assert harness.digest(out) == job.want
            out.unlink()
        # A writer that finds another at work leaves it to that one, and all of them end.
        assert SAID not in job.mends("four at once").err


def test_ranks_are_killed_while_they_begin_it():
    job = Kept()
    rng = random.Random(11)
    job.forget()
    begin = time.monotonic()
    job.again(NP)
    span = time.monotonic() - begin
    tally = kills.Tally()
    for _ in range(max(2, 60 // EACH)):
        job.forget()
        job.clean()
        run = kills.start(job.args, NP, job.folder)
        try:
            run.wait(timeout=rng.uniform(0, span))
        except subprocess.TimeoutExpired:
            kills.kill(run, NP, rng, tally)
        assert SAID not in job.mends("killed").err
        assert not list(job.top.glob("*/*.part")), "a part is left"
    print(f"      killed {sum(tally.roles.values())} times {dict(tally.roles)}", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("shim")
    p.add_argument("--each", type=int, default=1)
    p.add_argument("--np", type=int, default=3)
    p.add_argument("tests", nargs="*")
    a = p.parse_args()
    SHIM, EACH, NP = a.shim, a.each, a.np
    assert pathlib.Path(MODEL).exists()
    if harness.SANITIZED:
        print("skip: a sanitizer must be loaded first, and so must the shim")
        sys.exit(77)
    sys.argv[1:] = a.tests
    harness.run(globals())
