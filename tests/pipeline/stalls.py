"""A rank that stops, hangs or never loads ends the job within its limit, and is named; a job that
merely waits, or is suspended as a whole, goes on. Nothing here is a race: a rank that is stopped stays
stopped, and a limit only has to be reached."""
import os
import pathlib
import signal
import subprocess
import time

import harness
from harness import MODEL, PROGRAM, call, digest, must, rows, scratch
from resume import commits, words

FAULTY = os.environ.get("TFM_FAULTY", "")
LIMIT = 20 if harness.SANITIZED else 8  # seconds; far above what a rank is ever silent for


class Job:
    """The program under mpirun, reading rows from a pipe that stays open."""

    def __init__(self, np=3, program=PROGRAM, limit=LIMIT, fault=None, extra=()):
        self.folder = scratch()
        self.out = self.folder / "out.jsonl"
        self.args = ["classify", "-m", MODEL, "-o", self.out, "--stall-limit", limit, *extra]
        env = {**os.environ, **harness.MPI, **harness.sanitizer_options(9)}
        if fault:
            env["TFM_FAULT"] = fault
        self.run = subprocess.Popen(
            ["mpirun", "-np", str(np), program, *map(str, self.args)], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.body = b""

    def write(self, n, seed=1):
        body = "".join(text + "\n" for text in words(n, seed)).encode()
        self.body += body
        self.run.stdin.write(body)
        self.run.stdin.flush()

    def until_it_works(self):
        """Until rows are through every stage and on the disk."""
        for _ in range(6000):
            if commits(self.out):
                return
            assert self.run.poll() is None, self.run.stderr.read()
            time.sleep(0.02)
        raise AssertionError("nothing was committed")

    def ranks(self):
        """Process ids by rank."""
        found = {}
        for p in pathlib.Path(f"/proc/{self.run.pid}/task/{self.run.pid}/children").read_text().split():
            for word in pathlib.Path(f"/proc/{p}/environ").read_bytes().split(b"\0"):
                if word.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(word.split(b"=")[1])] = int(p)
        return found

    def ended(self):
        """Exit code and what was said; the job must end by itself."""
        err = self.run.stderr.read().decode("utf-8", "replace")
        return self.run.wait(timeout=60), err

    def goes_on(self):
        """The same command again, without the fault, gives the bytes of an undisturbed run."""
        must(call(*self.args, np=3, stdin=self.body))
        want = self.folder / "want.jsonl"
        must(call("classify", "-m", MODEL, "-o", want, stdin=self.body))
        assert digest(self.out) == digest(want)


def named(code, err, *words_):
    assert code == 70 and all(w in err for w in words_), (code, err)


def stops_at(rank):
    job = Job()
    job.write(20)
    job.until_it_works()
    os.kill(job.ranks()[rank], signal.SIGSTOP)
    job.write(20, 2)
    named(*job.ended(), f"rank {rank} on ", "silent", "same command")
    job.goes_on()


def test_a_stopped_first_stage():
    stops_at(1)


def test_a_stopped_last_stage():
    stops_at(2)


def test_a_stopped_coordinator():
    job = Job()
    job.write(20)
    job.until_it_works()
    os.kill(job.ranks()[0], signal.SIGSTOP)
    named(*job.ended(), "rank 0 has been silent", "same command")
    job.goes_on()


def test_silent_input_is_no_fault():
    """Nothing to do for longer than the limit: heartbeats go both ways."""
    job = Job(limit=5)
    job.write(5)
    job.until_it_works()
    time.sleep(12)
    job.write(5, 2)
    job.run.stdin.close()
    code, err = job.ended()
    assert code == 0 and len(harness.lines(job.out)) == 10, (code, err)


def test_a_suspended_job_goes_on():
    job = Job(limit=5)
    job.write(5)
    job.until_it_works()
    ranks = job.ranks().values()
    assert len(ranks) == 3
    for pid in ranks:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(12)
    for pid in ranks:
        os.kill(pid, signal.SIGCONT)
    job.write(5, 2)
    job.run.stdin.close()
    code, err = job.ended()
    assert code == 0 and len(harness.lines(job.out)) == 10, (code, err)


def ends_by(fault, *words_):
    job = Job(program=FAULTY, fault=fault)
    job.write(20)
    named(*job.ended(), "rank 2 on ", *words_)
    job.goes_on()


def test_a_stage_that_hangs():
    ends_by("2:hang:1", "silent")


def test_a_stage_that_computes_for_ever():
    ends_by("2:spin:1", "has been computing", "--stall-limit")


def test_a_rank_that_never_loads():
    job = Job(program=FAULTY, fault="1:load", extra=("--load-limit", LIMIT))
    named(*job.ended(), "rank 1 on ", "no ready after", "--load-limit")


def test_without_mpirun():
    """A stage thread that hangs: the same, from within one process."""
    folder = scratch()
    src = rows(words(20, 1), folder / "rows.jsonl")
    run = subprocess.run([FAULTY, "classify", "-m", str(MODEL), "-i", str(src), "-o",
                          str(folder / "out.jsonl"), "--stages", "2", "--stall-limit", str(LIMIT)],
                         env={**os.environ, "TFM_FAULT": "-1:spin:1"}, capture_output=True,
                         timeout=120, check=False)
    named(run.returncode, run.stderr.decode(), "has been computing")


def test_limits_are_seconds():
    for words_ in (("--stall-limit", "4"), ("--load-limit", "soon"), ("--stall-limit", "-1")):
        assert words_[0] in must(call("classify", *words_), 64).err


if __name__ == "__main__":
    harness.run(globals(), at_once=4)
