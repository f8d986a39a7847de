"""Texts that grow, over real ranks: one hash for any np, cut, number in flight and way of choosing tokens; a job that is
killed or told to end in the midst of its texts goes on with the same command and writes the same bytes."""
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time

import harness
from generate import COMMON, FOLDER, ROWS, SAMPLED
from harness import PROGRAM, call, digest, must, scratch
from resume import commits, until_free

# Rows keep their order: what is drawn is counted by a row's number (core/model/DECISIONS.md M22).
LAYOUTS = [
    (0, ["--stages", 3]),
    (2, []),
    (3, ["--max-batch-tokens", 9]),
    (4, ["--kv-budget", 200000]),
    (5, ["--layers", "0a,0f,1-2a,2f"]),
    (7, ["--replicas", 2, "--stages", 3, "--sort-window", 3]),
    (8, ["--kv-budget", 120000, "--max-batch-tokens", 16]),
]

CHOICES = [
    [],
    [*SAMPLED, "--num-return-sequences", 2],
    ["--num-beams", 3, "--length-penalty", 0.5],
    ["--dtype", "int8"],
    ["--dtype", "int8", "--int8-mode", "groups"],
    ["--dtype", "bfloat16", "--kv-dtype", "int8"],
]


def test_one_hash_for_each_choice():
    folder = scratch()
    for n, how in enumerate(CHOICES):
        seen = {}
        for i, (np, layout) in enumerate([(0, []), *LAYOUTS]):
            out = folder / f"out{n}-{i}.jsonl"
            must(call("generate", *COMMON, "-o", out, *how, *layout, np=np))
            seen[digest(out)] = (np, layout)
        assert len(seen) == 1, (how, seen)


class Job:
    """A job whose rows come through a pipe that this test holds open: it cannot be through before it is told to end, and
    what becomes of a launcher does not end its input."""

    def __init__(self, pipe, args, body, np):
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        self.pipe = os.open(pipe, os.O_RDWR)
        os.write(self.pipe, body)
        command, env = [PROGRAM, *map(str, args)], {**os.environ, **harness.MPI}
        if np:
            command = ["mpirun", "-np", str(np), *command]
            env.update(TMPDIR=str(harness.SCRATCH[-1]), OMPI_MCA_btl_vader_backing_directory=str(harness.SCRATCH[-1]))
        self.run = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    start_new_session=True)

    def end(self):
        """Its exit code and what it said, once the pipe is closed."""
        os.close(self.pipe)
        said = self.run.communicate(timeout=240)[1]
        return self.run.returncode, said.decode("utf-8", "replace")

    def to_its_end(self):
        while int.from_bytes(fcntl.ioctl(self.pipe, termios.FIONREAD, bytes(4)), sys.byteorder) and self.run.poll() is None:
            time.sleep(0.02)
        return self.end()

    def told(self, number):
        self.run.send_signal(number)
        said = self.run.communicate(timeout=240)[1]
        os.close(self.pipe)
        return self.run.returncode, said.decode("utf-8", "replace")


def until_more_is_there(out, had):
    """Until more of the output has been committed than there was."""
    for _ in range(6000):
        if commits(out) > had:
            return
        time.sleep(0.02)
    raise AssertionError("nothing was committed")


def interrupted(how, number, np):
    folder = scratch()
    want, out, pipe = folder / "want.jsonl", folder / "out.jsonl", folder / "rows.jsonl"
    common = ["generate", "-m", FOLDER, "--max-new-tokens", 120, "--return-tokens", "--stages", 2, *how]
    lines = [line for _ in range(4) for line in ROWS.read_bytes().splitlines(keepends=True)]
    must(call(*common, "-o", want, stdin=b"".join(lines)))
    args = [*common, "-i", pipe, "-o", out]
    for rows in (40, 70):  # interrupted twice, further on the second time
        had = commits(out)
        job = Job(pipe, args, b"".join(lines[:rows]), np)
        until_more_is_there(out, had)
        code, said = job.told(number)
        assert code != 0 and not out.exists(), (code, said)
        until_free(out.with_name("out.jsonl.part"))
    summary = folder / "summary.json"
    code, said = Job(pipe, [*args, "--resume", "must", "--summary-json", summary], b"".join(lines), np).to_its_end()
    assert code == 0, (code, said)
    assert digest(out) == digest(want), (how, number, np)
    assert len(want.read_text().splitlines()) == len(lines)
    assert 0 < json.loads(summary.read_text())["rows_resumed"] < len(lines), summary.read_text()


def test_a_killed_job_goes_on():
    for how, np in (([], 0), (SAMPLED, 3), (["--num-beams", 2], 3)):
        interrupted(how, signal.SIGKILL, np)


def test_a_job_told_to_end_goes_on():
    for how, np in ((SAMPLED, 0), ([], 3)):
        interrupted(how, signal.SIGTERM, np)


if __name__ == "__main__":
    harness.sync_cheaply()
    harness.run(globals())
