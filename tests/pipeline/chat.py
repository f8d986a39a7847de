"""Conversation: what the model answers is what generate makes of the rendered messages; rows that cannot be are error rows."""
import json
import pathlib
import shutil

import harness
from harness import call, must, scratch

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "generate"
TEMPLATE = "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}w3{% endif %}"


def checkpoint(folder, template=TEMPLATE):
    model = folder / "model"
    shutil.copytree(FOLDER, model)
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}))
    return model


def answers(verb, model, rows, *more):
    rows_file, out = model.parent / "rows.jsonl", model.parent / f"{verb}.jsonl"
    rows_file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    must(call(verb, "-m", model, "-i", rows_file, "-o", out, "--max-new-tokens", 5, "--return-tokens", "--restart", *more))
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_the_answer_is_what_follows_the_rendering():
    model = checkpoint(scratch())
    said = [["w5"], ["w7 w9", "w2 w2", "w8"], ["w4 w4 w4"]]
    roles = ("user", "assistant")
    messages = [{"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(s)]} for s in said]
    got = answers("chat", model, messages + [{"messages": "w5"}])
    want = answers("generate", model, [{"text": " ".join(s) + " w3"} for s in said + [["w5"]]], "--return-full-text", "off")
    assert [g["token_ids"] for g in got] == [w["token_ids"] for w in want], (got, want)
    assert [g["generated_text"].strip() for g in got] == [w["generated_text"].strip() for w in want], (got, want)
    assert got == answers("chat", model, messages + [{"messages": "w5"}], "--stages", 2)


def test_rows_that_are_no_conversation_are_error_rows():
    model = checkpoint(scratch())
    bad = [{"messages": []}, {"messages": [{"role": "user"}]}, {"messages": [1]}, {"text": "w1"}, {"messages": "[w1"},
           {"messages": [{"role": "user", "content": "w1 " * 5000}]}]
    got = answers("chat", model, bad + [{"messages": "w1"}])
    assert all("error" in row for row in got[:-1]) and "error" not in got[-1], got
    assert "longer than" in got[5]["error"]["message"], got[5]


def test_templates_that_cannot_be_run_end_the_job():
    for template, code, text in (("{% include 'x' %}", 69, "line 1"), ("{% if %}", 65, "line 1"), ("{{ messages | groupby('role') }}", 69, "groupby")):
        run = call("chat", "-m", checkpoint(scratch(), template), "-i", FOLDER / "rows.jsonl")
        assert run.code == code and text in run.err, run
    run = call("chat", "-m", FOLDER, "-i", FOLDER / "rows.jsonl")
    assert run.code == 69 and "chat_template" in run.err, run


if __name__ == "__main__":
    harness.run(globals())
