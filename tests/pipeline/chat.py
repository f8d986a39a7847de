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
           {"messages": [{"role": "user", "content": "w1 " * 50000}]}]
    got = answers("chat", model, bad + [{"messages": "w1"}])
    assert all("error" in row for row in got[:-1]) and "error" not in got[-1], got
    assert "longer than" in got[5]["error"]["message"], got[5]


def test_templates_that_cannot_be_run_end_the_job():
    for template, code, text in (("{% include 'x' %}", 69, "line 1"), ("{% if %}", 65, "line 1"), ("{{ messages | groupby('role') }}", 69, "groupby")):
        run = call("chat", "-m", checkpoint(scratch(), template), "-i", FOLDER / "rows.jsonl")
        assert run.code == code and text in run.err, run
    run = call("chat", "-m", FOLDER, "-i", FOLDER / "rows.jsonl")
    assert run.code == 69 and "chat_template" in run.err, run


def requests(model, verb, url, bodies, *more):
    lines = [{"custom_id": f"r{i}", "method": "POST", "url": url, "body": body} for i, body in enumerate(bodies)]
    rows_file, out = model.parent / "batch.jsonl", model.parent / "answers.jsonl"
    rows_file.write_text("".join(json.dumps(r) + "\n" for r in lines))
    must(call(verb, "-m", model, "-i", rows_file, "--input-format", "openai-batch", "-o", out, "--restart", *more))
    got = [json.loads(line) for line in out.read_text().splitlines()]
    assert [g["custom_id"] for g in got] == [line["custom_id"] for line in lines], got
    return got


def test_batches_of_requests_are_answered():
    model = checkpoint(scratch())
    plain = answers("chat", model, [{"messages": "w5"}, {"messages": "w7 w9"}])
    said = [{"messages": [{"role": "user", "content": t}], "max_tokens": 5, "model": "m"} for t in ("w5", "w7 w9")]
    words = plain[1]["generated_text"].split()
    stop = {**said[1], "stop": ["not there", f"{words[1]} {words[2]}"]}
    short = {**said[0], "max_completion_tokens": 2, "temperature": 0}
    del short["max_tokens"]
    wrong = [{**said[0], "temperature": 0.7}, {**said[0], "n": 2}, {"messages": "w5"}, {"prompt": "w5"}, {**said[0], "max_tokens": 0}]
    got = requests(model, "chat", "/v1/chat/completions", [*said, stop, short, *wrong])
    texts = [g["response"]["body"]["choices"][0]["message"]["content"].split() for g in got[:4]]
    assert texts == [plain[0]["generated_text"].split(), words, words[:1], plain[0]["generated_text"].split()[:2]], (texts, plain)
    assert [g["response"]["body"]["choices"][0]["finish_reason"] for g in got[:4]] == ["length", "length", "stop", "length"], got
    usage = got[1]["response"]["body"]["usage"]
    assert usage == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}, usage
    assert all(g["response"]["status_code"] == 400 for g in got[4:]), got[4:]
    for options in (["--stages", 2], ["--kv-budget", 50000]):
        assert got == requests(model, "chat", "/v1/chat/completions", [*said, stop, short, *wrong], *options)


def test_prompts_are_gone_on_from():
    model = checkpoint(scratch())
    plain = answers("generate", model, [{"text": "w5"}], "--return-full-text", "off")
    got = requests(model, "generate", "/v1/completions", [{"prompt": "w5", "max_tokens": 5}, {"prompt": ["w5"]}])
    assert got[0]["response"]["body"]["choices"][0]["text"] == plain[0]["generated_text"], (got, plain)
    assert got[0]["response"]["body"]["object"] == "text_completion", got[0]
    assert got[1]["response"]["status_code"] == 400, got[1]


if __name__ == "__main__":
    harness.run(globals())
