"""Ranks that share cores take turns on them: never more at work than there are cores, whatever the layout,
and the bytes of one process. With links by MPI alone there are no seats, and all goes on as it may.
"""
import json
import os

from harness import MODEL, call, digest, must, rows, run, scratch, texts

CORES = sorted(os.sched_getaffinity(0))[:2]


def spans(path):
    """(begin, end) of what ranks computed."""
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    return [(e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X" and e["cat"] in ("compute", "head")]


def most_at_once(times):
    steps = sorted([(begin, 1) for begin, _ in times] + [(end, -1) for _, end in times])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def check(np, seats, *options, env=None):
    folder = scratch()
    src = rows(texts(), folder / "in.jsonl")
    job = ["classify", "-m", MODEL, "-i", src, "--max-batch-tokens", 256]
    must(call(*job, "-o", folder / "one.jsonl", "--stages", 1, "--threads", 1))
    must(call(*job, "-o", folder / "out.jsonl", "--trace", folder / "t.json", *options, np=np, env=env))
    assert digest(folder / "one.jsonl") == digest(folder / "out.jsonl")
    at_once = most_at_once(spans(folder / "t.json"))
    assert 1 <= at_once <= seats, f"{at_once} ranks computed at once on {len(CORES)} cores"


def test_ranks_of_mpirun():
    check(8, len(CORES))


def test_replicas():
    check(8, len(CORES), "--replicas", 3)


def test_threads_of_a_process():
    check(0, len(CORES), "--stages", 5, "--threads", 1)


def test_a_seat_has_a_core_for_each_thread():
    check(5, 1, "--threads", len(CORES))


def test_without_shared_memory():
    check(5, 8, env={"TFM_LINK": "mpi"})


os.sched_setaffinity(0, CORES)  # all that runs inherits it
run(globals())
