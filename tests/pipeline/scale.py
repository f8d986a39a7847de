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


SVG = "{http://www.w3.org/2000/svg}"


def charts_of(path):
    """title -> the chart's element, in the order they are drawn."""
    root = xml.parse(path).getroot()
    assert root.tag == SVG + "svg" and root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    return {next(t.text for t in g.iter(SVG + "text") if t.get("class") == "title"): g
            for g in root.iter(SVG + "g") if g.get("class") == "chart"}


def pieces_of(chart):
    """label -> part -> share, as bars' titles have it: "2x1, computing: 0.71"."""
    found = {}
    for rect in chart.iter(SVG + "rect"):
        title = rect.find(SVG + "title")
        if title is not None:
            words, value = title.text.rsplit(": ", 1)
            label, part = words.rsplit(", ", 1)
            found.setdefault(label, {})[part] = float(value)
    return found


def check_moment(title, chart, workers):
    """A time line: spans of each rank follow each other within the axis, and sum up to what the title says."""
    texts = {t.text: float(t.get("y")) for t in chart.iter(SVG + "text") if t.get("text-anchor") == "end"}
    assert len(texts) == 1 + workers and "rank 0" in texts, texts
    left = next(float(e.get("x1")) for e in chart.iter(SVG + "line") if e.get("class") == "axis")
    ended, ms = {}, {}
    for rect in chart.iter(SVG + "rect"):
        said = rect.find(SVG + "title")
        if said is None:
            continue
        x, y, wide = (float(rect.get(k)) for k in ("x", "y", "width"))
        row = min(texts, key=lambda name: abs(texts[name] - y - 11))
        assert x >= ended.get(row, left) - 0.3 and x + wide <= 1180 - 28 + 0.3, (row, said.text, x, wide)
        ended[row] = x + wide
        kind = (row != "rank 0", rect.get("class"))
        ms[kind] = ms.get(kind, 0) + float(re.search(r": ([0-9.]+) ms$", said.text).group(1))
    assert set(ended) == set(texts), (ended, texts)
    run, busy, send = map(float, re.search(r"\(([0-9.]+) ms; computing ([0-9.]+) %, sending ([0-9.]+) %", title).groups())
    for kind, share in (("f1", busy), ("f3", send)):
        got = 100 * ms.get((True, kind), 0) / workers / run
        assert abs(got - share) < 0.1 + 0.002 * share + 10 / run, (title, kind, got, share)
    assert (False, "f2") in ms, "rank 0 embeds"


def test_the_picture_says_what_the_table_says():
    """All micro-batches of the recorded run fit: spans sum up to its statistics, and bars to the table's columns."""
    drawing = scratch() / "study.svg"
    done = must(call("scale", "--layouts", "1x1,1x2,2x1", "-o", "csv", *SHORT, "--max-batch-tokens", 32, "--svg", drawing,
                     np=3))
    said, table = table_of(done.out)
    layouts = {f"{r['stages']:.0f}\u00d7{r['replicas']:.0f}": r for r in table}
    charts = charts_of(drawing)
    titles = list(charts)
    best = titles[2].split()[2].rstrip(":")
    assert layouts[best]["rows_per_s_median"] >= max(r["rows_per_s_median"] for r in table) - 0.1, (best, table)
    names = [best] if best == "2\u00d71" else [best, "2\u00d71"]
    assert titles[:2] == ["Speed-up", "Where the stages\u2019 time went"] and len(titles) == 2 + 2 * len(names), titles
    assert CHECK.match(said[-1]).group(4, 6) == (str(9 + len(names)), "PASSED"), said[-1]
    for name, parts in pieces_of(charts[titles[1]]).items():
        assert near(sum(parts.values()), 1, 2), parts
        assert near(parts["computing"], layouts[name]["parallel_efficiency"]), (parts, layouts[name])
    points = [t.text for t in charts["Speed-up"].iter(SVG + "title")]
    assert len(points) == 3 and all(any(p.startswith(name + ", ") for p in points) for name in layouts), points
    for i, name in enumerate(names):
        bars, moment = titles[2 + 2 * i], titles[3 + 2 * i]
        workers = int(layouts[name]["ranks"]) - 1
        assert bars.startswith(f"Stages of {name}") and moment.startswith(f"{name}: all micro-batches of a recorded run")
        stages = pieces_of(charts[bars])
        assert len(stages) == workers and all(near(sum(p.values()), 1, 2) for p in stages.values()), stages
        mean = sum(p["computing"] for p in stages.values()) / workers
        assert near(mean, layouts[name]["parallel_efficiency"]), (name, stages)
        check_moment(moment, charts[moment], workers)


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
