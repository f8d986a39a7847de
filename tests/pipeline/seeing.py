"""What a run shows of itself: --metrics-file, --log-format json."""
import json
import re

import harness
from harness import MODEL, call, must, rows, scratch, texts

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*)\})? '
                    r"(-?[0-9.]+(?:e[+-]?[0-9]+)?)")


def metrics(text):
    """{(name, labels): value}; each name has its HELP and TYPE once, before its samples, which stand
    together."""
    assert text.endswith("\n") and "\n\n" not in text, text
    values, types, at = {}, {}, None
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        if line.startswith("# HELP "):
            at = line.split(" ")[2]
            word = next(lines).split(" ")
            assert word[:3] == ["#", "TYPE", at] and word[3] in ("counter", "gauge"), word
            assert at not in types and (word[3] == "counter") == at.endswith("_total"), line
            types[at] = word[3]
            continue
        found = SAMPLE.fullmatch(line)
        assert found and found.group(1) == at, line
        assert found.groups()[:2] not in values, line
        values[found.groups()[:2]] = float(found.group(3))
    return values


def score(np, *options):
    folder = scratch()
    src = rows(texts() + ["ok"] * 20, folder / "rows.jsonl")
    src.write_bytes(src.read_bytes() + b'{"nothing": 1}\n')
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--summary-json",
                    folder / "s.json", "--metrics-file", folder / "m.prom", *options, np=np))
    return folder, run


def check_metrics(np, workers, *options):
    folder, _ = score(np, *options)
    said = metrics((folder / "m.prom").read_text())
    summary = json.loads((folder / "s.json").read_text())
    for name, key in (("rows_in", "rows_in"), ("rows_out", "rows_out"), ("row_errors", "row_errors"),
                      ("tokens", "tokens")):
        assert said[(f"tfm_{name}_total", None)] == summary[key], name
    assert summary["row_errors"] == 1
    assert said[("tfm_complete", None)] == 1 and said[("tfm_eta_seconds", None)] == 0
    assert said[("tfm_input_read_ratio", None)] == 1
    assert said[("tfm_rows_per_second", None)] > 0
    busy = {labels: v for (name, labels), v in said.items() if name == "tfm_stage_busy_seconds_total"}
    assert len(busy) == workers, busy
    for rank in summary["ranks"][1:]:
        got = next(v for labels, v in busy.items() if f'rank="{rank["rank"]}"' in labels)
        assert abs(got - rank["busy_s"]) <= 1e-5 * got, (got, rank)
    assert not list(folder.glob("m.prom?*"))


def test_metrics_are_those_of_the_summary():
    check_metrics(0, 3, "--stages", 3)


def test_metrics_of_real_ranks():
    check_metrics(3, 2)


def test_metrics_that_cannot_be_made_are_refused_first():
    folder = scratch()
    src = rows(["a"], folder / "rows.jsonl")
    run = call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--metrics-file",
               folder / "none" / "m.prom")
    assert run.code == 73 and "--metrics-file" in run.err and "make it first" in run.err, run.err
    run = call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--metrics-file", src)
    assert run.code == 64 and "--metrics-file" in run.err, run.err
    assert not (folder / "out.jsonl").exists()


def test_log_lines_are_json():
    _, run = score(0, "--log-format", "json", "--progress", "line")
    lines = [json.loads(line) for line in run.err.splitlines()]
    assert len(lines) > 3
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line
        assert isinstance(line["time"], float) and line["level"] in ("info", "warning"), line


if __name__ == "__main__":
    harness.run(globals())
