"""Memory runs out at some allocation: the job ends with 71 and a sentence, or the row is an error, or
the bytes are those of an undisturbed run; never a crash, and the same command goes on afterwards.

In ctest a part of all allocations is tried; `nomem.py --all [FIRST [LAST]]` tries each of them in one
process, `nomem.py --all-ranks [EACH]` each, or every EACH-th, of every rank."""
import json
import os
import sys

import harness
from harness import MODEL, call, digest, must, rows, scratch
from resume import words

FAULTY = os.environ.get("TFM_FAULTY", "")
SAMPLE = 12 if harness.SANITIZED else 60


class Job:
    """One small job, and what it should write."""

    def __init__(self):
        self.folder = scratch()
        src = rows(words(6, 7), self.folder / "rows.jsonl")
        self.args = ["classify", "-m", MODEL, "-i", src, "--threads", 1]
        self.want = self.folder / "want.jsonl"
        must(call(*self.args, "-o", self.want))
        self.out = self.folder / "out.jsonl"

    def run(self, fault, np=0, count=None):
        program, harness.PROGRAM = harness.PROGRAM, FAULTY
        env = {"TFM_FAULT": fault, **({"TFM_FAULT_COUNT": str(count)} if count else {})}
        try:
            return call(*self.args, "-o", self.out, "--errors", self.folder / "errors.jsonl",
                        "--summary-json", self.folder / "s.json", np=np, env=env)
        finally:
            harness.PROGRAM = program

    def clear(self):
        for path in [*self.folder.glob("out.jsonl*"), *self.folder.glob("errors.jsonl*")]:
            path.unlink()

    def allocations(self, np=0):
        """How many one process asks for; of ranks the most."""
        count = self.folder / "count"
        count.unlink(missing_ok=True)
        must(self.run("none", np, count))
        self.clear()
        asked = [int(line) for line in count.read_text().split()]
        assert len(asked) == max(1, np), asked
        return max(asked)

    def survives(self, rank, n, np=0):
        """What becomes of the job when allocation n fails."""
        run = self.run(f"{rank}:nomem:{n}", np)
        told = f"rank {rank}, allocation {n}: exit {run.code}\n{run.err[-1500:]}"
        if run.code == 0:
            got = [json.loads(line) for line in harness.lines(self.out)]
            bad = [row for row in got if "error" in row]
            assert len(got) == 6 and (bad or digest(self.out) == digest(self.want)), told
            outcome = "row" if bad else "unhurt"
        else:
            assert run.code == 71 and "memory" in run.err, told
            # The last allocations come when the output has its name: then it is whole.
            assert not self.out.exists() or digest(self.out) == digest(self.want), told
            must(call(*self.args, "-o", self.out, "--errors", self.folder / "errors.jsonl"))
            assert digest(self.out) == digest(self.want), told
            outcome = "71"
        self.clear()
        return outcome


def spread(total, n):
    """n numbers of 1..total, from the first to the last."""
    return sorted({1 + (total - 1) * i // (n - 1) for i in range(n)})


def test_in_one_process():
    job = Job()
    outcomes = [job.survives(-1, n) for n in spread(job.allocations(), SAMPLE)]
    assert outcomes.count("71") > len(outcomes) // 2, outcomes


def test_in_each_rank():
    job = Job()
    total = job.allocations(3)
    for rank in (0, 1, 2):
        for n in spread(total, 4):
            job.survives(rank, n, 3)


def try_all(first, last, np, ranks, each=1):
    job = Job()
    tally = {}
    total = job.allocations(np)
    for rank in ranks:
        for n in range(first, min(last, total) + 1, each):
            try:
                outcome = job.survives(rank, n, np)
            except AssertionError as why:
                print(f"FAIL {why}", flush=True)
                job.clear()
                outcome = "FAIL"
            tally[outcome] = tally.get(outcome, 0) + 1
    print(f"{total} allocations, tried {sum(tally.values())}: {tally}")
    sys.exit(1 if "FAIL" in tally else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--all"]:
        bounds = [int(word) for word in sys.argv[2:]] + [1, 1 << 30][len(sys.argv) - 2:]
        try_all(bounds[0], bounds[1], 0, (-1,))
    if sys.argv[1:2] == ["--all-ranks"]:
        try_all(1, 1 << 30, 3, (0, 1, 2), int((sys.argv[2:] or ["1"])[0]))
    harness.run(globals())
