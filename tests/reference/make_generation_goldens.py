#!/usr/bin/env python3
"""Makes tests/fixtures/generate: a tiny random Qwen2 with a window and a word-level tokenizer, and what the reference library goes on with.

usage: make_generation_goldens.py OUT
Needs torch, transformers and safetensors (made with transformers 5.23, torch 2.13). rows.jsonl has prompts of 1 to 30 words, expected.jsonl the
ids of greedy decoding with up to 40 new tokens, their log-probabilities and the text. beams.json has settings of beam search, and for each the ids and
scores of all beams of every row. Weights are an F16 file, computed with in float32.
"""
import json
import pathlib
import random
import sys

import torch
import transformers as tf

from make_family_goldens import randomize
from make_model_goldens import store

WORDS = 64


def tokenizer():
    vocab = {f"w{i}": i for i in range(WORDS)}
    end = {"id": 0, "content": "w0", "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w1"}}


BEAMS = [{"num_beams": 4, "num_return_sequences": 4}, {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 2.0, "early_stopping": True},
         {"num_beams": 4, "num_return_sequences": 2, "length_penalty": -0.5, "early_stopping": "never"},
         {"num_beams": 5, "num_return_sequences": 5, "length_penalty": 0.0, "no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "min_new_tokens": 4}]


def beams(model, prompts):
    """What each setting makes of the prompts; what stands behind the id that ends a text is padding."""
    for how in BEAMS:
        rows = []
        for ids in prompts:
            got = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=20,
                                 eos_token_id=[0, 5], pad_token_id=0, return_dict_in_generate=True, output_scores=True, **how)
            new = [s[len(ids):].tolist() for s in got.sequences]
            rows.append([{"token_ids": t[:next((i + 1 for i, x in enumerate(t) if x in (0, 5)), len(t))], "score": s} for t, s in zip(new, got.sequences_scores.tolist())])
        yield {"options": how, "rows": rows}


def main():
    out = pathlib.Path(sys.argv[1])
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    config = tf.Qwen2Config(vocab_size=WORDS, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=36,
                            max_position_embeddings=200, use_sliding_window=True, sliding_window=9, max_window_layers=1, eos_token_id=0, attn_implementation="eager")
    model = tf.Qwen2ForCausalLM(config).eval()
    randomize(model, generator)
    for p in model.parameters():
        p.data = p.data.half().float()
    said = json.loads(config.to_json_string(use_diff=False))
    keep = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "max_position_embeddings",
            "use_sliding_window", "sliding_window", "layer_types", "model_type", "rms_norm_eps", "hidden_act", "tie_word_embeddings", "rope_parameters")
    store(out, {**{k: said[k] for k in keep}, "architectures": ["Qwen2ForCausalLM"]}, {k: v.half() for k, v in model.state_dict().items()})
    (out / "tokenizer.json").write_text(json.dumps(tokenizer()) + "\n", encoding="utf-8")
    (out / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 5]}) + "\n", encoding="utf-8")
    rng = random.Random(3)
    prompts = []
    with open(out / "rows.jsonl", "w", encoding="utf-8") as rows, open(out / "expected.jsonl", "w", encoding="utf-8") as expected:
        for i in range(24):
            ids = [rng.randrange(2, WORDS) for _ in range(1 + i * 29 // 23)]
            prompts.append(ids)
            text = " ".join(f"w{t}" for t in ids)
            got = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=40,
                                 eos_token_id=[0, 5], pad_token_id=0, return_dict_in_generate=True, output_logits=True)
            new = got.sequences[0, len(ids):].tolist()
            probs = [torch.log_softmax(z[0], -1)[t].item() for z, t in zip(got.logits, new)]
            rows.write(json.dumps({"text": text}) + "\n")
            expected.write(json.dumps({"token_ids": new, "token_log_probs": probs, "generated_text": " ".join([text] + [f"w{t}" for t in new if t != 0])}) + "\n")
    (out / "beams.json").write_text(json.dumps(list(beams(model, prompts[::2]))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
