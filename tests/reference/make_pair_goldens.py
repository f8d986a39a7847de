#!/usr/bin/env python3
"""Labels and texts ranked by made-up logits, as the libraries rank them.

usage: make_pair_goldens.py FIXTURES     writes task/zero_shot.jsonl and task/rerank.jsonl, and below task/nli and task/rerank the
                                         configuration files that a line names by their folder
zero_shot.jsonl: folder, multi_label, candidate labels, of each label's sequence the logits in hundredths; labels and scores.
rerank.jsonl: folder, the logit of each text; results. Needs numpy, torch, transformers and sentence-transformers (made with
transformers 5.23, sentence-transformers 6.2).
"""
import json
import pathlib
import random
import sys
import tempfile
import types

import torch
import transformers
from sentence_transformers import CrossEncoder
from transformers.pipelines.zero_shot_classification import ZeroShotClassificationPipeline

NLI = {"usual": {"contradiction": 0, "neutral": 1, "entailment": 2}, "first": {"ENTAILMENT": 0, "neutral": 1, "contradiction": 2},
       "two": {"not_entailment": 1, "Entail": 0}, "several": {"no": 0, "entails_much": 2, "entailment": 1}, "none": {"a": 0, "b": 1, "c": 2}}
LABELS = ["politics", "sport", "science and nature", "Ünïcode", "a, b"]
SIGMOID, IDENTITY, TANH = ("torch.nn.modules." + name for name in ("activation.Sigmoid", "linear.Identity", "activation.Tanh"))
RERANK = {"plain": ({}, None), "old": ({"sbert_ce_default_activation_function": IDENTITY}, None),
          "middle": ({"sentence_transformers": {"activation_fn": TANH}, "sbert_ce_default_activation_function": SIGMOID}, None),
          "new": ({"sentence_transformers": {"activation_fn": SIGMOID}}, {"model_type": "CrossEncoder", "activation_fn": IDENTITY}),
          "strange": ({"sentence_transformers": {"activation_fn": "mine.Square"}}, None)}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def zero_shot(fixtures, f, rng):
    for name, label2id in NLI.items():
        write(fixtures / "task" / "nli" / name / "config.json", {"label2id": label2id})
        p = object.__new__(ZeroShotClassificationPipeline)
        p.model = types.SimpleNamespace(config=types.SimpleNamespace(label2id=label2id))
        for n in (1, 2, 5):
            for multi in (False, True):
                logits = [[rng.randint(-400, 400) for _ in label2id] for _ in range(n)]
                outputs = [{"candidate_label": label, "sequence": "x", "logits": torch.tensor([x], dtype=torch.float32) / 100}
                           for label, x in zip(LABELS, logits)]
                got = p.postprocess(outputs, multi_label=multi)
                row = {"folder": name, "multi_label": multi, "candidates": LABELS[:n], "logits": [[x] for x in logits],
                       "labels": got["labels"], "scores": got["scores"]}
                f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def tiny_model(folder):
    transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=1,
        max_position_embeddings=32, initializer_range=0.7)).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "dog", "is", "lazy"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    transformers.BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)


def rerank(fixtures, f):
    texts = ["the fox", "the lazy dog", "fox fox", "", "is", "dog the"]
    for name, (config, sentence) in RERANK.items():
        files = {"config.json": config, **({"config_sentence_transformers.json": sentence} if sentence else {})}
        for file, value in files.items():
            write(fixtures / "task" / "rerank" / name / file, value)
        with tempfile.TemporaryDirectory() as tmp:
            folder = pathlib.Path(tmp)
            torch.manual_seed(len(name))
            tiny_model(folder)
            if sentence:
                CrossEncoder(str(folder), device="cpu").save_pretrained(str(folder))
            for file, value in files.items():
                old = json.loads((folder / file).read_text())
                write(folder / file, {**old, **value})
            m = CrossEncoder(str(folder), device="cpu", trust_remote_code=False)
            logits = [float(x) for x in m.predict([("the dog", t) for t in texts], activation_fn=torch.nn.Identity(), batch_size=1)]
            got = [{"index": int(x["corpus_id"]), "score": float(x["score"])} for x in m.rank("the dog", texts, batch_size=1)]
        f.write(json.dumps({"folder": name, "logits": logits, "results": got}, separators=(",", ":")) + "\n")


def main():
    fixtures = pathlib.Path(sys.argv[1])
    transformers.logging.set_verbosity_error()
    with open(fixtures / "task" / "zero_shot.jsonl", "w", encoding="utf-8") as f:
        zero_shot(fixtures, f, random.Random("zero-shot"))
    with open(fixtures / "task" / "rerank.jsonl", "w", encoding="utf-8") as f:
        rerank(fixtures, f)


if __name__ == "__main__":
    main()
