#!/usr/bin/env python3
"""Answers of made-up logits, as transformers' question-answering pipeline reads them.

usage: make_question_goldens.py FIXTURES     reads text/bert.json and task/bytes.json, writes task/questions.jsonl
Each line: tokenizer, question, context, the options; of every window the start and end logits of its tokens in
ten-thousandths; the answers. Needs numpy, torch and transformers 4.57 (made with 4.57.6: version 5 has no such pipeline).
"""
import json
import pathlib
import random
import sys
import types

import torch
import transformers
from transformers.pipelines.question_answering import QuestionAnsweringPipeline

PAIRS = [("who", "fox"), ("the way", "the FOX and the fox, and the Fox"), ("is [CLS] he", "in the dogs' way of the foxes"),
         ("is she [CLS]", "no [CLS] unknowable Zürich and ΑΣ or ας 𝔘 x"), ("dog", " \t "), ("x", "it"), ("is <s> he", "no <s> in <s>the way"),
         ("fox dog", "it is the way of the world that the fox is not the dog, and so on and on, in 1999 she and he were there")]
LIMITS = [(64, 8), (14, 3), (11, 0)]


def answers(tok, question, context, o, rng):
    p = object.__new__(QuestionAnsweringPipeline)
    p.tokenizer, p.framework = tok, "pt"
    logits, outputs = [], []
    for window in p.preprocess({"question": question, "context": context}, max_seq_len=o["max_seq_len"], doc_stride=o["doc_stride"]):
        n = window["input_ids"].shape[1]
        values = [[rng.randint(-40000, 40000) for _ in range(2)] for _ in range(n)]
        logits.append(values)
        start, end = (torch.tensor([[v[k] for v in values]], dtype=torch.float32) / 10000 for k in (0, 1))
        outputs.append({"start": start, "end": end, **window})
    found = p.postprocess(outputs, top_k=o["top_k"], handle_impossible_answer=o["impossible"], max_answer_len=o["max_answer_len"],
                          align_to_words=o["align"])
    return logits, found if isinstance(found, list) else [found]


def distinct(found):
    """Whether the order of the answers is certain: none near another, but for those without a score."""
    return all(a["score"] - b["score"] > 1e-5 * a["score"] or a["score"] == b["score"] == 0 for a, b in zip(found, found[1:]))


def main():
    fixtures = pathlib.Path(sys.argv[1])
    rng = random.Random("questions")
    with open(fixtures / "task" / "questions.jsonl", "w", encoding="utf-8") as f:
        for name, cls in (("text/bert.json", "[CLS]"), ("task/bytes.json", "<s>")):
            tok = transformers.PreTrainedTokenizerFast(tokenizer_file=str(fixtures / name), cls_token=cls)
            for question, context in PAIRS:
                for top_k in (1, 2, 5):
                    for align in (True, False):
                        most, stride = rng.choice(LIMITS if len(context) > 40 and name == "text/bert.json" else LIMITS[:1])
                        o = {"top_k": top_k, "align": align, "impossible": rng.random() < 0.4, "max_answer_len": rng.choice((1, 3, 15)),
                             "max_seq_len": most, "doc_stride": stride}
                        logits, found = answers(tok, question, context, o, rng)
                        assert distinct(found), "another seed"
                        row = {"tokenizer": name, "question": question, "context": context, **o, "logits": logits, "answers": found}
                        f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
