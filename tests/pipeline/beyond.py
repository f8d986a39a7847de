"""Texts longer than max_position_embeddings: models whose positions have no table go on as the reference does, in every layout; what has no
room is an error row that says so, and the rows around it are answered."""
import json
import math
import pathlib
import shutil

import harness
from harness import call, digest, must, scratch

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
TOLD = json.loads((FIXTURES / "generate" / "beyond.json").read_text())
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
WORDS, PLACES = 57, 50  # of every family's fixture
LAYOUTS = [[], ["--stages", 2], ["--stages", 4, "--threads", 2], ["--max-batch-tokens", 16, "--kv-budget", 200000]]


def checkpoint(name, changes=()):
    """The fixture with a tokenizer of as many words, w0 and so on, that says nothing of lengths, and a template."""
    model = scratch() / name
    shutil.copytree(FIXTURES / "model" / "families" / name, model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, **dict(changes)}))
    words = {"type": "WordLevel", "vocab": {f"w{i}": i for i in range(WORDS)}, "unk_token": "w1"}
    (model / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": words}))
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}))
    return model


def said(ids):
    return " ".join(f"w{i}" for i in ids)


def answers(verb, model, rows, *options):
    source, out = model.parent / "rows.jsonl", model.parent / "out.jsonl"
    source.write_text("".join(json.dumps(r) + "\n" for r in rows))
    must(call(verb, "-m", model, "-i", source, "-o", out, "--restart", *options))
    got = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(got) == len(rows), got
    return got, digest(out)


def test_rotary_models_go_on_as_the_reference():
    for told in TOLD["models"]:
        model = checkpoint(told["model"], told["changes"].items())
        rows = [{"text": said(r["ids"])} for r in told["rows"]]
        reach = ["--max-length", 200] if "dynamic" in json.dumps(told["changes"]) else []  # prompts that travel whole: twice the positions by rule
        seen = set()
        for layout in LAYOUTS:
            got, hashed = answers("generate", model, rows, *reach, "--max-new-tokens", 24, "--return-tokens", *layout)
            seen.add(hashed)
            assert [g["token_ids"] for g in got] == [r["token_ids"] for r in told["rows"]], (told, got)
        assert len(seen) == 1, told
        talk, _ = answers("chat", model, [{"messages": r["text"]} for r in rows], *reach, "--max-new-tokens", 24, "--return-tokens")
        assert [g["token_ids"] for g in talk] == [g["token_ids"] for g in got], (told, talk)


def test_texts_whose_angles_depend_on_their_length_share_no_pages():
    """Prompts that begin alike, on both sides of the model's positions: each is answered as if it were alone."""
    changes = next(m["changes"] for m in TOLD["models"] if "dynamic" in json.dumps(m["changes"]))
    model = checkpoint("llama-lm", {**changes, "max_position_embeddings": 100}.items())
    ids = [2 + i * i % 50 for i in range(190)]
    rows = [{"text": said(ids[:n])} for n in (190, 90, 150, 99, 190, 101, 70)]
    alone = [answers("generate", model, [row], "--max-new-tokens", 30, "--return-tokens")[0][0]["token_ids"] for row in rows]
    for layout in LAYOUTS[:3] + [["--kv-budget", 100000], ["--max-batch-tokens", 16]]:
        got, _ = answers("generate", model, rows, "--max-new-tokens", 30, "--return-tokens", *layout)
        assert [g["token_ids"] for g in got] == alone, (layout, got, alone)


def test_their_scores_are_the_references():
    for told in TOLD["models"]:
        model = checkpoint(told["model"], told["changes"].items())
        rows = [{"text": said(r["ids"])} for r in told["rows"]]
        for layout in LAYOUTS[:2]:
            got, _ = answers("score", model, rows, "--max-length", 1000, *layout)
            for row, want in zip(got, told["rows"], strict=True):
                assert math.isclose(row["log_prob"], want["log_prob"], abs_tol=1e-4 * len(want["ids"])), (told, row)
        short, _ = answers("score", model, rows)
        assert [row["tokens"] for row in short] == [PLACES - 8, PLACES - 1, PLACES - 1], short  # cut, as rows that come whole are


def test_a_t5_reads_and_says_what_it_is_asked_to():
    told = TOLD["t5"]
    out = scratch() / "out.jsonl"
    source = out.parent / "rows.jsonl"
    source.write_text(json.dumps({"text": told["text"]}) + "\n")
    for layout in ([], ["--stages", 3]):
        must(call("generate", "-m", FIXTURES / "translate" / "t5", "-i", source, "-o", out, "--restart", "--max-length", told["tokens"],
                  "--max-new-tokens", 24, "--return-tokens", *layout))
        row = json.loads(out.read_text())
        assert row["token_ids"] == told["token_ids"], row


def test_a_table_of_positions_has_an_end():
    model = checkpoint("gpt2-lm")
    rows = [{"messages": said([3] * n)} for n in (PLACES, PLACES + 1, 4)]
    got, _ = answers("chat", model, rows, "--max-new-tokens", 3)
    assert [sorted(row)[0] for row in got] == ["generated_text", "error", "generated_text"], got
    assert f"longer than {PLACES} tokens" in got[1]["error"]["message"], got
    run = call("generate", "-m", model, "-i", "-", "--max-length", PLACES + 1)
    assert run.code == 64 and f"at most {PLACES} tokens" in run.err, run


def test_what_no_memory_has_room_for_is_an_error_row():
    model = checkpoint("llama-lm")
    rows = [{"messages": said([3] * n)} for n in (4, 5_000_000, 4000, 4)]
    hashes = set()
    for layout in ([], ["--stages", 2]):
        got, hashed = answers("chat", model, rows, "--max-new-tokens", 3, *layout)
        hashes.add(hashed)
        assert ["error" in row for row in got] == [False, True, False, False], got
        assert "the conversation is longer than" in got[1]["error"]["message"] and "--max-length" in got[1]["error"]["message"], got
    assert len(hashes) == 1, hashes


def test_a_text_that_is_not_over_when_memory_is_full_is_an_error_row():
    """Pages of one layer: 2 heads of keys and values, 6 wide, 64 of them; two layers have a page each."""
    model = checkpoint("llama-lm")
    page = 2 * 2 * 8 * 64 * 4 * 2
    got, _ = answers("generate", model, [{"text": "w3"}, {"text": said([3] * 60)}], "--kv-budget", 4 * page, "--max-new-tokens", 5000)
    assert all("is not over after" in row["error"]["message"] and "--kv-budget" in row["error"]["message"] for row in got), got
    enough, _ = answers("generate", model, [{"text": "w3"}], "--kv-budget", 4 * page, "--max-new-tokens", 60, "--return-tokens")
    assert len(enough[0]["token_ids"]) == 60, enough


if __name__ == "__main__":
    harness.run(globals())
