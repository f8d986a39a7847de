"""Weights as int8 in groups: the same bytes as float32 of a checkpoint whose weights are what the groups stand for, made here;
and what a job says, keeps and refuses in that mode."""
import array
import json
import math
import random
import shutil
import struct

import harness
from generate import FOLDER, ROWS
from harness import MODEL, call, digest, must, rows, scratch, texts
from shared import make_model

GROUP = 64
GROUPS = ["--dtype", "int8", "--int8-mode", "groups"]
EXACT = ["--dtype", "float32", "--float32-mode", "exact"]
FLOAT = struct.Struct("<f")


def f32(x):
    """x, which has at most two roundings' worth of digits, to the nearest float32."""
    return FLOAT.unpack(FLOAT.pack(x))[0]


def stand_for(group):
    """The weights that a group of an output is read as (core/kernels/linear.h)."""
    top = max(map(abs, group))
    if top < 2.0 ** -100:
        return [0.0] * len(group)
    scale, inverse = f32(top / 127), f32(127 / top)
    return [f32(round(f32(w * inverse)) * scale) for w in group]


def round_matrix(values, shape):
    out = array.array("f")
    for row in range(shape[0]):
        line = values[row * shape[1]:(row + 1) * shape[1]]
        for at in range(0, shape[1], GROUP):
            out.extend(stand_for(line[at:at + GROUP]))
    return out


def write(folder, config, tensors):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    header, at = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * len(values)]}
        at += 4 * len(values)
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            f.write(values.tobytes())


def made_up(chance, shape):
    """Outliers among small numbers, which groups keep apart."""
    return array.array("f", (chance.gauss(0, 0.05) * (40 if chance.random() < 0.01 else 1) for _ in range(math.prod(shape))))


def norm(chance, width):
    return array.array("f", (chance.uniform(0.8, 1.2) for _ in range(width)))


H, FFN, LAYERS, WORDS = 80, 200, 3, 64  # widths are no multiples of a group


def llama():
    """A decoder with tied words: the table stays as it is, its product is in groups."""
    chance = random.Random(5)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": H, "intermediate_size": FFN,
              "num_hidden_layers": LAYERS, "num_attention_heads": 5, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": WORDS,
              "hidden_act": "silu", "rms_norm_eps": 1e-6, "max_position_embeddings": 200, "tie_word_embeddings": True}
    tensors = {"model.embed_tokens.weight": ([WORDS, H], made_up(chance, [WORDS, H])),
               "model.norm.weight": ([H], norm(chance, H))}
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for part, shape in (("self_attn.q_proj", [80, H]), ("self_attn.k_proj", [16, H]), ("self_attn.v_proj", [16, H]),
                            ("self_attn.o_proj", [H, 80]), ("mlp.gate_proj", [FFN, H]), ("mlp.up_proj", [FFN, H]),
                            ("mlp.down_proj", [H, FFN])):
            tensors[f"{layer}{part}.weight"] = (shape, made_up(chance, shape))
        for part in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{layer}{part}.weight"] = ([H], norm(chance, H))
    return config, tensors


def bert():
    """An encoder, whose pooling and classes stay float32."""
    chance = random.Random(6)
    config = json.loads((MODEL / "config.json").read_text())
    config |= {"hidden_size": H, "num_hidden_layers": LAYERS, "intermediate_size": FFN, "num_attention_heads": 5}
    tables = {"word": config["vocab_size"], "position": config["max_position_embeddings"], "token_type": config["type_vocab_size"]}
    tensors = {f"bert.embeddings.{name}_embeddings.weight": ([n, H], made_up(chance, [n, H])) for name, n in tables.items()}
    linear = [("bert.pooler.dense", H, H), ("classifier", 2, H)]
    norms = ["bert.embeddings.LayerNorm"]
    for layer in (f"bert.encoder.layer.{i}." for i in range(LAYERS)):
        linear += [(layer + "attention." + part, H, H) for part in ("self.query", "self.key", "self.value", "output.dense")]
        linear += [(layer + "intermediate.dense", FFN, H), (layer + "output.dense", H, FFN)]
        norms += [layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
    for name, n, k in linear:
        tensors[name + ".weight"] = ([n, k], made_up(chance, [n, k]))
        tensors[name + ".bias"] = ([n], made_up(chance, [n]))
    for name in norms:
        tensors[name + ".weight"] = ([H], norm(chance, H))
        tensors[name + ".bias"] = ([H], made_up(chance, [H]))
    return config, tensors


def rounded(tensors, where):
    return {name: (shape, round_matrix(values, shape) if where in name and len(shape) == 2 else values)
            for name, (shape, values) in tensors.items()}


def decoders(folder):
    config, tensors = llama()
    plain, stood_for = folder / "llama", folder / "llama-rounded"
    write(plain, config, tensors)
    words = tensors["model.embed_tokens.weight"]
    apart = {**rounded(tensors, "layers"), "lm_head.weight": (words[0], round_matrix(words[1], words[0]))}
    write(stood_for, config | {"tie_word_embeddings": False}, apart)
    for model in (plain, stood_for):
        for name in ("tokenizer.json", "generation_config.json"):
            shutil.copy(FOLDER / name, model)
    return plain, stood_for


def test_a_decoder_writes_what_float32_writes_of_rounded_weights():
    folder = scratch()
    plain, stood_for = decoders(folder)
    seen, other = set(), set()
    for i, (verb, more) in enumerate((("generate", ["--max-new-tokens", 30]), ("score", []))):
        common = ["-i", ROWS, "--return-tokens", *more]
        want = folder / f"want{i}.jsonl"
        must(call(verb, "-m", stood_for, *EXACT, *common, "-o", want))
        for j, (isa, layout) in enumerate((("auto", []), ("auto", ["--stages", 3, "--threads", 2]), ("avx2", []), ("portable", []))):
            out = folder / f"out{i}-{j}.jsonl"
            run = call(verb, "-m", plain, *GROUPS, *common, "-o", out, "--isa", isa, *layout)
            if run.code == 78 and isa == "avx2":
                continue
            must(run)
            assert digest(out) == digest(want), (verb, isa, layout)
        seen.add(digest(want))
        for how in (EXACT, GROUPS[:2]):
            must(call(verb, "-m", plain, *how, *common, "-o", folder / "other.jsonl", "--restart"))
            other.add(digest(folder / "other.jsonl"))
    assert len(seen) == 2 and len(other) == 4 and not seen & other, "the mode changes nothing"


def test_an_encoder_writes_what_float32_writes_of_rounded_weights():
    folder = scratch()
    config, tensors = bert()
    src = rows(texts()[:12], folder / "rows.jsonl")
    for name, weights in (("plain", tensors), ("rounded", rounded(tensors, "encoder.layer"))):
        write(folder / name, config, weights)
        for path in MODEL.iterdir():
            if "tokenizer" in path.name or path.suffix == ".txt":
                shutil.copy(path, folder / name)
    common = ["classify", "-i", src, "--return-logits", "-o"]
    must(call(*common, folder / "want.jsonl", "-m", folder / "rounded", *EXACT))
    must(call(*common, folder / "got.jsonl", "-m", folder / "plain", *GROUPS))
    must(call(*common, folder / "other.jsonl", "-m", folder / "plain", *EXACT))
    assert digest(folder / "got.jsonl") == digest(folder / "want.jsonl")
    assert digest(folder / "got.jsonl") != digest(folder / "other.jsonl"), "the mode changes nothing"


def test_the_oracle_and_float32_are_asked():
    src = rows(texts()[:6], scratch() / "rows.jsonl")
    text = must(call("verify", "-m", MODEL, "-i", src, *GROUPS)).out
    assert "PASSED" in text and "int8-g64" in text, text


def test_the_mode_is_named_and_weighed():
    said = must(call("plan", "-m", MODEL, "--ranks", 2, *GROUPS)).out
    assert "int8-g64" in said, said

    def weights(*how):
        return sum(r["weight_bytes"] for r in json.loads(must(call("plan", "-m", MODEL, "--ranks", 2, "--table", "json", *how)).out)[1:])
    wide, narrow, groups = weights(), weights("--dtype", "int8"), weights(*GROUPS)
    assert narrow < groups < 0.4 * wide, (wide, narrow, groups)


def test_kept_weights_of_the_modes_are_apart():
    folder = scratch()
    src = rows(texts()[:6], folder / "rows.jsonl")
    model = folder / "model"
    make_model(model, 1)  # large enough to be kept
    cache = {"TFM_CACHE_DIR": str(folder / "cache")}
    seen = []
    for i, how in enumerate((GROUPS[:2], GROUPS, GROUPS[:2], GROUPS)):
        out, summary = folder / f"out{i}.jsonl", folder / f"summary{i}.json"
        must(call("classify", "-m", model, "-i", src, "-o", out, "--return-logits", "--summary-json", summary, *how, env=cache))
        seen.append((digest(out), json.loads(summary.read_text())))
    assert seen[0][0] == seen[2][0] != seen[1][0] == seen[3][0]
    assert [said["model"]["int8_mode"] for _, said in seen] == ["dynamic", "groups"] * 2
    names = [path.name for path in (folder / "cache").rglob("*") if path.is_file()]
    for form in ("native-int8-2", "native-int8-g64-1"):
        assert any(name.endswith(form) for name in names), names


def test_another_mode_does_not_go_on_with_a_job():
    folder = scratch()
    src = rows(texts()[:6], folder / "rows.jsonl")
    out = folder / "out.jsonl"
    args = ["classify", "-m", MODEL, "-i", src, "-o", out]
    must(call(*args, *GROUPS))
    assert "nothing" in must(call(*args, *GROUPS)).err
    run = must(call(*args, *GROUPS[:2]), 73)
    assert "--restart" in run.err, run.err


def test_what_has_no_groups_says_so():
    for how, words in ((["--dtype", "int8", "--backend", "openblas"], ["--backend openblas"]),
                       (["--dtype", "int8", "--backend", "onednn"], ["--backend onednn", "use native", "--int8-mode dynamic"]),
                       (["--dtype", "bfloat16"], ["not bfloat16", "--dtype int8"]), ([], ["not float32", "--dtype int8"])):
        run = must(call("plan", "-m", MODEL, "--int8-mode", "groups", *how), 64)
        assert all(word in run.err for word in words), run.err


if __name__ == "__main__":
    harness.run(globals())
