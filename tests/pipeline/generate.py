"""Generated texts: the reference's ids, the oracle's bits, and the same bytes for any layout, budget of keys and values, and number
in flight."""
import json
import pathlib

import harness
from harness import call, digest, must, scratch

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "generate"
ROWS = FOLDER / "rows.jsonl"
COMMON = ["-m", FOLDER, "-i", ROWS, "--max-new-tokens", 40, "--return-tokens"]

LAYOUTS = [
    [],
    ["--stages", 3],
    ["--layers", "0a,0f-1a,1f-2", "--threads", 2],
    ["--stages", 2, "--replicas", 2],
    ["--max-batch-tokens", 7],
    ["--kv-budget", 80000],
    ["--stages", 2, "--kv-budget", 50000, "--max-batch-tokens", 16, "--sort-window", 3],
]


def test_the_reference_and_the_oracle_agree():
    for options in ([], ["--stages", 3], ["--stages", 2, "--kv-budget", 50000]):
        must(call("verify", "--task", "text-generation", *COMMON, "--expected", FOLDER / "expected.jsonl", *options))


SAMPLED = ["--do-sample", "on", "--seed", 7, "--temperature", 0.9, "--top-p", 0.95, "--repetition-penalty", 1.2, "--no-repeat-ngram-size", 3,
           "--min-new-tokens", 2]


def test_every_layout_writes_the_same_bytes():
    folder = scratch()
    hashes = []
    for how in ([], SAMPLED, [*SAMPLED, "--seed", 8]):
        seen = set()
        for i, options in enumerate(LAYOUTS):
            out = folder / f"out{len(hashes)}-{i}.jsonl"
            must(call("generate", *COMMON, "-o", out, *how, *options))
            seen.add(digest(out))
        assert len(seen) == 1, seen
        hashes += seen
    assert len(set(hashes)) == 3, hashes


def test_the_oracle_draws_the_same():
    must(call("verify", "--task", "text-generation", *COMMON, *SAMPLED, "--stages", 3))


def test_texts_end_where_they_are_told():
    folder = scratch()
    out = folder / "short.jsonl"
    must(call("generate", "-m", FOLDER, "-i", ROWS, "-o", out, "--max-new-tokens", 3, "--return-tokens", "--return-full-text", "off"))
    for line, whole in zip(out.read_text().splitlines(), (FOLDER / "expected.jsonl").read_text().splitlines()):
        want = json.loads(whole)["token_ids"][:3]
        got = json.loads(line)
        assert got["token_ids"] == want, (got, want)
        assert got["generated_text"].split() == [f"w{t}" for t in want if t], got


def test_a_budget_too_small_for_a_row_fails_that_row():
    folder = scratch()
    out = folder / "small.jsonl"
    run = must(call("generate", "-m", FOLDER, "-i", ROWS, "-o", out, "--max-new-tokens", 150, "--kv-budget", 80000))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 24 and any("error" in row for row in lines), run
    assert all("--kv-budget" in row["error"]["message"] for row in lines if "error" in row)


if __name__ == "__main__":
    harness.run(globals())
