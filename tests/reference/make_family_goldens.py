#!/usr/bin/env python3
"""Makes tests/fixtures/model/families: tiny random models of every family and what the reference library computes with them.

usage: make_family_goldens.py OUT [NAME ...]
Needs torch, transformers and safetensors (made with transformers 5.23, torch 2.13). Folders and golden.bin as of make_model_goldens.py:
each family has a classifier with every hidden state (decoders have no more than that) (ids hold the pad token too: some families give it no position), a
masked-language model, NAME-mask, with the logits of every token, and those of SPANS also start and end logits, NAME-span. Weights are F16 files, computed with in float32.
"""
import argparse
import inspect
import json
import pathlib

import torch
import transformers as tf

from make_model_goldens import golden, labels, sequences, store

SHAPE = dict(vocab_size=57, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36, max_position_embeddings=50)
MODERN = {**SHAPE, "pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
LENGTHS = [5, 1, 17, 47, 2]
NORMS = (torch.nn.LayerNorm,)

# name -> (class prefix, config, kinds: heads to make with their golden logits, options)
FAMILIES = {
    "roberta": ("Roberta", {**SHAPE, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}, {}),
    "distilbert": ("DistilBert", {"vocab_size": 57, "dim": 24, "n_layers": 2, "n_heads": 2, "hidden_dim": 36, "max_position_embeddings": 50}, {}),
    "electra": ("Electra", {**SHAPE, "type_vocab_size": 2, "embedding_size": 12}, {}),
    "albert": ("Albert", {**SHAPE, "type_vocab_size": 2, "embedding_size": 12, "num_hidden_layers": 3}, {}),
    "albert-groups": ("Albert", {**SHAPE, "type_vocab_size": 2, "embedding_size": 30, "num_hidden_layers": 3, "num_hidden_groups": 2, "hidden_act": "gelu"}, {}),
    "mpnet": ("MPNet", {**SHAPE, "layer_norm_eps": 1e-5}, {}),
    "nomic": ("NomicBert", {**SHAPE, "type_vocab_size": 2}, {}),
    "modernbert": ("ModernBert", {**MODERN, "num_hidden_layers": 4, "local_attention": 10}, {}),
    "modernbert-biased": ("ModernBert", {**MODERN, "norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True, "decoder_bias": False,
                                         "hidden_activation": "silu", "classifier_activation": "relu", "classifier_pooling": "mean", "local_attention": 33,
                                         "layer_types": ["sliding_attention", "full_attention"]}, {}),
    "deberta": ("DebertaV2", {**SHAPE, "relative_attention": True, "position_buckets": 8, "max_relative_positions": -1, "norm_rel_ebd": "layer_norm",
                              "share_att_key": True, "pos_att_type": "p2c|c2p", "position_biased_input": False, "type_vocab_size": 0}, {}),
    "deberta-conv": ("DebertaV2", {**SHAPE, "embedding_size": 12, "relative_attention": True, "position_buckets": 7, "norm_rel_ebd": "layer_norm",
                                   "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0,
                                   "conv_kernel_size": 3, "conv_act": "gelu"}, {}),
    "deberta-unshared": ("DebertaV2", {**SHAPE, "relative_attention": True, "max_relative_positions": 20, "pos_att_type": ["p2c", "c2p"],
                                       "share_att_key": False, "type_vocab_size": 2, "hidden_act": "gelu_new", "pooler_hidden_act": "tanh"}, {}),
    "deberta-p2c": ("DebertaV2", {**SHAPE, "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c"], "type_vocab_size": 0,
                                  "legacy": False, "conv_kernel_size": 5}, {}),
}

SPANS = ["mpnet", "modernbert", "deberta"]

# Decoders: classifiers by the last token.
TINY = dict(vocab_size=57, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=36, max_position_embeddings=50)
NEOX = dict(vocab_size=57, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36, max_position_embeddings=50, rotary_pct=0.5)
DECODERS = {
    "gpt2": ("GPT2", {"vocab_size": 57, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 50}),
    "gpt2-by-layer": ("GPT2", {"vocab_size": 57, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 50, "n_inner": 40, "activation_function": "relu",
                               "scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True}),
    "llama": ("Llama", {**TINY}),
    "llama-biases": ("Llama", {**TINY, "head_dim": 10, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 4,
                               "rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5}}),
    "llama3": ("Llama", {**TINY, "num_key_value_heads": 1, "rope_parameters": {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
                                                                                "high_freq_factor": 4.0, "original_max_position_embeddings": 24}}),
    "llama-yarn": ("Llama", {**TINY, "head_dim": 16, "rope_parameters": {"rope_type": "yarn", "rope_theta": 5000.0, "factor": 3.0, "original_max_position_embeddings": 16}}),
    "mistral": ("Mistral", {**TINY, "sliding_window": 7}),
    "qwen2": ("Qwen2", {**TINY, "num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {**TINY, "head_dim": 8}),
    "gpt2-upcast": ("GPT2", {"vocab_size": 57, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 50, "reorder_and_upcast_attn": True,
                             "scale_attn_by_inverse_layer_idx": True}),
    "llama-dynamic": ("Llama", {**TINY, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 4.0}}),
    "neox": ("GPTNeoX", {**NEOX}),
    "neox-serial": ("GPTNeoX", {**NEOX, "use_parallel_residual": False, "attention_bias": False, "tie_word_embeddings": True, "hidden_act": "gelu_new",
                                "rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5, "partial_rotary_factor": 1.0}}),
    "gemma": ("Gemma", {**TINY, "num_key_value_heads": 1, "head_dim": 10}),
    "gemma2": ("Gemma2", {**TINY, "num_hidden_layers": 3, "head_dim": 10, "sliding_window": 5, "query_pre_attn_scalar": 7, "attn_logit_softcapping": 2.0,
                          "final_logit_softcapping": 3.0}),
    "gemma2-uncapped": ("Gemma2", {**TINY, "head_dim": 8, "attention_bias": True, "attn_logit_softcapping": None, "final_logit_softcapping": None,
                                   "layer_types": ["full_attention", "sliding_attention"], "sliding_window": 9}),
}
LANGUAGE = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "neox", "neox-serial", "gemma", "gemma2"]  # also NAME-lm, with the logits of every token


def randomize(model, generator):
    """Wide weights, so that every layer changes every state by far more than the tolerance."""
    norms = {id(p) for m in model.modules() if isinstance(m, NORMS) or "Norm" in type(m).__name__ for n, p in m.named_parameters() if n == "weight"}
    tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if id(p) in norms:
            p.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            p.data = 0.2 * noise
        else:
            p.data = noise * (1.0 if id(p) in tables else 1.6 / p[0].numel() ** 0.5)


class Untyped:
    """A model that may know no token types, seen as one that does."""

    def __init__(self, model):
        self.model = model
        self.config = model.config
        self.typed = "token_type_ids" in inspect.signature(model.forward).parameters and getattr(model.config, "type_vocab_size", 0) > 0

    def __call__(self, input_ids, token_type_ids, **more):
        return self.model(input_ids=input_ids, **({"token_type_ids": token_type_ids} if self.typed else {}), **more)


def make(out, name, kind, config, options, states, seed):
    generator = torch.Generator().manual_seed(seed)
    model_class = getattr(tf, kind)
    model = model_class(model_class.config_class(**config, attn_implementation="eager")).eval()
    randomize(model, generator)
    for p in model.parameters():  # what the file will hold, computed with in float32
        p.data = p.data.half().float()
    seen = Untyped(model)
    rows = sequences(57, getattr(model.config, "type_vocab_size", 1) or 1, generator, LENGTHS)
    model.save_pretrained(out / name)  # the names files have, tied weights once
    from safetensors.torch import load_file
    tensors = {k: v.half() for k, v in load_file(out / name / "model.safetensors").items()}
    said = json.loads((out / name / "config.json").read_text(encoding="utf-8"))
    dull = ("dropout", "initializer", "transformers_version", "_token_id", "use_cache", "label2id", "dtype")
    said = {k: v for k, v in said.items() if k == "pad_token_id" or not any(d in k for d in dull)}
    for path in (out / name).iterdir():
        path.unlink()
    store(out / name, {**said, **options}, tensors)
    (out / name / "golden.bin").write_bytes(golden(seen, rows, states, 1))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("names", nargs="*", help="only these")
    a = p.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for i, (name, (prefix, config, options)) in enumerate(FAMILIES.items()):
        if a.names and name not in a.names:
            continue
        make(a.out, name, prefix + "ForSequenceClassification", {**config, **labels(["no", "yes", "maybe"])}, options, True, 100 + i)
        make(a.out, f"{name}-mask", prefix + "ForMaskedLM", config, options, False, 200 + i)
        if name in SPANS:
            make(a.out, f"{name}-span", prefix + "ForQuestionAnswering", {**config, "num_hidden_layers": 1}, options, False, 300 + i)
    for i, (name, (prefix, config)) in enumerate(DECODERS.items()):
        if not a.names or name in a.names:
            make(a.out, name, prefix + "ForSequenceClassification", {**config, **labels(["no", "yes", "maybe"]), "pad_token_id": None}, {}, True, 400 + i)
        if name in LANGUAGE and (not a.names or name in a.names):
            make(a.out, f"{name}-lm", prefix + ("LMHeadModel" if prefix == "GPT2" else "ForCausalLM"), {**config, "pad_token_id": None}, {}, False, 500 + i)
    total = sum(f.stat().st_size for f in a.out.rglob("*") if f.is_file())
    print(f"{total} bytes in {a.out}")


if __name__ == "__main__":
    main()
