#!/usr/bin/env python3
"""Models for run.py: all-MiniLM-L6-v2, and a BERT-base with random weights, in each engine's form.

usage: make.py --minilm DIR --vocab DIR --rows rows.jsonl OUT
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import nncf
import numpy as np
import openvino
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel

NAMES = ("input_ids", "attention_mask", "token_type_ids")
CALIBRATION_ROWS = 24


class Plain(torch.nn.Module):
    """What an engine is asked for: logits, or the last hidden states."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask,
                         token_type_ids=token_type_ids)
        return out.logits if hasattr(out, "logits") else out.last_hidden_state


def export(model, path):
    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {name: {0: "rows", 1: "tokens"} for name in NAMES} | {"out": {0: "rows"}}
    with torch.no_grad():
        torch.onnx.export(Plain(model).eval(), (ids, ids.clone(), torch.zeros_like(ids)), path,
                          input_names=list(NAMES), output_names=["out"], dynamic_axes=axes,
                          opset_version=17, dynamo=False)


def make_onnx(model, out):
    config = model.config
    export(model, str(out / "plain.onnx"))
    fused = optimizer.optimize_model(str(out / "plain.onnx"), model_type="bert", opt_level=1,
                                     num_heads=config.num_attention_heads,
                                     hidden_size=config.hidden_size)
    fused.save_model_to_file(str(out / "fused.onnx"))
    quantize_dynamic(str(out / "plain.onnx"), str(out / "int8.onnx"),
                     weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": 1})


def make_openvino(out, rows):
    def feed(ids):
        x = np.array([ids], np.int64)
        return dict(zip(NAMES, (x, np.ones_like(x), np.zeros_like(x))))

    plain = openvino.Core().read_model(str(out / "plain.onnx"))
    openvino.save_model(plain, str(out / "plain.xml"), compress_to_fp16=False)
    small = nncf.quantize(plain, nncf.Dataset(rows[:CALIBRATION_ROWS], feed),
                          model_type=nncf.ModelType.TRANSFORMER, subset_size=CALIBRATION_ROWS)
    openvino.save_model(small, str(out / "int8.xml"), compress_to_fp16=False)


def make_ctranslate2(source, out):
    """The converter wants a field that new configurations leave out."""
    folder = out / "for-ctranslate2"
    folder.mkdir(exist_ok=True)
    for f in source.iterdir():
        if f.is_file() and not (folder / f.name).exists():
            (folder / f.name).symlink_to(f.resolve())
    config = json.loads((source / "config.json").read_text()) | {
        "position_embedding_type": "absolute"}
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    converter = pathlib.Path(sys.executable).parent / "ct2-transformers-converter"
    subprocess.run([converter, "--model", folder, "--output_dir", out / "ctranslate2", "--force"],
                   check=True)


def make(model, source, out, texts):
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(source)
    rows = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
    make_onnx(model, out)
    make_openvino(out, rows)
    make_ctranslate2(source, out)
    (out / "source.txt").write_text(f"{source.resolve()}\n")


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--minilm", type=pathlib.Path, required=True)
    p.add_argument("--vocab", type=pathlib.Path, required=True)
    p.add_argument("--rows", required=True)
    p.add_argument("out", type=pathlib.Path)
    a = p.parse_args()
    with open(a.rows, encoding="utf-8") as f:
        texts = [json.loads(line)["text"] for line, _ in zip(f, range(4 * CALIBRATION_ROWS))]
    bert = a.out / "bert-base" / "source"
    torch.manual_seed(1)
    BertForSequenceClassification(BertConfig()).save_pretrained(bert)
    AutoTokenizer.from_pretrained(a.vocab).save_pretrained(bert)
    eager = {"attn_implementation": "eager"}
    make(BertForSequenceClassification.from_pretrained(bert, **eager), bert, a.out / "bert-base",
         texts)
    make(BertModel.from_pretrained(a.minilm, **eager), a.minilm, a.out / "MiniLM-L6", texts)


if __name__ == "__main__":
    main()
