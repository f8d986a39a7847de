"""--verify 1/N: rows that are computed again cost no bit and are the same in any layout; a weight that changes in a stage's memory ends
the job, and nothing it spoilt is kept."""
import json
import os
import pathlib

import harness
from faults import run_faulty
from harness import MODEL, SANITIZED, call, digest, must, rows, scratch
from resume import words

ROWS = 300 if SANITIZED else 1500
GROWING = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "generate"
GENERATE = ["generate", "-m", GROWING, "-i", GROWING / "rows.jsonl", "--max-new-tokens", 24, "--return-tokens"]
LAYOUTS = [(0, []), (0, ["--stages", 3, "--sort-window", 64]), (0, ["--replicas", 2, "--stages", 2]), (3, [])]


def counted(path):
    s = json.loads(path.read_text())
    assert s["verify_mismatches"] == 0 and s["verify_s"] > 0, s
    return s["rows_verified"]


def same_rows_in_all_layouts(folder, args, of, code=0):
    """Returns how many rows each layout compared."""
    must(call(*args, "-o", folder / "want.jsonl", "--restart"))
    seen = set()
    for i, (np, layout) in enumerate(LAYOUTS):
        out, summary = folder / f"out{i}.jsonl", folder / f"{i}.json"
        run = must(call(*args, "-o", out, "--restart", "--verify", f"1/{of}", "--summary-json", summary, *layout, np=np), code)
        assert "every bit the same" in run.err, run.err
        assert digest(out) == digest(folder / "want.jsonl")
        seen.add(counted(summary))
    assert len(seen) == 1, seen
    return seen.pop()


def test_rows_are_chosen_by_their_numbers():
    folder = scratch()
    src = rows(words(ROWS, 5), folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src]
    some = same_rows_in_all_layouts(folder, args, 20)
    assert ROWS / 60 < some < ROWS / 8, some
    must(call(*args, "-o", folder / "plain.jsonl", "--summary-json", folder / "plain.json", "--verify", "none"))
    assert "rows_verified" not in json.loads((folder / "plain.json").read_text())


def test_texts_that_grow_are_compared_too():
    for how in ([], ["--do-sample", "on", "--seed", 7, "--temperature", 0.9]):
        folder = scratch()
        assert same_rows_in_all_layouts(folder, [*GENERATE, *how], 2) > 0
    for no in (["--num-beams", 2], ["--kv-dtype", "int8"], ["--do-sample", "on", "--num-return-sequences", 2]):
        run = must(call(*GENERATE, "--verify", "1/2", *no), 64)
        assert "--verify: the oracle follows one text" in run.err, run.err


def caught(args, folder, fault, np, of):
    """The fault goes by unseen without --verify, so that it is one; with it the job ends, and what it kept is right."""
    out = folder / f"out-{np}-{fault}.jsonl"
    run_faulty(fault, *args, "-o", folder / "spoilt.jsonl", "--restart", np=np)
    assert digest(folder / "spoilt.jsonl") != digest(folder / "want.jsonl"), "the fault changes nothing"
    verify = ["--verify", f"1/{of}", "--summary-json", folder / "s.json"]
    run = run_faulty(fault, *args, "-o", out, *verify, np=np, code=70)
    assert "is not what the model says of it: value " in run.err and " on " in run.err, run.err
    assert not out.exists()
    assert json.loads((folder / "s.json").read_text())["verify_mismatches"] == 1
    must(call(*args, "-o", out, *verify, np=np))
    assert digest(out) == digest(folder / "want.jsonl"), "rows that the fault spoilt were kept"


def test_a_weight_that_changed_is_caught():
    harness.sync_cheaply()  # more commits, so more that could be kept
    folder = scratch()
    src = rows(words(ROWS, 6), folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src]
    must(call(*args, "-o", folder / "want.jsonl"))
    for np, fault in ((0, "-1:flip:1"), (0, "-1:flip:4"), (3, "1:flip:1"), (3, "2:flip:4")):
        caught(args, folder, fault, np, 20)


def test_a_weight_that_changed_is_caught_in_texts_that_grow():
    folder = scratch()
    must(call(*GENERATE, "-o", folder / "want.jsonl"))
    caught(GENERATE, folder, "1:flip:1", 3, 2)


def test_an_error_of_a_stage_is_no_answer():
    """A row that a stage makes infinite is an error row; where the model gives numbers that is a difference."""
    folder = scratch()
    src = rows(words(40, 3), folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl"]
    run = run_faulty("2:nan:0", *args, "--verify", "1/1", np=3, code=70)
    assert "it is not finite, and all values are finite" in run.err, run.err


def test_the_plan_counts_the_model_once_more():
    def planned(*options):
        return json.loads(must(call("plan", "-m", MODEL, "--ranks", 3, "--table", "json", *options)).out)
    plain, more = planned(), planned("--verify", "1/1000")
    weights = sum(r["weight_bytes"] for r in plain)
    grown = [b["memory_bytes"] - a["memory_bytes"] for a, b in zip(plain, more)]
    assert weights < grown[0] < 3 * weights, (plain, more)
    assert all(abs(g) < weights / 10 for g in grown[1:]), grown  # this process, which all are judged by, is a little different each time


if __name__ == "__main__":
    harness.run(globals())
