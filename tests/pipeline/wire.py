"""Hidden states that travel as bfloat16: frames of half the bytes, and the same answers from one process as from any ranks, by shared
memory and by MPI; what a plan, a simulation, verify and a job that goes on make of it."""
import json
import pathlib

import generate
import harness
from harness import MODEL, call, digest, must, rows, scratch, texts

WIRE = ["--wire-dtype", "bfloat16"]
FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
WORDS = [json.loads(line)["text"] for line in (FIXTURES / "translate/t5/rows.jsonl").read_text().splitlines()[:12]]
LOCAL = [[], ["--stages", 3], ["--layers", "0a,0f-1a,1f-", "--threads", 2], ["--stages", 2, "--replicas", 2, "--max-batch-tokens", 256]]
RANKS = [(2, {}), (3, {}), (3, {"TFM_LINK": "mpi"}), (8, {})]


def cases(folder):
    """An encoder, a decoder, and one of each in a line, with the width of their hidden states."""
    plain = rows(texts() * 2, folder / "rows.jsonl")
    words = rows(WORDS, folder / "words.jsonl")
    t5 = FIXTURES / "translate/t5"
    yield "encoder", MODEL, ["classify", "-m", MODEL, "-i", plain, "--return-logits"]
    yield "decoder", generate.FOLDER, ["generate", *generate.COMMON]
    yield "both", t5, ["translate", "-m", t5, "-i", words, "--src-lang", "en", "--tgt-lang", "fr", "--max-new-tokens", 12, "--return-tokens"]


def layers_of(config):
    return config.get("num_layers", config.get("num_hidden_layers", 0)) + config.get("num_decoder_layers", 0)


def answer(folder, args, *more, np=0, env=None):
    out, summary = folder / "out.jsonl", folder / "summary.json"
    must(call(*args, "-o", out, "--restart", "--summary-json", summary, *more, np=np, env=env))
    return digest(out), json.loads(summary.read_text())


def test_any_layout_writes_the_same_bytes():
    folder = scratch()
    for name, model, args in cases(folder):
        layers = layers_of(json.loads((model / "config.json").read_text()))
        seen = {answer(folder, args, *WIRE, *(f"{w}{layers - 1}" if w == "0a,0f-1a,1f-" else w for w in how))[0] for how in LOCAL}
        seen |= {answer(folder, args, *WIRE, np=np, env=env)[0] for np, env in RANKS}
        seen.add(answer(folder, args, *WIRE, "--stages", 2, "--replicas", 2, np=5)[0])
        assert len(seen) == 1, (name, seen)
    assert answer(folder, next(cases(folder))[2])[0] not in seen


def test_frames_are_half_as_large():
    """But for headers and lengths: two bytes fewer a value. The rows of one job are batched as those of the other, since they
    fit the window."""
    folder = scratch()
    for name, model, args in cases(folder):
        config = json.loads((model / "config.json").read_text())
        values = config.get("hidden_size", config.get("d_model"))
        _, wide = answer(folder, args, np=3)
        _, narrow = answer(folder, args, *WIRE, np=3)
        assert (wide["model"]["wire_dtype"], narrow["model"]["wire_dtype"]) == ("float32", "bfloat16")
        assert narrow["numeric_id"] == wide["numeric_id"] + "-wire-bfloat16"
        sent = [said["ranks"][0]["sent_bytes"] for said in (wide, narrow)]
        if name == "encoder":
            assert 0.5 < sent[1] / sent[0] < 0.52, sent
            assert abs((sent[0] - sent[1]) / (2 * values * wide["tokens"]) - 1) < 0.01, (sent, wide["tokens"])
        else:  # texts may have grown in other steps, and other texts
            assert sent[1] < 0.8 * sent[0], sent


def test_verify_says_what_it_costs():
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    exact = ["verify", "-m", MODEL, "-i", src, "--float32-mode", "exact"]  # on AMX auto is not
    said = must(call(*exact, *WIRE, "--stages", 3)).out
    assert "float32 with bfloat16 on the wire against float32" in said and "-wire-bfloat16" in said, said
    largest = float(said.split("largest ")[1].split(",")[0])
    assert 0 < largest < 0.05, said
    assert "against float32" not in must(call(*exact)).out


def test_the_plan_and_simulations_count_it():
    def frame(*how):
        said = must(call("plan", "-m", MODEL, "--ranks", 4, "--max-batch-tokens", 8192, *how)).out
        return said.split("a frame of 8192 tokens: ")[1].split("\n")[0].split(" ", 1)
    (wide, what), (narrow, which) = frame(), frame(*WIRE)
    assert (what, which) == ("MB of float32", "MB of bfloat16") and abs(float(narrow) / float(wide) - 0.5) < 0.02, (wide, narrow)
    hosts = scratch() / "hosts.json"
    hosts.write_text(json.dumps({"hosts": [{"topology": "numa:1 core:1 pu:1", "count": 4, "ranks": 1}], "network": {"gb_per_s": 1e-5}}))
    seconds = []
    for how in ([], WIRE):
        (line,) = json.loads(must(call("plan", "-m", MODEL, "--simulate", hosts, "--table", "json", *how)).out)
        seconds.append(line["seconds"] / line["tokens"])
    assert 0.49 < seconds[1] / seconds[0] < 0.52, seconds  # an hour on the wire, whatever the cores do


def test_a_job_goes_on_as_it_was_begun():
    folder = scratch()
    src = rows(texts()[:6], folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl"]
    must(call(*args, *WIRE))
    assert "nothing" in must(call(*args, *WIRE)).err
    run = must(call(*args), 73)
    assert "--restart" in run.err and "wire-bfloat16" in run.err, run.err


def test_other_words_are_refused():
    for word in ("int8", "float16", "BFLOAT16", ""):
        run = must(call("plan", "-m", MODEL, "--wire-dtype", word), 64)
        assert "--wire-dtype" in run.err and "bfloat16" in run.err, run.err


if __name__ == "__main__":
    harness.run(globals())
