#!/usr/bin/env python3
"""Makes tests/fixtures/model: tiny random BERT models and what the reference library computes with them.

usage: make_model_goldens.py OUT [--minilm DIR]
Needs torch, transformers and safetensors (made with transformers 5.23, torch 2.13). Each model is a save_pretrained folder with
golden.bin beside it; --minilm also writes minilm/golden.bin for an all-MiniLM-L6-v2 folder, whose 90 MB of weights stay outside.

golden.bin, little-endian: eight int32 (magic "TFMG", version 1, B, T, states, H, C, step), then int32 ids[T], type_ids[T],
cu_len[B+1], then float32 hidden[states][T][ceil(H/step)] (every step-th column; states is 0 or layers + 1, the embeddings first) and
float32 logits[B][C], or logits[T][C] for heads that look at every token (start and end logits side by side for spans).
"""
import argparse
import json
import pathlib
import struct

import numpy as np
import torch
import transformers as tf
from safetensors.numpy import load_file
from safetensors.torch import save_file

LENGTHS = [5, 1, 17, 48, 2]
BASE = dict(vocab_size=57, hidden_size=40, num_hidden_layers=3, num_attention_heads=4, intermediate_size=88,
            max_position_embeddings=48, type_vocab_size=2)
SMALL = {**BASE, "hidden_size": 24, "num_hidden_layers": 1, "intermediate_size": 36}


def labels(names):
    return {"num_labels": len(names), "id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}


def randomize(model, generator):
    """Wide weights, so that every layer changes every state by far more than the tolerance."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "LayerNorm.weight" in name:
            p.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            p.data = 0.2 * noise
        else:
            p.data = noise * (1.0 if "embeddings" in name else 1.6 / p.shape[-1] ** 0.5)


def sequences(vocab, types, generator, lengths=LENGTHS):
    return [(torch.randint(0, vocab, (n,), generator=generator), torch.randint(0, types, (n,), generator=generator)) for n in lengths]


def golden(model, rows, states, step):
    """One row at a time: no padding, no mask."""
    hidden, logits = [], []
    for ids, types in rows:
        out = model(input_ids=ids[None], token_type_ids=types[None], output_hidden_states=True)
        hidden.append(torch.stack([h[0] for h in out.hidden_states])[:, :, ::step])
        if hasattr(out, "logits"):
            logits.extend(out.logits if out.logits.ndim == 2 else out.logits[0])
        elif hasattr(out, "start_logits"):
            logits.extend(torch.stack([out.start_logits[0], out.end_logits[0]], dim=1))
    lengths = [len(ids) for ids, _ in rows]
    cu_len = np.concatenate([[0], np.cumsum(lengths)]).astype("<i4")
    keep = torch.cat(hidden, dim=1) if states else torch.zeros(0)
    width = len(logits[0]) if logits else 0
    head = struct.pack("<4s7i", b"TFMG", 1, len(rows), int(cu_len[-1]), keep.shape[0] if states else 0, model.config.hidden_size, width, step)
    ints = [torch.cat([r[i] for r in rows]).numpy().astype("<i4").tobytes() for i in (0, 1)]
    floats = keep.numpy().astype("<f4").tobytes() + (torch.stack(logits).numpy().astype("<f4").tobytes() if logits else b"")
    return head + b"".join(ints) + cu_len.tobytes() + floats


def store(folder, config, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def shard(folder, parts):
    """Cuts model.safetensors into files of about equal bytes, with an index."""
    whole = folder / "model.safetensors"
    from safetensors.torch import load_file as load
    tensors = load(whole)
    names = sorted(tensors)
    cut = [names[i * len(names) // parts:(i + 1) * len(names) // parts] for i in range(parts)]
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())}, "weight_map": {}}
    for i, part in enumerate(cut):
        name = f"model-{i + 1:05d}-of-{parts:05d}.safetensors"
        save_file({n: tensors[n] for n in part}, folder / name, metadata={"format": "pt"})
        index["weight_map"].update({n: name for n in part})
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    whole.unlink()


def make(out, name, kind, config, dtype=torch.float32, states=False, seed=0, rename=None, extra=None, parts=0, drop=None):
    generator = torch.Generator().manual_seed(seed)
    model = getattr(tf, kind)(tf.BertConfig(**config)).eval()
    randomize(model, generator)
    for p in model.parameters():  # what the file will hold, computed with in float32
        p.data = p.data.to(dtype).float()
    rows = sequences(config["vocab_size"], config["type_vocab_size"], generator)
    tensors = {k: v.to(dtype) for k, v in model.state_dict().items()}
    for old, new in (rename or {}).items():
        tensors = {k.replace(old, new): v for k, v in tensors.items()}
    tensors.update(extra or {})
    tensors = {k: v for k, v in tensors.items() if not drop or not k.startswith(drop)}
    said = {**json.loads(model.config.to_json_string(use_diff=False)), "architectures": [kind], "position_embedding_type": "absolute"}
    wanted = {*config, "architectures", "model_type", "hidden_act", "layer_norm_eps", "pad_token_id", "problem_type", "id2label", "position_embedding_type", "tie_word_embeddings"} - ({"tie_word_embeddings"} - {*config})
    store(out / name, {k: v for k, v in said.items() if k in wanted and v is not None and k != "num_labels"}, tensors)
    (out / name / "golden.bin").write_bytes(golden(model, rows, states, 1))
    if parts:
        shard(out / name, parts)


def make_minilm(out, folder):
    model = tf.AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in (("A cluster of ranks.",), ("It works!", "Does it?"), ("hello",)):
        enc = tokenizer(*text, return_tensors="pt")
        rows.append((enc["input_ids"][0], enc["token_type_ids"][0]))
    (out / "minilm").mkdir(exist_ok=True)
    (out / "minilm" / "golden.bin").write_bytes(golden(model, rows, True, 6))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--minilm", help="an all-MiniLM-L6-v2 folder")
    a = p.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    seq = "BertForSequenceClassification"
    make(a.out, "tiny", seq, {**BASE, **labels(["NEGATIVE", "NEUTRAL", "POSITIVE"])}, states=True)
    make(a.out, "f16", seq, {**BASE, **labels(["NEGATIVE", "NEUTRAL", "POSITIVE"])}, dtype=torch.float16)
    make(a.out, "bf16-sharded", seq, {**BASE, **labels(["NEGATIVE", "NEUTRAL", "POSITIVE"])}, dtype=torch.bfloat16, parts=3)
    make(a.out, "gamma-beta", seq, {**SMALL, **labels(["no", "yes"])}, dtype=torch.float16, seed=1,
         rename={"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"},
         extra={"bert.embeddings.position_ids": torch.arange(48)[None]})
    make(a.out, "one-label", seq, {**SMALL, **labels(["LABEL_0"]), "hidden_act": "relu"}, dtype=torch.float16, seed=2)
    make(a.out, "multi-label", seq, {**SMALL, **labels(["a\tb", "\"q\"", "c\nd", "ünï"]), "hidden_act": "gelu_new", "problem_type": "multi_label_classification"}, dtype=torch.float16, seed=3)
    make(a.out, "regression", seq, {**SMALL, **labels(["LABEL_0"]), "hidden_act": "silu", "problem_type": "regression", "layer_norm_eps": 1e-5}, dtype=torch.float16, seed=4)
    make(a.out, "encoder", "BertModel", {**SMALL, "hidden_act": "tanh"}, dtype=torch.float16, states=True, seed=5)
    make(a.out, "token", "BertForTokenClassification", {**SMALL, **labels(["O", "B-PER", "I-PER"])}, dtype=torch.float16, seed=6)
    make(a.out, "span", "BertForQuestionAnswering", SMALL, dtype=torch.float16, seed=7)
    make(a.out, "mask", "BertForMaskedLM", {**SMALL, "tie_word_embeddings": True}, dtype=torch.float16, seed=8, drop="cls.predictions.decoder")
    make(a.out, "mask-untied", "BertForMaskedLM", {**SMALL, "tie_word_embeddings": False}, dtype=torch.float16, seed=9)
    if a.minilm:
        make_minilm(a.out, a.minilm)
    total = sum(f.stat().st_size for f in a.out.rglob("*") if f.is_file())
    assert load_file(a.out / "tiny" / "model.safetensors")
    print(f"{total} bytes in {a.out}")


if __name__ == "__main__":
    main()
