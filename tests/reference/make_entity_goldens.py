#!/usr/bin/env python3
"""Entities of made-up logits, as transformers' token-classification pipeline reads them.

usage: make_entity_goldens.py FIXTURES     reads text/bert.json, writes task/bytes.json (a small byte-level BPE tokenizer, trained here) and
                                           task/entities.jsonl
Each line: tokenizer, text, strategy, ignored labels, and either no stride or max_length and stride; of every window the logits in
hundredths; the entities. Needs numpy, torch, transformers (made with transformers 5.23).
"""
import json
import pathlib
import random
import sys
import types

import numpy
import tokenizers
import torch
import transformers
from transformers.pipelines.token_classification import AggregationStrategy, TokenClassificationPipeline

LABELS = ["O", "B-PER", "I-PER", "I-LOC", "B-LOC", "MISC-A"]
TEXTS = ["the fox", "the lazy dog, and the FOX!", "the dogs' way of the foxes: unknowable Zürich 𝔘 x", "", "in 1999 she and he  were there",
         "it is the way of the world that the fox is not the dog, and so on and on"]


def small_bpe(path):
    t = tokenizers.Tokenizer(tokenizers.models.BPE())
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>", "</s>", "<unk>"], show_progress=False,
                                             initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(TEXTS * 3, trainer)
    t.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    t.save(str(path), pretty=False)


def entities(tok, text, strategy, ignored, most, stride, rng):
    p = object.__new__(TokenClassificationPipeline)
    p.tokenizer = tok
    p.model = types.SimpleNamespace(config=types.SimpleNamespace(id2label=dict(enumerate(LABELS))))
    tok.model_max_length = most or 512
    params = {} if stride is None else {"padding": True, "return_overflowing_tokens": True, "stride": stride}
    logits, outputs = [], []
    for window in p.preprocess(text, is_split_into_words=False, tokenizer_params=params):
        real = int(window["attention_mask"].sum())
        values = [[rng.randint(-300, 300) for _ in LABELS] for _ in range(real)]
        logits.append(values)
        outputs.append({"logits": torch.tensor([values], dtype=torch.float32) / 100,
                        **{k: v[:, :real] if isinstance(v, torch.Tensor) else v for k, v in window.items()}})
    found = p.postprocess(outputs, AggregationStrategy(strategy), ignored)
    return logits, [{k: float(v) if isinstance(v, numpy.floating) else v for k, v in e.items()} for e in found]


def main():
    fixtures = pathlib.Path(sys.argv[1])
    small_bpe(fixtures / "task" / "bytes.json")
    rng = random.Random("entities")
    with open(fixtures / "task" / "entities.jsonl", "w", encoding="utf-8") as f:
        for name in ("text/bert.json", "task/bytes.json"):
            special = {"pad_token": "[SEP]", "unk_token": "[UNK]"} if "bert" in name else {"pad_token": "</s>"}
            tok = transformers.PreTrainedTokenizerFast(tokenizer_file=str(fixtures / name), **special)
            for text in TEXTS:
                for strategy in ("none", "simple", "first", "average", "max"):
                    for most, stride in ((0, None), (0, None), (9, 0), (9, 3)):
                        if stride is not None and (strategy == "none" or len(text) < 40):
                            continue
                        ignored = rng.choice((["O"], ["O"], ["LOC", "I-LOC"], []))
                        logits, found = entities(tok, text, strategy, ignored, most, stride, rng)
                        row = {"tokenizer": name, "text": text, "strategy": strategy, "ignored": ignored, "max_length": most,
                               "stride": -1 if stride is None else stride, "logits": logits, "entities": found}
                        f.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
