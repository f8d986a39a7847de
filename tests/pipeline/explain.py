"""One text's way through the model: explain, against the reference's own attention weights, the same for
any ranks, as a page that fetches nothing."""
import json

import harness
from harness import MODEL, SOURCE, call, must, scratch
from seeing import Page


def explain(*args, np=0):
    return json.loads(must(call("explain", "-m", MODEL, "--json", *args, np=np)).out)


def weights(said):
    return [layer["attentions"] for layer in said["layers"]]


def flat(x):
    return [z for y in x for z in flat(y)] if isinstance(x, list) else [x]


def test_weights_are_the_references():
    for row in json.loads((SOURCE / "tests/fixtures/task/attention.json").read_text(encoding="utf-8")):
        said = explain(row["text"])
        assert [p["id"] for p in said["pieces"]] == row["ids"]
        got, want = flat(weights(said)), flat(row["attentions"])
        assert len(got) == len(want) > 1000
        worst = max(abs(a - b) for a, b in zip(got, want))
        assert worst <= 1e-5, worst
        assert max(want) > 0.5, "the fixture says nothing"


def test_any_ranks_tell_the_same():
    text = "the cast was great, the plot was not"
    alone = explain(text)
    assert {layer["attention"]["rank"] for layer in alone["layers"]} == {1}
    for np, options, ranks in ((3, (), [(1, 1)] * 3 + [(2, 2)] * 4),
                               (3, ("--layers", "0-2a,2f-6"), [(1, 1), (1, 1), (1, 2)] + [(2, 2)] * 4),
                               (0, ("--stages", 7, "--threads", 2, "--layers", "0,1,2,3,4,5,6"),
                                [(n, n) for n in range(1, 8)])):
        said = explain(text, *options, np=np)
        where = [(layer["attention"]["rank"], layer["ffn"]["rank"]) for layer in said["layers"]]
        if options or np != 3:
            assert where == ranks, where
        assert {r for pair in where for r in pair} == {r for pair in ranks for r in pair}, where
        assert weights(said) == weights(alone) and said["pieces"] == alone["pieces"]
        assert said["result"] == alone["result"]


def test_the_result_is_that_of_a_run():
    text = "not a bad film"
    folder = scratch()
    src = harness.rows([text], folder / "rows.jsonl")
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--return-logits"))
    row = json.loads((folder / "out.jsonl").read_text())
    assert explain(text)["result"] == {k: row[k] for k in ("label", "score", "logits")}


def test_a_terminal_is_told_in_words():
    out = must(call("explain", "not", "a", "bad\nfilm", np=3)).out
    assert out.startswith("text: not a bad film\n"), out
    for part in ("    0  [CLS] ", "  0-3 ", "layer 6: rank 2 on ", " -> ", "special pieces", "  label: \"POSITIVE\"",
                 "  logits: ["):
        assert part in out, (part, out)


def test_the_page_holds_all():
    folder = scratch()
    text = "</script><b>bold</b> & \"quoted\" \\u0041"
    must(call("explain", text, "--html", folder / "p.html"))
    page = (folder / "p.html").read_text(encoding="utf-8")
    seen = Page(page)
    assert "b" not in seen.found and seen.found["script"] == 2 and seen.found["table"] == 2, seen.found
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    said = explain(text)
    T = len(said["pieces"])
    assert data["pieces"] == [p["piece"] for p in said["pieces"]] and data["layers"] == len(said["layers"])
    for layer, shown in zip(weights(said), data["weights"]):
        for head, digits in zip(layer, shown):
            assert len(digits) == 2 * T * T
            got = [int(digits[i:i + 2], 16) for i in range(0, len(digits), 2)]
            assert all(abs(g / 255 - w) < 0.003 for g, w in zip(got, flat(head)))


def test_long_texts_are_cut():
    said = explain("word " * 400)
    assert said["truncated"] and len(said["pieces"]) == 256
    for row in said["layers"][3]["attentions"][1]:
        assert abs(sum(row) - 1) < 1e-4


def test_what_is_no_text_is_refused():
    run = call("explain")
    assert run.code == 64 and "explain what?" in run.err, run.err
    run = call("explain", " ")
    assert run.code == 64 and "no text" in run.err and not run.out, run.err
    run = call("explain", "")
    assert run.code == 64 and "want a text" in run.err and not run.out, run.err
    run = call("explain", "a", "--html", scratch() / "no" / "where.html")
    assert run.code == 73 and "make it first" in run.err, run.err


if __name__ == "__main__":
    harness.run(globals())
