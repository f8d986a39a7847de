"""What a run shows of itself: --metrics-file, --log-format json, --trace, --outdir
and the page that report makes of it."""
import html.parser
import json
import os
import re
import subprocess

import harness
from harness import MODEL, Skip, call, must, rows, scratch, texts

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


def test_the_end_of_a_run_makes_sense_of_milliseconds():
    """What a prediction is worth is told of runs that are long enough; the journal is a part of what it is a share of."""
    for n in (1, 3, 40):
        folder = scratch()
        src = rows(["a film"] * n, folder / "rows.jsonl")
        said = must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", np=3)).err
        run_s = float(re.search(r" tokens in ([0-9.]+) s: ", said).group(1))
        if "predicted for these rows" in said:
            assert run_s > 0.99, said
        commits, cost, share, all_s = map(float, re.search(
            r"journal: (\d+) commits in ([0-9.]+) s, ([0-9.]+) % of all ([0-9.]+) s", said).groups())
        assert commits >= 1 and cost <= all_s + 0.01 and share <= 100 and run_s <= all_s + 0.01, said


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


def traced(np, *options):
    """The trace's events, of a job whose bytes are those of one without."""
    folder = scratch()
    src = rows(texts() + ["ok"] * 300, folder / "rows.jsonl")
    job = ("classify", "-m", MODEL, "-i", src, "--max-batch-tokens", 256, "--sort-window", 8)
    must(call(*job, "-o", folder / "plain.jsonl"))
    must(call(*job, "-o", folder / "out.jsonl", "--trace", folder / "t.json", *options, np=np))
    assert harness.digest(folder / "out.jsonl") == harness.digest(folder / "plain.jsonl")
    assert not list(folder.glob("t.json?*"))
    whole = json.loads((folder / "t.json").read_text())
    slices = [e for e in whole["traceEvents"] if e["ph"] == "X"]
    assert whole["otherData"]["slices"] == len(slices)
    assert whole["otherData"]["left_out"] == whole["otherData"]["lost"] == 0, whole["otherData"]
    names = {e["pid"]: e["args"]["name"] for e in whole["traceEvents"] if e["name"] == "process_name"}
    return slices, names


def check_trace(np, stages, replicas, *options):
    slices, names = traced(np, *options)
    assert sorted(names) == list(range(1 + stages * replicas)), names
    for rank in names:
        own = sorted((e for e in slices if e["pid"] == rank), key=lambda e: e["ts"])
        for a, b in zip(own, own[1:]):  # nanoseconds, in decimals of microseconds
            assert round(1e3 * (a["ts"] + a["dur"])) <= round(1e3 * b["ts"]), (a, b)
    def of(rank, kind):
        return {e["args"]["batch"]: e for e in slices if e["pid"] == rank and e["cat"] == kind}
    sent = of(0, "embed")
    seen = []
    for replica in range(replicas):
        line = [of(1 + replica * stages + s, "compute") for s in range(stages)]
        for s, batches in enumerate(line):
            rank = 1 + replica * stages + s
            assert f"stage {s + 1}/{stages}" in names[rank], names
            assert sum(e["pid"] == rank and e["cat"] == "compute" for e in slices) == len(batches)
            assert set(batches) == set(line[0]), "a micro-batch is not at every stage"
            for number, event in batches.items():
                before = line[s - 1][number] if s else sent[number]
                assert before["ts"] <= event["ts"], (before, event)
                assert event["args"]["tokens"] == sent[number]["args"]["tokens"]
        assert set(of(1 + replica * stages + stages - 1, "head")) == set(line[0])
        seen += line[0]
    assert sorted(seen) == sorted(sent) == list(range(1, len(sent) + 1)) and len(seen) > 5
    assert any(e["cat"] == "wait" for e in slices) and any(e["cat"] == "write" for e in slices)


def test_trace_of_threads():
    check_trace(0, 2, 2, "--stages", 2, "--replicas", 2)


def test_trace_of_real_ranks():
    check_trace(4, 3, 1)


def test_trace_of_a_rank_with_another_clock():
    """The second stage is 5000 s ahead, in a time namespace: its slices are brought to where they belong."""
    other = ["unshare", "--time", "--monotonic", "5000", "--fork"]
    if os.geteuid() or subprocess.run([*other, "true"], capture_output=True).returncode:
        raise Skip("no time namespaces here")
    folder = scratch()
    src = rows(texts() + ["ok"] * 300, folder / "rows.jsonl")
    job = [harness.PROGRAM, "classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--trace", folder / "t.json",
           "--stages", 2, "--replicas", 1, "--max-batch-tokens", 256]
    job = [str(word) for word in job]
    done = subprocess.run(["mpirun", "-np", "2", *job, ":", "-np", "1", *other, *job], capture_output=True, timeout=300,
                          env={**os.environ, **harness.MPI, **harness.sanitizer_options(3)})
    assert done.returncode == 0, done.stderr[-2000:]
    whole = json.loads((folder / "t.json").read_text())
    assert whole["otherData"]["clock_error_ms"] > 0, "its clock is told to be ours"
    slices = [e for e in whole["traceEvents"] if e["ph"] == "X"]
    ends = {rank: max(e["ts"] + e["dur"] for e in slices if e["pid"] == rank) for rank in (0, 1, 2)}
    assert abs(ends[2] - ends[1]) < 1e9, ends  # a thousand seconds
    at = {(e["pid"], e["args"]["batch"]): e for e in slices if e["cat"] == "compute"}
    assert len(at) > 5
    for (rank, batch), event in at.items():
        if rank == 2:
            before = at[1, batch]
            assert abs(event["ts"] - before["ts"]) < 1e9, (before, event)


def test_trace_of_ranks_that_load_for_long():
    """Nobody is asked for the time before all have loaded."""
    folder = scratch()
    src = rows(["a", "b"], folder / "rows.jsonl")
    program, harness.PROGRAM = harness.PROGRAM, os.environ["TFM_FAULTY"]
    try:
        must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--trace", folder / "t.json", np=3,
                  env={"TFM_FAULT": "1:late:3"}))
    finally:
        harness.PROGRAM = program
    assert json.loads((folder / "t.json").read_text())["otherData"]["slices"] > 3


class Page(html.parser.HTMLParser):
    """A page whose elements are closed in order, and which names nothing outside of itself."""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.words = [], {}, []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.found[tag] = self.found.get(tag, 0) + 1
        for name, value in attrs:
            assert name not in ("src", "href", "xlink:href", "action") and not name.startswith("on"), (tag, name)
            assert name == "xmlns" or "://" not in (value or ""), (tag, name, value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data
        self.words.append(data)

    def text(self):
        return " ".join(self.words)


def run_folder(name, *options, np=0, count=60):
    folder = scratch() / name
    src = rows(texts() + ["ok"] * count, folder.parent / "rows.jsonl")
    run = must(call("classify", "-m", MODEL, "-i", src, "--outdir", folder, *options, np=np))
    return folder, run


def test_outdir_keeps_all_of_a_run():
    folder, _ = run_folder("run", np=3)
    names = {p.name for p in folder.iterdir()}
    assert names == {"output.jsonl", "output.jsonl.manifest.json", "errors.jsonl", "summary.json",
                     "metrics.prom", "trace.json", "run.json"}, names
    run = json.loads((folder / "run.json").read_text())
    assert run["schema"] == "tfm-cluster.run/1" and run["state"] == "complete"
    assert run["summary"] == json.loads((folder / "summary.json").read_text())
    assert run["options"]["outdir"]["from"] == "flag" and "--outdir" in run["command"]
    assert len(run["ranks"]) == 3 and run["history"][-1][1] == run["summary"]["rows_out"]
    assert run["summary"]["output_sha256"] == harness.digest(folder / "output.jsonl")
    again = must(call("classify", "-m", MODEL, "-i", folder.parent / "rows.jsonl", "--outdir", folder))
    assert "complete" in again.err, again.err


def test_a_run_that_failed_says_so():
    folder = scratch()
    src = rows(["a", "b"], folder / "rows.jsonl")
    src.write_bytes(src.read_bytes() + b'{"nothing": 1}\n')
    run = call("classify", "-m", MODEL, "-i", src, "--outdir", folder / "run", "--max-errors", 0)
    assert run.code == 76, run.err
    said = json.loads((folder / "run" / "run.json").read_text())
    assert said["state"] == "stopped" and said["summary"] is None, said
    assert json.loads((folder / "run" / "trace.json").read_text())["traceEvents"]
    assert "is not complete: it was stopped" in Page(must(call("report", folder / "run")).out).text()


def test_options_win_over_outdir():
    folder = scratch()
    src = rows(["a", "b"], folder / "rows.jsonl")
    must(call("classify", "-m", MODEL, "-i", src, "--outdir", folder / "run", "-f", "csv", "--trace",
              folder / "mine.json", "--errors", folder / "errors.jsonl"))
    assert {p.name for p in (folder / "run").iterdir()} == {
        "output.csv", "output.csv.manifest.json", "summary.json", "metrics.prom", "run.json"}
    assert json.loads((folder / "mine.json").read_text())["traceEvents"]
    assert (folder / "run" / "output.csv").read_text().startswith("id,")
    bad = call("classify", "-m", MODEL, "-i", src, "--outdir", folder / "no" / "where")
    assert bad.code == 73 and "--outdir" in bad.err, bad.err
    bad = call("classify", "-m", MODEL, "-i", src, "--outdir", src)
    assert bad.code == 73 and "--outdir" in bad.err, bad.err


def test_report_of_one_run():
    folder, _ = run_folder("<b>&amp", "--stages", 2)
    page = Page(must(call("report", folder)).out)
    summary = json.loads((folder / "summary.json").read_text())
    text = page.text()
    assert "<b>&amp" in text and "b" not in page.found, "the name is not escaped"
    assert page.found["svg"] == 5 and page.found["table"] == 2, page.found
    for word in (summary["numeric_id"], summary["output_sha256"], "rank 2, layers", "text-classification"):
        assert word in text, word
    run = must(call("report", folder, "-o", folder / "page.html"))
    assert run.out == "" and Page((folder / "page.html").read_text(encoding="utf-8")).text() == text


def test_report_holds_runs_against_the_first():
    first, _ = run_folder("first", "--stages", 2)
    second, _ = run_folder("second", "--stages", 3, "--replicas", 2, np=7)
    (second / "trace.json").unlink()  # a page without it has one picture less
    text = must(call("report", str(first) + "/", second)).out
    page = Page(text)
    assert page.found["svg"] == 2 + 2 + 2 + 1 and page.found["table"] == 3, page.found
    assert "second against first" in page.text() and "Both outputs have the same bytes." in page.text()
    assert text.count('class="differs"') == 2, "layout and command differ, nothing else"
    other, _ = run_folder("other", "--return-logits")
    assert "The outputs differ" in Page(must(call("report", first, other)).out).text()


def test_report_refuses_what_is_no_run():
    folder = scratch()
    run = call("report", folder)
    assert run.code == 66 and "--outdir" in run.err and not run.out, run.err
    (folder / "run.json").write_text('{"schema": "tfm-cluster.run/2"}')
    run = call("report", folder)
    assert run.code == 65 and "tfm-cluster.run/1" in run.err and not run.out, run.err
    (folder / "run.json").write_text('{"schema": "tfm-cluster.run/1", "state": "running", "summary": null}')
    assert "is not complete" in Page(must(call("report", folder)).out).text()
    (folder / "run.json").write_text('{"schema": "tfm-cluster.run/1", "summary": {"ranks": [1, {"busy_s": "x"}], '
                                     '"pop": [], "layout": {"slices": {"a": 1}}}, "history": [1, [], [1, 2], ["a"]]}')
    Page(must(call("report", folder)).out)
    many = {"schema": "tfm-cluster.run/1", "summary": {"ranks": [{"rank": i, "busy_s": i} for i in range(100)]}}
    (folder / "run.json").write_text(json.dumps(many))
    assert "The first 64 of 100 ranks are shown" in Page(must(call("report", folder)).out).text()
    assert call("report").code == 64


if __name__ == "__main__":
    harness.run(globals())
