"""plan --simulate: machines of a file, the rows of an input, figures that are called simulated; --svg: pictures."""
import json
import pathlib
import xml.etree.ElementTree

import harness
from harness import MODEL, call, must, rows, scratch, texts

HOSTS = pathlib.Path(__file__).parents[1] / "fixtures/topo/hosts.json"


def figures(hosts, *options):
    run = must(call("plan", "-m", MODEL, "--simulate", hosts, "--table", "json", *options))
    (line,) = json.loads(run.out)
    assert line["kind"] == "simulated", line
    return line


def hosts_file(file, network=None, **host):
    path = scratch() / file
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


def test_bindings_are_told_of_every_machine():
    text = must(call("plan", "-m", MODEL, "--simulate", HOSTS, "-v")).out
    lines = [line for line in text.splitlines() if " MCW rank " in line]
    assert len(lines) == 8 and lines[0].endswith("[snc-0] MCW rank 0 is not bound (or bound to all available processors)"), lines
    node = "bound to " + ", ".join(f"socket 1[core {core}[hwt 0-1]]" for core in range(8, 12))
    assert lines[6] == f"simulated: [snc-1] MCW rank 6 {node}: [../../../../../../../..][BB/BB/BB/BB/../../../..]", lines


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
    slow = figures(hosts_file("slow.json", {"gb_per_s": 1e-5}, **each))
    floats = 4 * 256 * slow["tokens"]
    assert slow["seconds"] > floats / 1e4, slow  # an hour and more: no core is that slow
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
            (["--simulate", hosts_file("crowd.json", topology="core:1 pu:1", count=17, ranks=4096)], 64, "at most 65536"),
            (["--simulate", hosts_file("here.json", **here), "--lengths", "0"], 64, "--lengths"),
            (["--simulate", hosts_file("here.json", **here), "--lengths", "8,16"], 64, "got 16"),
            ([src], 64, "--input means nothing for plan"),
            (["--lengths", 8], 64, "--lengths means nothing for plan")):
        run = must(call("plan", "-m", MODEL, *options), code)
        assert words in run.err, (options, run.err)
    folder = pathlib.Path(__file__).parents[1] / "fixtures/generate"
    run = must(call("plan", "-m", folder, "--task", "text-generation", "--simulate", HOSTS), 69)
    assert "rows that come whole" in run.err, run.err


def picture(*command):
    """The cells and boxes of a picture: (title, x, y, w, h) of cores, (x, y, w, h) of boxes."""
    path = scratch() / "picture.svg"
    must(call(*command, "--svg", path))
    root = xml.etree.ElementTree.parse(path).getroot()
    svg = "{http://www.w3.org/2000/svg}"

    def place(rect):
        return tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
    cores = [(g.find(svg + "title").text.strip(), [place(r) for r in g.iter(svg + "rect")]) for g in root.iter(svg + "g")]
    boxes = [place(r) for r in root.iter(svg + "rect") if r.get("class").startswith("box")]
    whole = (0, 0, float(root.get("width")), float(root.get("height")))
    assert all(inside(box, whole) for box in boxes), "boxes leave the picture"
    for title, rects in cores:
        assert any(inside(rects[0], box) and inside(rects[-1], box) for box in boxes), f"{title} is in no box"
    texts_of = [(t.text or "", float(t.get("x")), float(t.get("y"))) for t in root.iter(svg + "text")]
    assert all(0 <= x <= whole[2] and 0 <= y <= whole[3] for _, x, y in texts_of), "words leave the picture"
    return cores, boxes, [text for text, _, _ in texts_of]


def inside(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and a[0] + a[2] <= b[0] + b[2] + 1 and a[1] + a[3] <= b[1] + b[3] + 1


def apart(a, b):
    return a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]


def test_a_plan_is_drawn_core_by_core():
    cores, boxes, words = picture("plan", "-m", MODEL, "--simulate", HOSTS)
    assert len(cores) == 2 * 16 and len(boxes) == 2 * (2 + 4), (len(cores), len(boxes))
    assert cores[0][0] == "cpus 0,1: rank 1" and cores[31][0] == "cpus 30,31: rank 7", cores
    flat = [rects[0] for _, rects in cores]
    assert all(apart(a, b) for i, a in enumerate(flat) for b in flat[:i]), "cores lie on each other"
    assert words.count("package 0") == 2 and "snc-0" in words and "NUMA 3" in words, words
    assert sum(word.startswith("stage ") for word in words) == 7, words
    assert any("5f-6, " in word and word.endswith("rank 7") for word in words), words


def test_ranks_that_take_turns_are_stripes():
    one = hosts_file("one.json", topology="pack:1 numa:1 core:2 pu:1", cpus="1", ranks=4, name="a<b&\"c")
    cores, _, words = picture("plan", "-m", MODEL, "--simulate", one)
    assert [title for title, _ in cores] == ["cpu 1: rank 1, 2, 3", "not ours to use"], cores
    assert len(cores[0][1]) == 3 and "a<b&\"c" in words, (cores, words)


def test_machines_of_many_forms_fit_their_picture():
    for form in ("numa:1 core:1 pu:1", "pack:8 numa:4 core:4 pu:2", "pack:1 numa:1 core:192 pu:1",
                 "pack:2 numa:1 l3:8 core:8 pu:2", "core:6 pu:1"):
        cores, _, _ = picture("plan", "-m", MODEL, "--simulate", hosts_file("form.json", topology=form, ranks=5, count=2))
        flat = [rects[0] for _, rects in cores]
        assert all(apart(a, b) for i, a in enumerate(flat) for b in flat[:i]), form


def test_this_machine_is_drawn():
    cores, _, words = picture("topo")
    assert cores and all(title.startswith("cpu") or title == "not ours to use" for title, _ in cores), cores
    drawn, _, words = picture("plan", "-m", MODEL, "--ranks", 8)
    assert len(drawn) == len(cores) and sum(word.startswith("stage ") for word in words) == 7, words
    must(call("topo", "--svg", scratch() / "nowhere" / "file.svg"), 73)


if __name__ == "__main__":
    harness.run(globals())
