"""plan --simulate: machines of a file, the rows of an input, figures that are called simulated."""
import json
import pathlib

import harness
from harness import MODEL, call, must, rows, scratch, texts

HOSTS = pathlib.Path(__file__).parents[1] / "fixtures/topo/hosts.json"


def figures(hosts, *options):
    run = must(call("plan", "-m", MODEL, "--simulate", hosts, "--table", "json", *options))
    (line,) = json.loads(run.out)
    assert line["kind"] == "simulated", line
    return line


def hosts_file(name, network=None, **host):
    path = scratch() / name
    path.write_text(json.dumps({"hosts": [host], "network": network or {}}))
    return path


def test_the_plan_is_that_of_the_machines_described():
    text = must(call("plan", "-m", MODEL, "--simulate", HOSTS)).out
    table = text.split("layout:")[0].splitlines()
    assert "unknown" not in text, text  # of pages that nobody has
    assert [line.split()[0] for line in table] == ["rank", *map(str, range(8))], text
    assert [line.split("snc-")[1].split()[0] for line in table[1:]] == list("00001111"), text
    # Three workers share the first host's 16 cores, four the second's four NUMA nodes.
    assert [line.split()[-7] for line in table[5:]] == ["0-7", "8-15", "16-23", "24-31"], text
    said = text.split("numeric_id:")[1].splitlines()[1:]
    assert len(said) == 3 and all(line.startswith("simulated: ") for line in said), text


def test_rows_are_the_inputs_own_and_batched_as_a_job_would():
    src = rows(texts() * 40, scratch() / "rows.jsonl")
    summary = scratch() / "summary.json"
    must(call("classify", "-m", MODEL, "-i", src, "-o", scratch() / "out.jsonl", "--summary-json", summary))
    ran = json.loads(summary.read_text())
    line = figures(HOSTS, "-i", src)
    assert (line["rows"], line["tokens"]) == (ran["rows_in"], ran["tokens"]), line
    assert line["ranks"] == 8 and line["hosts"] == 2 and line["stages"] == 7, line
    assert abs(line["rows_per_s"] * line["seconds"] / line["rows"] - 1) < 0.01, line
    small = figures(HOSTS, "-i", src, "--max-batch-tokens", 128)
    assert small["micro_batches"] > 2 * line["micro_batches"], (small, line)
    made = figures(HOSTS, "--lengths", 64, "--limit", 3)
    assert made["tokens"] == 64 * made["rows"], made


def test_a_network_that_is_slow_is_waited_for():
    """Each micro-batch's floats go over at least one wire, whatever the cores can do."""
    each = {"topology": "numa:1 core:1 pu:1", "count": 4, "ranks": 1}
    slow = figures(hosts_file("slow.json", {"gb_per_s": 0.01}, **each))
    floats = 4 * 256 * slow["tokens"]
    assert slow["seconds"] > floats / 0.01e9, slow
    assert slow["network_busy"] > 0.9 > slow["stages_busy"], slow
    late = figures(hosts_file("late.json", {"latency_us": 1e6}, **each))
    assert late["seconds"] > 4, late


def test_what_cannot_be_simulated_is_refused():
    src = rows(texts(), scratch() / "some.jsonl")
    here = {"topology": "here"}
    for options, code, words in (
            (["--simulate", scratch() / "nowhere.json"], 66, "nowhere.json"),
            (["--simulate", src], 65, "some.jsonl"),
            (["--simulate", hosts_file("one.json", **here), "--ranks", 1], 64, "two ranks or more"),
            (["--simulate", hosts_file("here.json", **here), "--lengths", "0"], 64, "--lengths"),
            (["--simulate", hosts_file("here.json", **here), "--lengths", "8,16"], 64, "got 16"),
            ([src], 64, "--input means nothing for plan"),
            (["--lengths", 8], 64, "--lengths means nothing for plan")):
        run = must(call("plan", "-m", MODEL, *options), code)
        assert words in run.err, (options, run.err)
    folder = pathlib.Path(__file__).parents[1] / "fixtures/generate"
    run = must(call("plan", "-m", folder, "--task", "text-generation", "--simulate", HOSTS), 69)
    assert "rows that come whole" in run.err, run.err


if __name__ == "__main__":
    harness.run(globals())
