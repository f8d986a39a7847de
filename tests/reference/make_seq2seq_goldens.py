#!/usr/bin/env python3
"""Makes tests/fixtures/model/seq2seq: tiny random models with an encoder and a decoder, and what the reference library computes with them.

usage: make_seq2seq_goldens.py OUT [NAME ...]
Needs torch, transformers and safetensors (made with transformers 5.23, torch 2.13). Each model is a save_pretrained folder, F16 weights computed
with in float32, and golden.bin, little-endian: "TFMS", then int32 B, encoder states, decoder states, H, C, rows of logits; int32 cu_source[B+1],
cu_len[B+1], source ids, decoder ids; then float32 encoder hidden[states][S][H], decoder hidden[states][T][H] and logits[rows][C]: of every decoder
token, or of classifiers one a sequence, whose decoder reads the source behind the start token (its ids are in the file too).
"""
import argparse
import json
import pathlib
import struct

import numpy as np
import torch
import transformers as tf

from make_family_goldens import randomize
from make_model_goldens import labels, store

SOURCES = [5, 1, 17, 70, 64]
TARGETS = [3, 9, 1, 6, 2]
BART = dict(vocab_size=57, d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=36, decoder_ffn_dim=28,
            max_position_embeddings=72, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
T5 = dict(vocab_size=57, d_model=24, d_kv=10, d_ff=36, num_layers=2, num_decoder_layers=1, num_heads=3, relative_attention_num_buckets=8, relative_attention_max_distance=20,
          decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)

MODELS = {
    "bart": ("BartForConditionalGeneration", BART),
    "bart-mnli": ("BartForSequenceClassification", {**BART, "scale_embedding": True, "activation_function": "relu", "decoder_layers": 1, **labels(["no", "yes", "maybe"])}),
    "mbart": ("MBartForConditionalGeneration", {**BART, "scale_embedding": True, "decoder_layers": 1}),
    "marian": ("MarianMTModel", {**BART, "scale_embedding": True, "activation_function": "swish", "decoder_ffn_dim": 36, "encoder_layers": 1}),
    "pegasus": ("PegasusForConditionalGeneration", {**BART, "scale_embedding": True, "activation_function": "relu", "encoder_layers": 1, "decoder_layers": 1}),
    "t5": ("T5ForConditionalGeneration", T5),
    "t5-gated": ("T5ForConditionalGeneration", {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "num_decoder_layers": 2}),
    "mt5": ("MT5ForConditionalGeneration", {**T5, "feed_forward_proj": "gated-silu"}),
    "m2m100": ("M2M100ForConditionalGeneration", {**BART, "scale_embedding": True, "activation_function": "relu"}),
}


def texts(vocab, generator, classifies):
    rows = []
    for n, m in zip(SOURCES, TARGETS):
        source = torch.randint(3, vocab, (n,), generator=generator)
        if classifies:
            source[-1] = 2
            rows.append((source, torch.cat([torch.tensor([2]), source[:-1]])))
        else:
            rows.append((source, torch.cat([torch.tensor([2]), torch.randint(3, vocab, (m - 1,), generator=generator)])))
    return rows


def golden(model, rows, classifies):
    encoder, decoder, logits = [], [], []
    for source, ids in rows:
        out = model(input_ids=source[None], decoder_input_ids=ids[None], output_hidden_states=True)
        encoder.append(torch.stack([h[0] for h in out.encoder_hidden_states]))
        decoder.append(torch.stack([h[0] for h in out.decoder_hidden_states]))
        logits.extend(out.logits if classifies else out.logits[0])
    encoder, decoder, logits = torch.cat(encoder, dim=1), torch.cat(decoder, dim=1), torch.stack(logits)
    head = struct.pack("<4s6i", b"TFMS", len(rows), encoder.shape[0], decoder.shape[0], encoder.shape[2], logits.shape[1], logits.shape[0])
    ints = [np.cumsum([0] + [len(r[i]) for r in rows]) for i in (0, 1)] + [torch.cat([r[i] for r in rows]).numpy() for i in (0, 1)]
    return head + b"".join(x.astype("<i4").tobytes() for x in ints) + b"".join(x.numpy().astype("<f4").tobytes() for x in (encoder, decoder, logits))


def make(out, name, kind, config, seed):
    generator = torch.Generator().manual_seed(seed)
    model_class = getattr(tf, kind)
    model = model_class(model_class.config_class(**config, attn_implementation="eager")).eval()
    randomize(model, generator)
    for p in model.parameters():
        if p.requires_grad:  # fixed positions are in no file
            p.data = p.data.half().float()
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.data = (0.2 * torch.randn(model.final_logits_bias.shape, generator=generator)).half().float()
    for m in model.modules():
        if "Sinusoidal" in type(m).__name__ and hasattr(m, "create_weight"):
            m.weight.data = m.create_weight()
            if "Pegasus" in kind:  # whose files hold them
                m.weight.data = m.weight.data.half().float()
    model.save_pretrained(out / name)
    from safetensors.torch import load_file
    tensors = {k: v.half() for k, v in load_file(out / name / "model.safetensors").items()}
    said = json.loads((out / name / "config.json").read_text(encoding="utf-8"))
    dull = ("dropout", "initializer", "init_std", "layerdrop", "transformers_version", "use_cache", "label2id", "dtype", "is_decoder", "classif")
    said = {k: v for k, v in said.items() if v is not None and not any(d in k for d in dull)}
    if kind.endswith("ConditionalGeneration"):
        said.pop("id2label", None)
    for path in (out / name).iterdir():
        path.unlink()
    store(out / name, said, tensors)
    classifies = "Classification" in kind
    (out / name / "golden.bin").write_bytes(golden(model, texts(57, generator, classifies), classifies))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("names", nargs="*", help="only these")
    a = p.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for i, (name, (kind, config)) in enumerate(MODELS.items()):
        if not a.names or name in a.names:
            make(a.out, name, kind, config, 600 + i)
    total = sum(f.stat().st_size for f in a.out.rglob("*") if f.is_file())
    print(f"{total} bytes in {a.out}")


if __name__ == "__main__":
    main()
