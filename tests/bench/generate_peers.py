#!/usr/bin/env python3
"""Tokens a second of `chat` against transformers' generate() and llama.cpp: the same conversations, greedy, in turns.

usage: generate_peers.py PROGRAM MODEL ROWS.jsonl [--texts N ...] [--tokens N] [--threads N] [--rounds N] [--gguf TYPE=FILE ...]

MODEL is a decoder with a chat template, ROWS hold `messages`. transformers takes all texts as one batch, padded on
the left; llama.cpp takes one token of each a step, its files hold the same weights (`llama_model_quantize` of llama-cpp-python
makes them: float32, bfloat16, and q8_0 as int8). Loading is in nobody's time. Prints medians of the rounds, and ratios.
Needs torch and transformers; llama-cpp-python where --gguf is given.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

DTYPES = ("float32", "bfloat16", "int8")


def ours(a, rows, dtype, folder):
    source, out, summary = (folder / name for name in ("rows.jsonl", "out.jsonl", "summary.json"))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    subprocess.run([a.program, "chat", "-m", a.model, "-i", source, "-o", out, "--restart", "-q", "--return-tokens",
                    "--max-new-tokens", str(a.tokens), "--threads", str(a.threads), "--dtype", dtype,
                    "--summary-json", summary], check=True)
    tokens = sum(len(json.loads(line)["token_ids"]) for line in out.read_text(encoding="utf-8").splitlines())
    return tokens / json.loads(summary.read_text())["seconds"]["run"]


class Transformers:
    def __init__(self, a, dtype):
        import torch
        import transformers as tf
        tf.logging.set_verbosity_error()
        torch.set_num_threads(a.threads)
        self.tokens = a.tokens
        self.tok = tf.AutoTokenizer.from_pretrained(a.model, padding_side="left")
        self.tok.pad_token = self.tok.pad_token or self.tok.eos_token
        self.model = tf.AutoModelForCausalLM.from_pretrained(a.model, dtype=getattr(torch, dtype)).eval()

    def run(self, rows):
        enc = self.tok.apply_chat_template([row["messages"] for row in rows], add_generation_prompt=True, return_tensors="pt",
                                           return_dict=True, padding=True)
        begin = time.perf_counter()
        out = self.model.generate(**enc, do_sample=False, max_new_tokens=self.tokens)
        took = time.perf_counter() - begin
        return int((out[:, enc["input_ids"].shape[1]:] != self.tok.pad_token_id).sum()) / took


class LlamaCpp:
    """All prompts as one batch, then a token of each a step; a text that has ended leaves."""

    def __init__(self, a, path):
        import llama_cpp as lib
        import transformers as tf
        self.lib, self.tokens = lib, a.tokens
        self.silent = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self.silent, ctypes.c_void_p(0))
        lib.llama_backend_init()
        self.tok = tf.AutoTokenizer.from_pretrained(a.model)
        self.model = lib.llama_model_load_from_file(os.fsencode(path), lib.llama_model_default_params())
        self.vocabulary = lib.llama_model_get_vocab(self.model)
        how = lib.llama_context_default_params()
        how.n_ctx, how.n_batch, how.n_seq_max, how.kv_unified = 8192, 2048, max(a.texts), True
        how.n_threads = how.n_threads_batch = a.threads
        self.context = lib.llama_init_from_model(self.model, how)
        self.batch = lib.llama_batch_init(2048, 0, 1)

    def step(self, entries):
        """Of (token, place, text, whether a next one is wanted)."""
        b = self.batch
        b.n_tokens = len(entries)
        for i, (token, place, text, wanted) in enumerate(entries):
            b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = token, place, 1, text, wanted
        assert self.lib.llama_decode(self.context, b) == 0

    def run(self, rows):
        lib = self.lib
        prompts = [self.tok.apply_chat_template(row["messages"], add_generation_prompt=True, return_dict=False) for row in rows]
        lib.llama_memory_clear(lib.llama_get_memory(self.context), True)
        greedy = lib.llama_sampler_init_greedy()
        entries = [(t, i, s, i + 1 == len(p)) for s, p in enumerate(prompts) for i, t in enumerate(p)]
        said, places = 0, [len(p) for p in prompts]
        begin = time.perf_counter()
        for _ in range(self.tokens):
            self.step(entries)
            wanted = [(i, text) for i, (_, _, text, wanted) in enumerate(entries) if wanted]
            entries = []
            for i, text in wanted:
                token = lib.llama_sampler_sample(greedy, self.context, i)
                said += 1
                if not lib.llama_vocab_is_eog(self.vocabulary, token):
                    entries.append((token, places[text], text, True))
                    places[text] += 1
            if not entries:
                break
        took = time.perf_counter() - begin
        lib.llama_sampler_free(greedy)
        return said / took


def rivals_of(a, dtype):
    files = dict(part.split("=", 1) for part in a.gguf)
    found = {}
    if dtype != "int8":
        found["transformers"] = Transformers(a, dtype)
    if dtype in files:
        found["llama.cpp"] = LlamaCpp(a, files[dtype])
    return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("rows", type=pathlib.Path)
    p.add_argument("--texts", type=int, nargs="+", default=[16, 1])
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--gguf", nargs="*", default=[])
    a = p.parse_args()
    rows = [json.loads(line) for line in a.rows.read_text(encoding="utf-8").splitlines()]
    print("| texts | dtype | tfm-cluster | transformers | llama.cpp |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for dtype in DTYPES:
            rivals = rivals_of(a, dtype)
            for n in a.texts:
                rounds = [(ours(a, rows[:n], dtype, pathlib.Path(folder)), *(r.run(rows[:n]) for r in rivals.values()))
                          for _ in range(a.rounds)]
                own, *others = (statistics.median(column) for column in zip(*rounds))
                cells = {name: f"{other:.0f} ({own / other:.2f})" for name, other in zip(rivals, others)}
                print(f"| {n} | {dtype} | {own:.0f} | {cells.get('transformers', '-')} | {cells.get('llama.cpp', '-')} |", flush=True)


if __name__ == "__main__":
    main()
