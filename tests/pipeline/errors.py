"""Errors travel: a clear sentence from rank 0, one agreed exit code, no output that looks complete."""
import json
import os
import shutil
import struct
import subprocess

import harness
from harness import MODEL, call, must, rows, scratch


def spoiled(change):
    """A copy of the model in a folder of its own, changed."""
    folder = scratch()
    model = folder / "model"
    shutil.copytree(MODEL, model)
    change(model)
    return folder, model


def refused(folder, model, code, words, np=0, options=()):
    src = rows(["good", "bad"], folder / "rows.jsonl")
    out = folder / "out.jsonl"
    run = must(call("classify", "-m", model, "-i", src, "-o", out, *options, np=np), code)
    assert all(w in run.err for w in words), run.err
    assert not out.exists()
    return run


def without_tensor(name):
    """Leave one tensor out, closing the gap, so that only its absence is wrong."""
    def change(model):
        path = model / "model.safetensors"
        raw = path.read_bytes()
        n = struct.unpack("<Q", raw[:8])[0]
        header, data = json.loads(raw[8:8 + n]), raw[8 + n:]
        kept, body = {}, b""
        for key, entry in header.items():
            if key == name:
                continue
            if key != "__metadata__":
                a, z = entry["data_offsets"]
                entry = {**entry, "data_offsets": [len(body), len(body) + z - a]}
                body += data[a:z]
            kept[key] = entry
        text = json.dumps(kept).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return change


def with_nan_in(name):
    """One NaN in a weight: found only by the rank that reads it, long after the handshake."""
    def change(model):
        path = model / "model.safetensors"
        raw = bytearray(path.read_bytes())
        n = struct.unpack("<Q", raw[:8])[0]
        a, _ = json.loads(raw[8:8 + n])[name]["data_offsets"]
        raw[8 + n + a + 4:8 + n + a + 6] = b"\x00\x7e"  # float16 NaN
        path.write_bytes(raw)
    return change


LATE = "bert.encoder.layer.5.output.dense.weight"


def test_missing_tensor_is_named():
    for np in (0, 3):
        folder, model = spoiled(without_tensor(LATE))
        refused(folder, model, 65, [LATE], np)


def as_token_classifier(model):
    config = json.loads((model / "config.json").read_text())
    config["architectures"] = ["BertForTokenClassification"]
    (model / "config.json").write_text(json.dumps(config))


def test_a_task_that_the_model_has_no_head_for():
    """Named before tensors are missed: the model says it labels tokens."""
    folder, model = spoiled(as_token_classifier)
    refused(folder, model, 69, ["text-classification", "token-classification"])


def test_a_workers_failure_reaches_rank_0():
    for np in (3, 8):
        folder, model = spoiled(with_nan_in(LATE))
        run = refused(folder, model, 65, [LATE, "rank "], np)
        lines = [line for line in run.err.split("\n") if LATE in line]
        assert len(lines) == 1, f"one line from rank 0, got {lines}"


def test_truncated_weights():
    def cut(model):
        path = model / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-1000])
    folder, model = spoiled(cut)
    refused(folder, model, 65, ["model.safetensors"], np=3)


def with_tokenizer(change):
    def spoil(model):
        path = model / "tokenizer.json"
        tokenizer = json.loads(path.read_text())
        change(tokenizer)
        path.write_text(json.dumps(tokenizer))
    return spoil


def test_ids_outside_the_embedding_are_refused_on_opening():
    """By vocabulary, added token or template, though no row of the input holds the id."""
    rows_of_embedding = json.loads((MODEL / "config.json").read_text())["vocab_size"]
    beyond = rows_of_embedding + 7

    def add_to_vocabulary(t):
        t["model"]["vocab"]["zzz"] = beyond

    def add_tokens(t):
        for i in range(beyond + 1 - len(t["model"]["vocab"])):
            t["added_tokens"].append({"id": i, "content": f"<{i}>", "single_word": False,
                                      "lstrip": False, "rstrip": False, "normalized": False,
                                      "special": False})

    def move_special(t):
        t["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [beyond]

    for change, token in ((add_to_vocabulary, "zzz"), (add_tokens, "<"), (move_special, "")):
        folder, model = spoiled(with_tokenizer(change))
        words = [str(rows_of_embedding), str(beyond), token, "tokenizer"]
        refused(folder, model, 65, words)
        refused(folder, model, 65, words, np=3)
        must(call("tokenize", "-m", model, "-i", folder / "rows.jsonl"))


def test_more_stages_than_workers():
    folder = scratch()
    refused(folder, MODEL, 64, ["--stages"], np=3, options=["--stages", 5])


def test_unknown_option_under_mpirun_is_said_once():
    run = must(call("classify", "--modle", MODEL, np=3), 64)
    assert run.err.count("--model") == 1, run.err


def test_missing_model_and_input():
    folder = scratch()
    must(call("classify", "-m", folder / "nope", np=3), 66)
    run = must(call("classify", "-i", folder / "nope.jsonl", np=3), 66)
    assert "nope.jsonl" in run.err


def test_an_output_that_exists():
    folder = scratch()
    src = rows(["one", "two"], folder / "rows.jsonl")
    out = folder / "out.jsonl"
    out.write_text("somebody's file\n")
    must(call("classify", "-i", src, "-o", out, np=2), 73)
    assert out.read_text() == "somebody's file\n"
    must(call("classify", "-i", src, "-o", out, "--restart", np=2))
    first = harness.digest(out)
    again = must(call("classify", "-i", src, "-o", out, np=2))
    assert "complete" in again.err and harness.digest(out) == first
    src.write_text('{"text": "other"}\n')
    must(call("classify", "-i", src, "-o", out, np=2), 73)


def test_bad_rows_are_rows():
    folder = scratch()
    src = folder / "rows.jsonl"
    src.write_bytes(b'{"text": "good"}\nnot json\n{"text": 5}\n\n{"id": 7, "text": "fine"}\n')
    out, bad = folder / "out.jsonl", folder / "errors.jsonl"
    must(call("classify", "-i", src, "-o", out, "--errors", bad, np=3))
    got = [json.loads(line) for line in harness.lines(out)]
    assert ["error" in g for g in got] == [False, True, True, False]
    assert got[3]["id"] == 7
    assert [json.loads(line)["line"] for line in harness.lines(bad)] == [2, 3]
    must(call("classify", "-i", src, "-o", folder / "o2.jsonl", "--max-errors", 1, np=3), 76)
    assert not (folder / "o2.jsonl").exists()


def test_full_device():
    folder = scratch()
    src = rows(["one"] * 50, folder / "rows.jsonl")
    run = call("classify", "-i", src, "-o", "/dev/full", np=2)
    assert run.code in (73, 74), run.code


def test_a_checkpoint_that_names_no_task():
    """Neither modules.json nor architectures: the model card's pipeline_tag, or a clear refusal."""
    def silent(model):
        path = model / "config.json"
        config = json.loads(path.read_text())
        del config["architectures"]
        path.write_text(json.dumps(config))
        (model / "README.md").unlink(missing_ok=True)

    folder, model = spoiled(silent)
    src = rows(["a wonderful evening"], folder / "rows.jsonl")
    run = must(call("run", "-m", model, "-i", src), 69)
    assert "architectures" in run.err and "--task" in run.err, run.err
    card = model / "README.md"
    card.write_text("---\npipeline_tag: magic\n---\n")
    run = must(call("run", "-m", model, "-i", src), 69)
    assert "README.md: pipeline_tag: magic" in run.err, run.err
    card.write_text("---\npipeline_tag: sentence-similarity\n---\n")
    assert "embedding" in must(call("run", "-m", model, "-i", src)).out
    card.write_text("---\npipeline_tag: text-classification\n---\n")
    assert must(call("run", "-m", model, "-i", src)).out == must(call("run", "-i", src)).out


def cut_while_used(folder, src, np):
    """Rows that wait for a pipe; the first is answered, so that the weights are mapped, then their files are cut to nothing."""
    cache, out = folder / f"cache{np}", folder / f"out{np}.jsonl"
    must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--cache-dir", cache, "--restart"))
    command = [harness.PROGRAM, "classify", "-m", str(MODEL), "-i", "-", "--input-format", "text", "--cache-dir", str(cache), "-q"]
    run = subprocess.Popen((["mpirun", "-np", str(np)] if np else []) + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env={**os.environ, **harness.MPI, **harness.sanitizer_options(np)})
    run.stdin.write(b"one row\n")
    run.stdin.flush()
    assert b"label" in run.stdout.readline()
    files = list(cache.glob("packed-*/unit-*"))
    assert files, "nothing was cached"
    for file in files:
        os.truncate(file, 0)
    _, err = run.communicate(b"another row\n", timeout=120)
    return run.returncode, err.decode()


def test_a_cached_file_that_becomes_shorter_is_said():
    """A mapped file that shrinks is a SIGBUS; it ends the job with a line and 74."""
    folder = scratch()
    src = rows(["a"], folder / "rows.jsonl")
    for np in (0, 3):
        code, err = cut_while_used(folder, src, np)
        assert code == 74 and "a file that is mapped became shorter" in err, (np, code, err)


if __name__ == "__main__":
    harness.run(globals())
