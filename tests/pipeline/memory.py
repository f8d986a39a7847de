"""What a plan says ranks will take, against what they took, and jobs that no memory can hold."""
import json

import harness
from harness import MODEL, SANITIZED, Skip, call, must, rows, scratch, texts

BOUND = 0.10
DOMINATED = 2  # a process of so many times what is idle is judged


def plan(*options, np=0):
    run = must(call("plan", "-m", MODEL, "--table", "json", *options, np=np))
    return json.loads(run.out)


def test_the_plan_says_what_each_rank_takes():
    said = plan("--ranks", 5)
    assert [r["role"] for r in said] == ["coordinator"] + 4 * ["stage"], said
    assert all(r["memory_bytes"] > r["weight_bytes"] for r in said), said
    text = must(call("plan", "-m", MODEL, "--ranks", 5)).out
    assert " memory " in text.split("\n")[0], text
    assert "float32," in text and "bfloat16," in text and " int8\n" in text, text


def test_narrow_dtypes_and_small_batches_take_less():
    def largest(*options):
        return max(r["memory_bytes"] for r in plan("--ranks", 2, *options)[1:])
    wide = largest()
    assert wide > largest("--dtype", "bfloat16") > largest("--dtype", "int8")
    assert largest("--max-batch-tokens", 8192) > wide


def check_run(folder, src, *options):
    summary = folder / "summary.json"
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--restart",
              "--summary-json", summary, *options))
    ranks = json.loads(summary.read_text())["ranks"]
    peak, said = ranks[0]["peak_rss_bytes"], ranks[0]["predicted_rss_bytes"]
    print(f"      {options}: {peak / 1e6:.1f} MB measured, {said / 1e6:.1f} MB predicted")
    assert all(r["predicted_rss_bytes"] == said for r in ranks), "one process, one number"
    return peak, said


def test_predictions_are_within_a_tenth_of_what_is_measured():
    if SANITIZED:
        raise Skip("a sanitizer has memory of its own")
    folder = scratch()
    few = rows(texts() * 8, folder / "few.jsonl")
    many = rows(texts() * 40, folder / "many.jsonl")  # three frames of the largest each way
    idle = 10e6
    for src, options in ((few, ["--max-batch-tokens", 8192]),
                         (few, ["--stages", 3, "--max-batch-tokens", 4096]),
                         (many, ["--max-batch-tokens", 16384, "--dtype", "int8"])):
        peak, said = check_run(folder, src, *options)
        assert peak > DOMINATED * idle, "the case judges nothing"
        assert abs(said - peak) <= BOUND * peak, (options, peak, said)


def test_what_cannot_fit_is_refused_before_anything_is_loaded():
    huge = ["--stages", 7, "--max-batch-tokens", 4000000]
    text = must(call("plan", "-m", MODEL, *huge)).out
    line = next(part for part in text.split("\n") if part.startswith("memory of all ranks"))
    numbers = [int(word) for word in line.split() if word.isdigit()]
    if len(numbers) < 2 or numbers[0] < numbers[1] * 1.2:
        raise Skip(f"this machine holds it: {line}")
    folder = scratch()
    src = rows(["a"], folder / "rows.jsonl")
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", *huge), 71)
    assert "MB more, and" in run.err and "available" in run.err, run.err
    assert not list(folder.glob("out*")), "nothing was begun"


if __name__ == "__main__":
    harness.run(globals())
