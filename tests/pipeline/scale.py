"""Scaling studies over real ranks and in one process: what the table says adds up, every layout gives the same bits,
and the check's line is the truth.
"""
import csv
import json
import pathlib
import re
import xml.etree.ElementTree as xml

import harness
from harness import call, digest, must, rows, run, scratch

COLUMNS = ("ranks stages replicas rows rows_per_s rows_per_s_sd rows_per_s_median tokens_per_s speedup efficiency "
           "parallel_efficiency load_balance communication_efficiency serialisation transfer computation_scaling "
           "bubble share_of_peak").split()
CHECK = re.compile(r"^# check: max\|delta score\| = (\S+), (\d+) rows differ, (\d+) rows in (\d+) runs, "
                   r"sha256 ([0-9a-f]{16}): (PASSED|FAILED)$")
FIXTURES = harness.SOURCE / "tests" / "fixtures"
SHORT = ["--lengths", 16, "--limit", 12, "-r", 2]


def table_of(out):
    """(comment lines, rows as numbers) of -o csv."""
    lines = out.split("\n")[:-1]
    said = [line for line in lines if line.startswith("#")]
    read = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return said, [{k: float(v) if v else None for k, v in r.items()} for r in read]


def near(a, b, digits=3):
    """As far as figures printed with so many digits can tell."""
    return abs(a - b) <= 2 * 10 ** -digits * max(1, abs(b))


def check_rows(table):
    """What must hold of any table, however fast the machine is."""
    first = table[0]
    assert first["speedup"] == first["efficiency"] == first["computation_scaling"] == 1, first
    for r in table:
        assert list(r) == COLUMNS, r
        workers = r["stages"] * r["replicas"]
        assert r["ranks"] == 1 + workers and r["rows_per_s"] > 0 and r["rows_per_s_sd"] >= 0, r
        ratio = workers / (first["stages"] * first["replicas"])
        assert near(r["efficiency"], r["speedup"] / ratio), r
        assert near(r["parallel_efficiency"], r["load_balance"] * r["communication_efficiency"], 2), r
        assert near(r["communication_efficiency"], r["serialisation"] * r["transfer"], 2), r
        for part in COLUMNS[10:15] + ["bubble"]:
            assert 0 <= r[part] <= 1.0005, (part, r)


def test_strong_scaling_over_ranks():
    said, table = table_of(must(call("scale", "-o", "csv", *SHORT, np=3)).out)
    assert [(r["ranks"], r["stages"], r["replicas"]) for r in table] == [(2, 1, 1), (3, 2, 1)], table
    check_rows(table)
    assert all(r["rows"] == 12 for r in table)
    assert all(near(r["tokens_per_s"], 16 * r["rows_per_s"], 1) for r in table), table
    assert "mode=strong" in said[0] and "tokens=16" in said[0] and "repetitions=2" in said[0], said
    delta, differing, n, runs, _, verdict = CHECK.match(said[-1]).groups()
    assert (float(delta), differing, n, runs, verdict) == (0, "0", "12", "6", "PASSED"), said[-1]


def test_weak_scaling_has_rows_for_each_worker():
    done = must(call("scale", "--mode", "weak", "--layouts", "1x1,1x2,2x1", "-o", "csv", *SHORT, np=3))
    said, table = table_of(done.out)
    check_rows(table)
    assert [r["rows"] for r in table] == [12, 24, 24] and "mode=weak" in said[0]
    assert CHECK.match(said[-1]).group(3, 6) == ("24", "PASSED"), said[-1]


def test_the_rows_are_those_of_a_job():
    """A study's sum is that of the file a run writes; ranks without a part wait, and have one in the next run."""
    folder = scratch()
    texts = harness.texts()
    src = rows(texts, folder / "rows.jsonl")
    out = folder / "out.jsonl"
    must(call("classify", "-i", src, "-o", out, "-q"))
    study = json.loads(must(call("scale", "-i", src, "-r", 1, "--warmup", 0, "--interleave", "off", "-o", "json",
                                 "--layouts", "1x1,3x1,1x3,2x1", np=4)).out)
    assert study["check"]["passed"] is True and study["check"]["sha256"] == digest(out), study["check"]
    assert [(r["stages"], r["replicas"]) for r in study["layouts"]] == [(1, 1), (2, 1), (1, 3), (3, 1)]
    assert study["check"]["runs"] == 4 and study["check"]["rows"] == len(texts)
    assert study["scale"]["tokens"] == "as-read" and study["scale"]["model"] == "tfm-sentiment"


def test_without_ranks_stages_are_threads():
    folder = scratch()
    drawing = folder / "study.svg"
    model = folder / "a<b&c"
    model.mkdir()
    for file in harness.MODEL.iterdir():
        (model / file.name).symlink_to(file)
    done = must(call("scale", "-m", model, "--ranks", "2,3,5", *SHORT, "--svg", drawing))
    assert done.out.count("\n| ") == 5 and CHECK.match(done.out.split("\n")[-2]).group(6) == "PASSED", done.out
    root = xml.parse(drawing).getroot()
    words = "".join(root.itertext())
    assert root.tag.endswith("}svg") and "Strong scaling" in words and "ideal" in words and "rank 4" in words
    assert ": a<b&c, float32" in words, words
    assert "nan" not in pathlib.Path(drawing).read_text(encoding="utf-8")


def test_texts_that_grow_are_studied_too():
    tiny = FIXTURES / "generate"
    done = must(call("scale", "-m", tiny, "--lengths", 8, "--limit", 3, "--max-new-tokens", 4, "-r", 1, "-o", "json",
                     "--layouts", "1x1,2x1,1x2", np=3))
    study = json.loads(done.out)
    assert study["check"]["passed"] and all(r["share_of_peak"] is None for r in study["layouts"]), done.out


def test_what_makes_no_study_is_refused():
    src = rows(["one", "two", "three"], scratch() / "rows.jsonl")
    for code, words, said in (
            (78, ["--ranks", "2,9"], "-np 9"),
            (64, ["--layouts", "1x1,2"], "--layouts"),
            (64, ["--layouts", "1x1", "--stages", 2], "leave out"),
            (64, ["--lengths", "8,16"], "--lengths"),
            (64, ["--limit", 0], "--limit"),
            (64, ["-i", src, "--limit", 4], "has 3 rows"),
            (64, ["-i", src, "--mode", "weak", "--limit", 2], "has 3 rows"),
            (64, ["-i", "-"], "read twice"),
            (66, ["-i", "nowhere.jsonl"], "nowhere.jsonl"),
            (64, ["--layouts", "1x1", "-r", 1, "--warmup", 0], "compared"),
            (65, ["--task", "zero-shot-classification"], "no row could be scored"),
            (64, ["-m", FIXTURES / "model" / "span", "--tokenizer",
                  FIXTURES / "translate" / "marian" / "tokenizer.json"], "--input FILE")):
        ran = call("scale", *words, np=3 if code == 78 or "--stages" in words else 0)
        assert ran.code == code and said in ran.err and ran.out == "", (words, ran.code, ran.out, ran.err)


run(globals())
