#!/usr/bin/env python3
"""Fillings of made-up logits, as transformers' fill-mask pipeline reads them.

usage: make_mask_goldens.py FIXTURES     reads text/bert.json and task/bytes.json, writes task/masked.json (the latter with a mask that takes
                                         in blanks, and a pad token) and task/masks.jsonl
Each line: tokenizer, text, top_k, targets; what a head gives for each mask, which is probabilities and ids of the best, or the
probability of each target's id; the predictions. Needs torch and transformers (made with transformers 5.23).
"""
import json
import pathlib
import random
import sys
import types

import tokenizers
import torch
import transformers
from transformers.pipelines.fill_mask import FillMaskPipeline

TEXTS = ["the [MASK] is lazy", "[MASK]", "the fox , [MASK] dog and the [MASK] !", "Zürich [PAD] is not [MASK] of [SEP] the world [MASK][MASK].",
         "it's the dogs' [PAD] way [MASK]"]
TARGETS = [[], [], ["fox", "dog", "the"], ["fox", "foxes", "unknowable things", "fox"]]


def masked(fixtures):
    t = tokenizers.Tokenizer.from_file(str(fixtures / "task" / "bytes.json"))
    t.add_special_tokens(["<pad>", tokenizers.AddedToken("<mask>", lstrip=True, special=True)])
    t.save(str(fixtures / "task" / "masked.json"), pretty=False)


def row_of(tok, text, top_k, targets, rng):
    p = object.__new__(FillMaskPipeline)
    p.tokenizer = tok
    p.model = types.SimpleNamespace(base_model_prefix="bert")
    inputs = p.preprocess(text)
    n, marks = inputs["input_ids"].shape[1], (inputs["input_ids"][0] == tok.mask_token_id).nonzero()[:, 0].tolist()
    generator = torch.Generator().manual_seed(rng.randrange(1 << 30))
    logits = torch.randn(1, n, len(tok), generator=generator) * 4
    ids = p.get_target_ids(targets) if targets else None
    found = p.postprocess({"input_ids": inputs["input_ids"], "logits": logits}, top_k=top_k, target_ids=ids)
    probs = logits[0, marks].softmax(-1)
    if targets:
        results = [{str(i): float(q[i]) for i in ids.tolist()} for q in probs]
    else:
        results = [[[float(v), int(i)] for v, i in zip(*q.topk(top_k))] for q in probs]
    return {"text": text, "top_k": top_k, "targets": targets, "results": results, "predictions": found}


def main():
    fixtures = pathlib.Path(sys.argv[1])
    masked(fixtures)
    transformers.logging.set_verbosity_error()
    rng = random.Random("masks")
    with open(fixtures / "task" / "masks.jsonl", "w", encoding="utf-8") as f:
        for name, roles in (("text/bert.json", ("[CLS]", "[SEP]", "[PAD]", "[MASK]")), ("task/masked.json", ("<s>", "</s>", "<pad>", "<mask>"))):
            tok = transformers.PreTrainedTokenizerFast(tokenizer_file=str(fixtures / name),
                                                       **dict(zip(("cls_token", "sep_token", "pad_token", "mask_token"), roles)))
            for text in TEXTS:
                for old, new in zip(("[CLS]", "[SEP]", "[PAD]", "[MASK]"), roles):
                    text = text.replace(old, new)
                for targets in TARGETS:
                    row = row_of(tok, text, rng.choice((1, 3, 5)), targets, rng)
                    f.write(json.dumps({"tokenizer": name, **row}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
