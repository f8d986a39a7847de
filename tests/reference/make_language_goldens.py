#!/usr/bin/env python3
"""Makes tests/fixtures/languages: translation checkpoints as the hub has them, without tokenizer.json, and what transformers says.

usage: make_language_goldens.py OUT
Needs torch, transformers, safetensors and sentencepiece (made with transformers 5.23, torch 2.13). The models are tiny and random, F16 weights computed
with in float32; the tokenizers are the SentencePiece models of tests/fixtures/text/pieces. rows.jsonl of each folder has a line for each text and pair
of languages: the source's ids, and the ids and texts of the translation, greedy and of four beams, with forced_bos_token_id the target language's
token, as the translation pipeline has it; null languages are what the folder itself says.
"""
import json
import os
import pathlib
import shutil
import sys

import torch
import transformers as tf
from sentencepiece import sentencepiece_model_pb2
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART50
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from make_family_goldens import randomize

PIECES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "text" / "pieces"
MODEL = "sentencepiece.bpe.model"
TEXTS = ["the cluster reads every row", "  Two  blanks\there ", "café ﬁles x", "10, 200 rows!", "row", ""]
MASK = {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True}
SAID = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>"}
SIZES = dict(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
             max_position_embeddings=64, scale_embedding=True, pad_token_id=1, bos_token_id=0, eos_token_id=2, forced_eos_token_id=2)
MOST = 12

# name: model class, more of its config, the pieces, tokenizer_config.json, special_tokens_map.json, pairs of languages
FOLDERS = {
    "mbart": ("MBartForConditionalGeneration", dict(decoder_start_token_id="ro_RO", activation_function="gelu"), "fairseq",
              {"model_max_length": 64}, None, [(None, None), ("ro_RO", "de_DE")]),
    "mbart50": ("MBartForConditionalGeneration", dict(decoder_start_token_id=2, activation_function="relu", tokenizer_class="MBart50Tokenizer"), "fairseq",
                {"src_lang": "fr_XX", "tgt_lang": None, "mask_token": {**MASK, "__type": "AddedToken"}, "model_max_length": 64},
                {**SAID, "cls_token": "<s>", "mask_token": MASK, "additional_special_tokens": MBART50}, [(None, "sl_SI"), ("en_XX", "ar_AR")]),
    "m2m100": ("M2M100ForConditionalGeneration", dict(decoder_start_token_id=2, activation_function="relu"), "t5",
               {**SAID, "src_lang": None, "tgt_lang": None, "num_madeup_words": 8, "model_max_length": 64, "tokenizer_class": "M2M100Tokenizer"},
               {**SAID, "additional_special_tokens": [f"__{code}__" for code in M2M100["m2m100"]]}, [(None, "fr"), ("zu", "af")]),
    "nllb": ("M2M100ForConditionalGeneration", dict(decoder_start_token_id=2, activation_function="relu", tokenizer_class="NllbTokenizer"), "nllb",
             {**SAID, "src_lang": None, "tgt_lang": None, "cls_token": "<s>", "mask_token": {**MASK, "__type": "AddedToken"}, "tokenizer_class": "NllbTokenizer",
              "model_max_length": 64}, {**SAID, "cls_token": "<s>", "mask_token": MASK, "additional_special_tokens": NLLB}, [(None, "fra_Latn"), ("zul_Latn", "ace_Arab")]),
}


def write_tokenizer(folder, name, config):
    pieces, said, mapped = FOLDERS[name][2:5]
    shutil.copy(PIECES / (pieces + ".model"), folder / MODEL)
    if name == "m2m100":
        shutil.copy(PIECES / (pieces + ".m2m100.json"), folder / "vocab.json")
    (folder / "tokenizer_config.json").write_text(json.dumps(said) + "\n")
    if mapped:
        (folder / "special_tokens_map.json").write_text(json.dumps(mapped) + "\n")
    (folder / "config.json").write_text(json.dumps(config) + "\n")


def reference(folder, name):
    """AutoTokenizer; of NLLB with the ids of its languages listed, without which it loses them."""
    if name != "nllb":
        return tf.AutoTokenizer.from_pretrained(folder)
    listed = folder.with_name("listed")
    shutil.copytree(folder, listed)
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString((folder / MODEL).read_bytes())
    first = len({p.piece for p in m.pieces} | {"<s>", "<pad>", "</s>", "<unk>"})
    tokens = [*({"content": code, "normalized": False, "special": True} for code in NLLB), {**MASK, "special": True}]
    said = json.loads((folder / "tokenizer_config.json").read_text())
    said["added_tokens_decoder"] = {str(first + i): t for i, t in enumerate(tokens)}
    (listed / "tokenizer_config.json").write_text(json.dumps(said))
    t = tf.AutoTokenizer.from_pretrained(listed)
    shutil.rmtree(listed)
    return t


def token_of(t, name, language):
    return t.get_lang_id(language) if name == "m2m100" else t.convert_tokens_to_ids(language)


def translate(t, model, name, text, source, target):
    if source:
        t.src_lang = source
    forced = {"forced_bos_token_id": token_of(t, name, target)} if target else {}
    ids = t(text)["input_ids"]
    row = {"text": text, "source": source, "target": target, "ids": ids}
    for key, beams in (("greedy", 1), ("beams", 4)):
        out = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, num_beams=beams,
                             max_new_tokens=MOST, **forced)[0].tolist()[1:]
        row[key] = {"token_ids": out, "translation_text": t.decode(out, skip_special_tokens=True)}
    return row


def main():
    out = pathlib.Path(sys.argv[1])
    for k, (name, (kind, more, _, _, _, pairs)) in enumerate(FOLDERS.items()):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        own = {**SIZES, **more}
        config = {"model_type": "mbart" if kind.startswith("MBart") else "m2m_100", **{k: own[k] for k in ("tokenizer_class",) if k in own}}
        write_tokenizer(folder, name, config)
        t = reference(folder, name)
        if isinstance(own["decoder_start_token_id"], str):
            own["decoder_start_token_id"] = t.convert_tokens_to_ids(own["decoder_start_token_id"])
        own.pop("tokenizer_class", None)
        cls = getattr(tf, kind)
        model = cls(cls.config_class(vocab_size=len(t), **own))
        randomize(model, torch.Generator().manual_seed(100 + k))
        for layer in [*model.model.encoder.layers, *model.model.decoder.layers]:  # or each token is followed by itself
            for part in (layer.fc2, layer.self_attn.out_proj, *([layer.encoder_attn.out_proj] if hasattr(layer, "encoder_attn") else [])):
                part.weight.data *= 8
        model.half().save_pretrained(folder)
        said = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(said | {k: v for k, v in config.items() if k == "tokenizer_class"}, indent=2) + "\n")
        model = cls.from_pretrained(folder, dtype=torch.float32).eval()
        rows = []
        for source, target in pairs:
            t = reference(folder, name)
            rows += [translate(t, model, name, text, source, target) for text in TEXTS]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        print(name, len(t), len({tuple(r["greedy"]["token_ids"]) for r in rows}), "different answers of", len(rows))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with torch.no_grad():
        main()
