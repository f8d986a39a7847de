#!/usr/bin/env python3
"""Compare the speed of the text room with the libraries that people use: MB/s on one core.

usage: text_peers.py DRIVE --vocab DIR --en FILE --mixed FILE [--mb 5] [--rounds 5]

DRIVE is build/release/tests/core/text/text_drive. DIR holds bert-base-uncased, gpt2 (vocab.json, merges.txt),
t5-small (tokenizer.json) and t5-base (spiece.model). A text is a line; "<unk>" in it is spelled
unknown, because only some take it for a token. Peers of a group must give as many tokens. Everything is in this one
process and its child, interleaved: each round runs each peer once on each text; the best round
counts, in CPU seconds of the process that works, so that a busy machine changes little. `cold`:
our memory of words is empty at the start of each round, else it is that of the round before.
Libraries give ids; ours and `tokenizers` (encode_batch) give offsets as well.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")

import sentencepiece
import tiktoken
import tokenizers
from tokenizers.implementations import ByteLevelBPETokenizer

GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


class Ours:
    """One tokenizer in a process of its own."""

    def __init__(self, drive, tokenizer):
        self.p = subprocess.Popen([drive], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.open_s = self.ask(open=str(tokenizer))["seconds"]

    def ask(self, **kw):
        self.p.stdin.write(json.dumps(kw).encode() + b"\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def run(self, text, cold):
        got = self.ask(bench=text.path, rounds=1, cold=cold)
        return got["seconds"], got["tokens"]


def library(encode):
    """A peer in this process: encode(lines) gives the number of tokens."""
    def run(text):
        start = time.process_time()
        n = encode(text.lines)
        return time.process_time() - start, n
    return run


class Text:
    def __init__(self, name, path, mb, folder):
        self.name, self.lines, size = name, [], 0
        for line in pathlib.Path(path).read_text(encoding="utf-8").replace("<unk>", "unknown").split("\n"):
            if line.strip() and size < mb * 1e6:
                self.lines.append(line)
                size += len(line.encode())
        self.mb = size / 1e6
        self.path = str(folder / (name + ".txt"))
        pathlib.Path(self.path).write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")


def open_library(path):
    t = tokenizers.Tokenizer.from_file(str(path))
    t.no_padding()
    t.no_truncation()
    return t


def hf(tokenizer, fast=False):
    encode = tokenizer.encode_batch_fast if fast else tokenizer.encode_batch
    return library(lambda lines: sum(len(x) for x in encode(lines, add_special_tokens=False)))


def ranks_of(vocab):
    """tiktoken's table out of GPT-2's vocab.json: bytes for letters."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte = {chr(b): b for b in plain}
    byte.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)})
    return {bytes(byte[c] for c in token): i for token, i in vocab.items() if token != "<|endoftext|>"}


def peers_of(drive, vocab, folder):
    """(group, name, run(text)); the first of a group is what goals are measured against."""
    bert = open_library(vocab / "bert-base-uncased/tokenizer.json")
    gpt2 = ByteLevelBPETokenizer(str(vocab / "gpt2/vocab.json"), str(vocab / "gpt2/merges.txt"))
    gpt2.save(str(folder / "gpt2.json"))
    t5 = open_library(vocab / "t5-small/tokenizer.json")
    ranks = ranks_of(json.loads((vocab / "gpt2/vocab.json").read_text(encoding="utf-8")))
    tik = tiktoken.Encoding("gpt2", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})
    spm = sentencepiece.SentencePieceProcessor(model_file=str(vocab / "t5-base/spiece.model"))
    yield "WordPiece", "tokenizers", hf(bert)
    yield "WordPiece", "tokenizers fast (no offsets)", hf(bert, fast=True)
    yield from ours("WordPiece", drive, vocab / "bert-base-uncased/tokenizer.json")
    yield "byte-level BPE", "tiktoken (no offsets)", library(lambda lines: sum(len(tik.encode_ordinary(x)) for x in lines))
    yield "byte-level BPE", "tokenizers", hf(open_library(folder / "gpt2.json"))
    yield from ours("byte-level BPE", drive, folder / "gpt2.json")
    yield "Unigram", "sentencepiece (no offsets)", library(lambda lines: sum(map(len, spm.encode(lines, num_threads=1))))
    yield "Unigram", "tokenizers", hf(t5)
    yield from ours("Unigram", drive, vocab / "t5-small/tokenizer.json")


def ours(group, drive, tokenizer):
    peer = Ours(drive, tokenizer)
    print("# %s opened in %.1f ms" % ("/".join(pathlib.Path(tokenizer).parts[-2:]), 1e3 * peer.open_s), flush=True)
    for cold in (True, False):
        yield group, "ours, %s" % ("cold" if cold else "warm"), lambda text, cold=cold: peer.run(text, cold)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("drive")
    for name in ("vocab", "en", "mixed"):
        p.add_argument("--" + name, type=pathlib.Path, required=True)
    p.add_argument("--mb", type=float, default=5)
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        texts = [Text(n, getattr(a, n), a.mb, pathlib.Path(tmp)) for n in ("en", "mixed")]
        peers = list(peers_of(a.drive, a.vocab, pathlib.Path(tmp)))
        best, counts = {}, {}
        for _ in range(a.rounds):
            for group, name, run in peers:
                for text in texts:
                    seconds, n = run(text)
                    key = group, name, text.name
                    best[key] = min(best.get(key, seconds), seconds)
                    counts[key] = n
        report(peers, texts, best, counts)


def report(peers, texts, best, counts):
    print("| | |" + "".join(" %s MB/s | tokens | times |" % t.name for t in texts))
    print("|---|---|" + "---:|---:|---:|" * len(texts))
    first = {}
    for group, name, _ in peers:
        first.setdefault(group, name)
        for t in texts:
            if counts[group, name, t.name] != counts[group, first[group], t.name]:
                print("# %s: another number of tokens on %s" % (name, t.name))
        cells = []
        for t in texts:
            speed = t.mb / best[group, name, t.name]
            base = t.mb / best[group, first[group], t.name]
            cells.append(" %.1f | %d | %.1f |" % (speed, counts[group, name, t.name], speed / base))
        print("| %s | %s |%s" % (group, name, "".join(cells)))
    print("texts: " + ", ".join("%s %.2f MB in %d lines" % (t.name, t.mb, len(t.lines)) for t in texts))


if __name__ == "__main__":
    main()
