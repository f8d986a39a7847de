#!/usr/bin/env python3
"""One engine with one model, waiting for passes: run.py's other end.

usage: engine.py ENGINE DTYPE FOLDER THREADS
Standard input: a line of JSON, {"load": [[ids, ...], ...]} first (batches of rows), then {"pass": 1}
as often as wanted. Standard output: a line of JSON for each: {} when ready, {"cpu_s", "wall_s"} for
a pass, {"error"} when this engine cannot do it.
"""
import json
import os
import pathlib
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
ENGINE, DTYPE, FOLDER, THREADS = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4])
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import numpy as np

NAMES = ("input_ids", "attention_mask", "token_type_ids")


def padded(rows):
    """Ids, mask and types as rectangles."""
    width = max(map(len, rows))
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = row
        mask[i, :len(row)] = 1
    return ids, mask, np.zeros_like(ids)


def open_transformers():
    import torch
    from transformers import AutoConfig, BertForSequenceClassification, BertModel
    torch.set_num_threads(THREADS)
    source = (FOLDER / "source.txt").read_text().strip()
    named = AutoConfig.from_pretrained(source).architectures[0]
    kind = BertForSequenceClassification if "Classification" in named else BertModel
    model = kind.from_pretrained(source, attn_implementation="sdpa",
                                 dtype=getattr(torch, DTYPE)).eval()

    def run(rows):
        tensors = [torch.from_numpy(x) for x in padded(rows)]
        with torch.inference_mode():
            model(**dict(zip(NAMES, tensors)))

    return run


def open_onnxruntime():
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    path = FOLDER / {"float32": "fused.onnx", "int8": "int8.onnx"}[DTYPE]
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    types = {i.name: np.int32 if "int32" in i.type else np.int64 for i in session.get_inputs()}

    def run(rows):
        feed = dict(zip(NAMES, padded(rows)))
        session.run(None, {name: feed[name].astype(kind) for name, kind in types.items()})

    return run


def open_openvino():
    import openvino
    path = FOLDER / ("int8.xml" if DTYPE == "int8" else "plain.xml")
    precision = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}[DTYPE]
    model = openvino.Core().compile_model(str(path), "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS,
        "INFERENCE_PRECISION_HINT": precision})
    request = model.create_infer_request()

    def run(rows):
        request.infer(dict(zip(NAMES, padded(rows))), share_inputs=True)

    return run


def open_ctranslate2():
    import ctranslate2
    encoder = ctranslate2.Encoder(str(FOLDER / "ctranslate2"), device="cpu", compute_type=DTYPE,
                                  inter_threads=1, intra_threads=THREADS)
    if not encoder.compute_type.startswith(DTYPE):  # int8 is int8_float32 by its full name
        raise ValueError(f"{DTYPE} becomes {encoder.compute_type} here")

    def run(rows):
        np.asarray(encoder.forward_batch(rows).last_hidden_state)

    return run


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    try:
        run = globals()[f"open_{ENGINE}"]()
        batches = json.loads(sys.stdin.readline())["load"]
        for rows in batches[-1:]:
            run(rows)
    except Exception as why:  # an engine may refuse in any way
        say(error=str(why).split("\n")[0][:200])
        return
    say()
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        for rows in batches:
            run(rows)
        say(cpu_s=time.process_time() - cpu, wall_s=time.perf_counter() - wall)


if __name__ == "__main__":
    main()
