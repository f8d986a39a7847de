"""One rank computes nonsense or is not like the others: the row, or the rank, is named, and nothing else
is touched."""
import json
import os

import harness
from harness import MODEL, call, digest, must, rows, scratch
from resume import words

FAULTY = os.environ.get("TFM_FAULTY", "")
ROWS = 40


def run_faulty(fault, *args, np=4, code=0):
    program, harness.PROGRAM = harness.PROGRAM, FAULTY
    try:
        return must(call(*args, np=np, env={"TFM_FAULT": fault}), code)
    finally:
        harness.PROGRAM = program


def results(path):
    return [json.loads(line) for line in harness.lines(path)]


def test_a_row_that_is_not_finite():
    """An infinity after any stage: that row is an error, the others keep their bits; the log names the
    stage, the output does not depend on it. The mark travels in either kind of frame."""
    for wire in ("float32", "bfloat16"):
        check_row_that_is_not_finite(scratch(), ["--wire-dtype", wire])


def check_row_that_is_not_finite(folder, how):
    src = rows(words(ROWS, 3), folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src, "--return-logits", *how]
    must(call(*args, "-o", folder / "want.jsonl"))
    want = results(folder / "want.jsonl")
    seen = set()
    for rank in (1, 2, 3):
        out = folder / f"out{rank}.jsonl"
        run = run_faulty(f"{rank}:nan:1", *args, "-o", out)
        assert f"not finite after stage {rank - 1} (rank {rank} on " in run.err, run.err
        assert f"not finite after stage {rank}" not in run.err, run.err
        got = results(out)
        bad = [i for i, row in enumerate(got) if "error" in row]
        assert 0 < len(bad) < ROWS and len(got) == ROWS, bad
        assert all(g == w for i, (g, w) in enumerate(zip(got, want)) if i not in bad)
        assert all("not finite" in got[i]["error"]["message"] for i in bad)
        seen.add(digest(out))
    assert len(seen) == 1, "the output tells where the model was cut"


def test_a_rank_that_is_not_like_the_others():
    """Each field of the handshake, before a row is read or a file made."""
    folder = scratch()
    src = rows(words(3, 1), folder / "rows.jsonl")
    for field, name in enumerate(("program version", "model digest", "numeric_id", "denormals")):
        out = folder / "out.jsonl"
        run = run_faulty(f"2:differ:{field}", "classify", "-m", MODEL, "-i", src, "-o", out, code=78)
        assert f"ranks disagree on the {name}" in run.err and "rank 2 (" in run.err, run.err
        assert not list(folder.glob("out.jsonl*"))


def test_a_rank_of_another_wire_version():
    """Its first frame is refused whole: there is no table of what it cannot tell."""
    folder = scratch()
    src = rows(words(3, 1), folder / "rows.jsonl")
    out = folder / "out.jsonl"
    for rank in (0, 2):
        run = run_faulty(f"{rank}:wire", "classify", "-m", MODEL, "-i", src, "-o", out, code=78)
        assert "wire version: want " in run.err and "start the same build" in run.err, run.err
        assert "MPI_ABORT" not in run.err, f"ranks waited for one that cannot be told: {run.err}"
        assert not list(folder.glob("out.jsonl*"))


if __name__ == "__main__":
    harness.run(globals())
