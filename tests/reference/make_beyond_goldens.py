#!/usr/bin/env python3
"""Makes tests/fixtures/generate/beyond.json: what the reference library makes of texts longer than max_position_embeddings.

usage: make_beyond_goldens.py tests/fixtures
Needs torch and transformers (made with transformers 5.23, torch 2.13). Of each model, a fixture with its config.json changed as said there: the ids of greedy
decoding from three prompts, one of which passes the model's positions while it grows, and the sum of the log-probabilities of the prompts' tokens. Each prompt
has a model of its own: rotary positions of the dynamic kind remember the last text. And of a T5 what it makes of a source of more than 2048 tokens.
"""
import json
import pathlib
import random
import shutil
import sys
import tempfile

import torch
import transformers as tf

NEW = 24
SCALED = {"linear": {"factor": 4.0}, "dynamic": {"factor": 2.0}, "yarn": {"factor": 4.0, "original_max_position_embeddings": 16},
          "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}
MODELS = [("llama-lm", {}), ("mistral-lm", {}), ("qwen2-lm", {}), ("qwen3-lm", {}), ("neox-lm", {}), ("gemma-lm", {}), ("gemma2-lm", {}),
          *(("llama-lm", {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}) for kind, more in SCALED.items())]


def answers(folder, changes, prompts):
    for ids in prompts:
        with tempfile.TemporaryDirectory() as made:
            shutil.copytree(folder, made, dirs_exist_ok=True)
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            (pathlib.Path(made) / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
            load = lambda: tf.AutoModelForCausalLM.from_pretrained(made, dtype=torch.float32, attn_implementation="eager").eval()
            model, scorer = load(), load()
        x = torch.tensor([ids])
        got = model.generate(input_ids=x, attention_mask=torch.ones_like(x), do_sample=False, max_new_tokens=NEW, eos_token_id=None, pad_token_id=0)
        probs = torch.log_softmax(scorer(x).logits[0, :-1].double(), -1).gather(1, x[0, 1:, None])
        yield {"ids": ids, "token_ids": got[0, len(ids):].tolist(), "log_prob": probs.sum().item()}


def translation(folder):
    """T5 has no positions, and 2048 tokens of a text only where nobody asks for more."""
    model = tf.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    row = json.loads((folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()[0])
    text = " ".join([row["text"]] * 300)
    x = tf.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    got = model.generate(input_ids=x, attention_mask=torch.ones_like(x), do_sample=False, max_new_tokens=NEW)
    return {"text": text, "tokens": x.shape[1], "token_ids": got[0, 1:].tolist()}


def main():
    fixtures = pathlib.Path(sys.argv[1])
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    told = []
    for name, changes in MODELS:
        folder = fixtures / "model" / "families" / name
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        places, words = config["max_position_embeddings"], config["vocab_size"]
        rng = random.Random(5)
        prompts = [[rng.randrange(2, words) for _ in range(n)] for n in (places - 7, places + 1, 3 * places + 5)]
        told.append({"model": name, "changes": changes, "rows": list(answers(folder, changes, prompts))})
    told = {"models": told, "t5": translation(fixtures / "translate" / "t5")}
    (fixtures / "generate" / "beyond.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
