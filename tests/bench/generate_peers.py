#!/usr/bin/env python3
"""Tokens a second of `chat` against transformers' generate(): the same conversations, greedy, in turns.

usage: generate_peers.py PROGRAM MODEL ROWS.jsonl [--texts N ...] [--tokens N] [--threads N] [--rounds N]

MODEL is a decoder with a chat template, ROWS hold `messages`. transformers takes all texts as one batch, padded on
the left; loading is in neither's time. Prints the median of the rounds, and its ratio. Needs torch and transformers.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time


def ours(a, rows, dtype, folder):
    source, out, summary = (folder / name for name in ("rows.jsonl", "out.jsonl", "summary.json"))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    subprocess.run([a.program, "chat", "-m", a.model, "-i", source, "-o", out, "--restart", "-q", "--return-tokens",
                    "--max-new-tokens", str(a.tokens), "--threads", str(a.threads), "--dtype", dtype,
                    "--summary-json", summary], check=True)
    tokens = sum(len(json.loads(line)["token_ids"]) for line in out.read_text(encoding="utf-8").splitlines())
    return tokens / json.loads(summary.read_text())["seconds"]["run"]


def theirs(a, rows, model, tok):
    enc = tok.apply_chat_template([row["messages"] for row in rows], add_generation_prompt=True, return_tensors="pt",
                                  return_dict=True, padding=True)
    begin = time.perf_counter()
    out = model.generate(**enc, do_sample=False, max_new_tokens=a.tokens)
    took = time.perf_counter() - begin
    return int((out[:, enc["input_ids"].shape[1]:] != tok.pad_token_id).sum()) / took


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("rows", type=pathlib.Path)
    p.add_argument("--texts", type=int, nargs="+", default=[16, 1])
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    import torch
    import transformers as tf
    tf.logging.set_verbosity_error()
    torch.set_num_threads(a.threads)
    tok = tf.AutoTokenizer.from_pretrained(a.model, padding_side="left")
    tok.pad_token = tok.pad_token or tok.eos_token
    models = {d: tf.AutoModelForCausalLM.from_pretrained(a.model, dtype=getattr(torch, d)).eval()
              for d in ("float32", "bfloat16")}
    rows = [json.loads(line) for line in a.rows.read_text(encoding="utf-8").splitlines()]
    print("| texts | dtype | tfm-cluster | transformers | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in a.texts:
            for dtype in ("float32", "bfloat16", "int8"):
                pairs = [(ours(a, rows[:n], dtype, pathlib.Path(folder)),
                          theirs(a, rows[:n], models[dtype], tok) if dtype in models else 0) for _ in range(a.rounds)]
                own, other = (statistics.median(column) for column in zip(*pairs))
                tail = f"{other:.0f} | {own / other:.2f}" if other else "- | -"
                print(f"| {n} | {dtype} | {own:.0f} | {tail} |", flush=True)


if __name__ == "__main__":
    main()
