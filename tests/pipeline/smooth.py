"""int8 whose inputs are evened out (--int8-smooth): the same bytes for any ranks, cut, threads and instruction set, from weights and
from a file; the file the same from any layout; the oracle, kept weights, a job that goes on, and what is refused."""
import json
import math
import random
import shutil

import harness
from generate import FOLDER, ROWS
from groups import H, bert, llama, write
from harness import MODEL, call, digest, must, rows, scratch, texts
from shared import make_model

INT8 = ["--dtype", "int8"]
LAYOUTS = [(0, []), (0, ["--stages", 3, "--threads", 2]), (0, ["--isa", "portable"]), (0, ["--isa", "avx2"]), (0, ["--backend", "ref"]),
           (3, ["--replicas", 2]), (3, ["--stages", 2]), (8, ["--stages", 6])]


def uneven(tensors, chance):
    """A few inputs of every norm are far larger than the others, as in trained models; where a token's steps are the largest one's."""
    for name, (_, values) in tensors.items():
        if name.lower().endswith(("norm.weight", "layernorm.weight")):
            for k in chance.sample(range(H), 3):
                values[k] *= 30
    return tensors


def with_words(folder, of, names):
    for path in of.iterdir():
        if any(name in path.name for name in names):
            shutil.copy(path, folder)
    return folder


def encoder(folder):
    config, tensors = bert()
    write(folder, config, uneven(tensors, random.Random(8)))
    return with_words(folder, MODEL, ("tokenizer", ".txt"))


def decoder(folder):
    config, tensors = llama()
    write(folder, config, uneven(tensors, random.Random(9)))
    return with_words(folder, FOLDER, ("tokenizer.json", "generation_config.json"))


def calibrate(model, src, to, np=0, *how):
    return must(call("verify", "-m", model, "-i", src, "--calibrate", to, *how, np=np))


def test_a_file_is_the_same_from_any_layout():
    folder = scratch()
    src = rows(texts()[:14], folder / "rows.jsonl")
    seen = set()
    for i, (np, how) in enumerate(LAYOUTS):
        run = call("verify", "-m", MODEL, "-i", src, "--calibrate", folder / f"s{i}.json", *how, np=np)
        if run.code == 78 and "avx2" in how:
            continue
        assert "PASSED" in must(run).out
        seen.add(digest(folder / f"s{i}.json"))
    assert len(seen) == 1, seen
    said = json.loads((folder / "s0.json").read_text())
    assert said["format"] == "tfm-cluster int8 scales" and said["version"] == 1 and said["rows"] == 14, said["rows"]
    names = [layer["layer"] for layer in said["layers"]]
    assert names[:4] == ["0.attention.in", "0.attention.out", "0.ffn.in", "0.ffn.out"] and len(names) == len(set(names))
    fewer = rows(texts()[:2], folder / "fewer.jsonl")
    calibrate(MODEL, fewer, folder / "fewer.json")
    assert digest(folder / "fewer.json") not in seen, "rows change nothing"


def check_layouts(verb, model, src, more):
    """One set of bytes for each way, and each another."""
    folder = scratch()
    scales = folder / "scales.json"
    calibrate(model, src, scales, 0, *(["--task", "score"] if verb == "score" else []))
    hashes = []
    for way in ("none", "weights", scales):
        seen = set()
        for i, (np, how) in enumerate(LAYOUTS):
            out = folder / f"out{len(hashes)}-{i}.jsonl"
            run = call(verb, "-m", model, "-i", src, "-o", out, *INT8, "--int8-smooth", way, *more, *how, np=np)
            if run.code == 78 and "avx2" in how:
                continue
            must(run)
            seen.add(digest(out))
        assert len(seen) == 1, (verb, way, seen)
        hashes += seen
    assert len(set(hashes)) == 3, "a way changes nothing"


def test_an_encoder_has_the_same_bytes_in_any_layout():
    folder = scratch()
    src = rows(texts()[:14], folder / "rows.jsonl")
    check_layouts("classify", encoder(folder / "model"), src, ["--return-logits"])


def test_a_decoder_has_the_same_bytes_in_any_layout():
    folder = scratch()
    check_layouts("score", decoder(folder / "model"), ROWS, [])


def differences(model, src, *how):
    """How far log-probabilities of texts are from float32's, a token."""
    folder = scratch()
    said = []
    for i, dtype in enumerate((["--dtype", "float32"], [*INT8, *how])):
        out = folder / f"{i}.jsonl"
        must(call("score", "-m", model, "-i", src, "-o", out, *dtype))
        said.append([json.loads(line) for line in harness.lines(out)])
    scored = [(a, b) for a, b in zip(*said, strict=True) if "log_prob" in a]  # else an error row, of both
    return sum(abs(a["log_prob"] - b["log_prob"]) / a["tokens"] for a, b in scored) / len(scored)


def test_uneven_inputs_cost_less_when_evened_out():
    """The point of it, on a model made for it: three inputs of each norm leave the others a few of 127 steps."""
    folder = scratch()
    model = decoder(folder / "model")
    calibrate(model, ROWS, folder / "scales.json", 0, "--task", "score")
    plain = differences(model, ROWS)
    for way in ("weights", folder / "scales.json"):
        evened = differences(model, ROWS, "--int8-smooth", way)
        assert math.isfinite(evened) and evened < 0.7 * plain, (way, evened, plain)


def test_the_oracle_is_asked_and_numeric_id_tells():
    folder = scratch()
    src = rows(texts()[:8], folder / "rows.jsonl")
    scales = folder / "scales.json"
    calibrate(MODEL, src, scales)
    for way, name in (("weights", "weights"), (scales, digest(scales))):
        said = must(call("verify", "-m", MODEL, "-i", src, *INT8, "--int8-smooth", way)).out
        assert "PASSED" in said and "int8 against float32" in said and f"c2-native-int8-k192-smooth-{name}\n" in said, said
        assert f"-smooth-{name}" in must(call("plan", "-m", MODEL, "--ranks", 3, *INT8, "--int8-smooth", way)).out
    summary = folder / "summary.json"
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", *INT8, "--int8-smooth", scales, "--summary-json", summary))
    assert digest(scales) in summary.read_text()


def test_kept_weights_are_apart_and_a_job_goes_on_by_its_own_scales():
    folder = scratch()
    src = rows(texts()[:6], folder / "rows.jsonl")
    make_model(folder / "model", 1)  # large enough to be kept
    cache = {"TFM_CACHE_DIR": str(folder / "cache")}
    for i, n in enumerate((3, 6)):
        calibrate(folder / "model", rows(texts()[:n], folder / f"rows{i}.jsonl"), folder / f"s{i}.json")
    ways = ["none", "weights", folder / "s0.json", folder / "s1.json"]
    seen = []
    for turn in range(2):
        for way in ways:
            out = folder / f"out{len(seen)}.jsonl"
            must(call("classify", "-m", folder / "model", "-i", src, "-o", out, "--return-logits", *INT8, "--int8-smooth", way, env=cache))
            seen.append(digest(out))
    assert seen[:4] == seen[4:] and len(set(seen)) == 4, seen
    names = [path.name for path in (folder / "cache").rglob("*") if path.is_file()]
    for form in ["", "-weights", *("-" + digest(folder / f"s{i}.json")[:24] for i in range(2))]:
        assert f"unit-000-native-int8-2{form}" in names, names
    args = ["classify", "-m", folder / "model", "-i", src, "-o", folder / "out0.jsonl", "--return-logits", *INT8]
    assert "nothing" in must(call(*args, env=cache)).err
    shutil.move(folder / "s1.json", folder / "elsewhere.json")  # the bytes count, not the name
    go_on = ["classify", "-m", folder / "model", "-i", src, "-o", folder / "out3.jsonl", "--return-logits", *INT8]
    assert "nothing" in must(call(*go_on, "--int8-smooth", folder / "elsewhere.json", env=cache)).err
    run = must(call(*go_on, "--int8-smooth", folder / "s0.json", env=cache), 73)
    assert "--restart" in run.err, run.err


def test_what_has_no_scales_says_so():
    folder = scratch()
    src = rows(texts()[:4], folder / "rows.jsonl")
    calibrate(MODEL, src, folder / "scales.json")
    make_model(folder / "other", 1)
    text = (folder / "scales.json").read_text()
    (folder / "cut.json").write_text(text[:len(text) // 2])
    (folder / "negative.json").write_text(text.replace('"reach":[', '"reach":[-1,', 1))
    for how, code, words in ((["--int8-smooth", "weights"], 64, ["not float32", "--dtype int8"]),
                             (["--int8-smooth", "weights", *INT8, "--int8-mode", "groups"], 64, ["not int8-g64", "--int8-mode dynamic"]),
                             (["--int8-smooth", folder / "no.json", *INT8], 66, ["no.json"]),
                             (["--int8-smooth", folder / "cut.json", *INT8], 65, ["cut.json", "byte"]),
                             (["--int8-smooth", folder / "negative.json", *INT8], 65, ["negative.json", "magnitude"])):
        run = must(call("plan", "-m", MODEL, *how), code)
        assert all(word in run.err for word in words), run.err
    run = must(call("classify", "-m", folder / "other", "-i", src, *INT8, "--int8-smooth", folder / "scales.json"), 65)
    assert "another model" in run.err and "verify --calibrate" in run.err, run.err
    for how in (INT8, ["--float32-mode", "bf16x3"], ["--backend", "openblas"]):
        run = must(call("verify", "-m", MODEL, "-i", src, "--calibrate", folder / "never.json", *how), 64)
        assert "--calibrate" in run.err and "--float32-mode exact" in run.err, run.err
    assert not (folder / "never.json").exists()
    assert "--calibrate" in must(call("verify", "-m", MODEL, "-i", src, "--calibrate", src), 64).err


if __name__ == "__main__":
    harness.run(globals())
