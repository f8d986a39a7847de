#!/usr/bin/env python3
"""all-MiniLM-L6-v2 in disguise: the same weights as a DistilBERT and as a RoBERTa, whose embeddings must not change.

usage: relabel_minilm.py PROGRAM MINILM ROWS.jsonl OUT [ARGS]     ARGS are given to the program (--stages 3)

MINILM is the sentence-transformers folder of all-MiniLM-L6-v2. The row of token type 0 is added to every position, so
that neither disguise needs token types; RoBERTa's positions begin two rows later (its padding index + 1). Prints the
largest difference of each folder's embeddings from sentence-transformers' of the real one; ends with 1 beyond 1e-5.
"""
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

DISTIL = {"attention.self.query": "attention.q_lin", "attention.self.key": "attention.k_lin",
          "attention.self.value": "attention.v_lin", "attention.output.dense": "attention.out_lin",
          "attention.output.LayerNorm": "sa_layer_norm", "intermediate.dense": "ffn.lin1", "output.dense": "ffn.lin2",
          "output.LayerNorm": "output_layer_norm"}


def positions(t):
    return t["embeddings.position_embeddings.weight"] + t["embeddings.token_type_embeddings.weight"][:1]


def distilbert(t, c):
    out = {"embeddings.position_embeddings.weight": positions(t)}
    for name, v in t.items():
        if name.startswith("encoder.layer."):
            layer, part = name[len("encoder.layer."):].split(".", 1)
            part, kind = part.rsplit(".", 1)
            out[f"transformer.layer.{layer}.{DISTIL[part]}.{kind}"] = v
        elif name.startswith(("embeddings.word", "embeddings.LayerNorm")):
            out[name] = v
    return out, {"model_type": "distilbert", "architectures": ["DistilBertModel"], "dim": c["hidden_size"],
                 "hidden_dim": c["intermediate_size"], "n_heads": c["num_attention_heads"], "n_layers": c["num_hidden_layers"],
                 "activation": c["hidden_act"], "vocab_size": c["vocab_size"], "sinusoidal_pos_embds": False,
                 "max_position_embeddings": c["max_position_embeddings"], "pad_token_id": 0}


def roberta(t, c):
    out = {k: v for k, v in t.items() if k != "embeddings.position_ids"}
    rows = positions(t)
    out["embeddings.position_embeddings.weight"] = np.concatenate([np.zeros_like(rows[:2]), rows])
    out["embeddings.token_type_embeddings.weight"] = np.zeros_like(rows[:1])
    return out, {**c, "model_type": "roberta", "architectures": ["RobertaModel"], "type_vocab_size": 1, "pad_token_id": 1,
                 "max_position_embeddings": c["max_position_embeddings"] + 2}


def disguise(minilm, make, folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(minilm, folder)
    tensors, config = make(load_file(minilm / "model.safetensors"), json.loads((minilm / "config.json").read_text()))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    from sentence_transformers import SentenceTransformer
    program, minilm, rows, out = sys.argv[1].split(), *map(pathlib.Path, sys.argv[2:5])
    texts = [json.loads(line)["text"] for line in open(rows, encoding="utf-8")]
    want = SentenceTransformer(str(minilm), device="cpu").encode(texts, batch_size=1)
    worst = 0.0
    folders = [minilm, disguise(minilm, distilbert, out / "distilbert"), disguise(minilm, roberta, out / "roberta")]
    for folder in folders:
        run = subprocess.run([*program, "embed", "--model", str(folder), *sys.argv[5:], str(rows)], check=True,
                             stdout=subprocess.PIPE, text=True)
        got = np.array([json.loads(line)["embedding"] for line in run.stdout.splitlines()])
        far = float(np.abs(got - want).max())
        worst = max(worst, far)
        print(f"{folder.name}: {len(texts)} embeddings, largest difference {far:.1e}")
    sys.exit(worst > 1e-5)


if __name__ == "__main__":
    main()
