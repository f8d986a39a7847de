#!/usr/bin/env python3
"""Compare folders of the shapes that published checkpoints have, without tokenizer.json, with AutoTokenizer.

usage: differ_hub.py PROGRAM CORPUS [--only REGEX] [--rows N] [--seed S]

PROGRAM is tfm-cluster; CORPUS a text file, of which rows and small vocabularies are made. A shape is the files a checkpoint has on the hub
(config.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json and its vocabulary), with what they say there, cut to the small
vocabulary. Classes with options at random are differ_folders.py's. Exit 1 if anything differs. Needs transformers 5.23, tokenizers, sentencepiece.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer

import differ_folders

TEXTS = ["<|im_start|>user\nhi<|im_end|>", "<think>x</think>", "<start_of_turn>a", "<extra one>b", "<s>NOTUSED", "<|padding|>  12345 it's"]
FAIRSEQ = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BYTES = {"roberta": FAIRSEQ, "gpt2": ["<|endoftext|>", "<|padding|>"], "qwen": []}
LLAMA = dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True)
PIECES = {
    "t5": dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1), "fairseq": {},
    "albert": dict(pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"], normalization_rule_name="nmt_nfkc_cf"),
    "deberta": dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]"),
    "llama": LLAMA, "nllb": dict(model_type="bpe"),
    "gemma": dict(LLAMA, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>", add_dummy_prefix=False,
                  user_defined_symbols=["<mask>", "<2mass>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n"]),
}


def token(content, **more):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, **more}


def listed(names, first=0, **more):
    return {str(first + i): token(name, special=True) for i, name in enumerate(names)} | more


def typed(content, **more):
    return {"__type": "AddedToken", **token(content, **more)}


MASK = token("<mask>", lstrip=True, normalized=True)
END = "<|endoftext|>"
EXTRA = [f"<extra_id_{i}>" for i in range(100)]
ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>"}
QWEN = {"add_prefix_space": False, "added_tokens_decoder": listed([END, "<|im_start|>", "<|im_end|>"], 1200, **{"1203": token("<think>", special=False)}),
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "bos_token": None, "eos_token": "<|im_end|>", "pad_token": END, "unk_token": None,
        "tokenizer_class": "Qwen2Tokenizer"}
CODES = differ_folders.LANGUAGES

# name: the vocabulary, config.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json
SHAPES = {
    "roberta": ("roberta/", {"model_type": "roberta"}, None),
    "roberta, said": ("roberta/", {"model_type": "roberta"}, {"model_max_length": 512}, {**ROLES, "cls_token": "<s>", "mask_token": token("<mask>", lstrip=True)}),
    "bart": ("roberta/", {"model_type": "bart"}, {"model_max_length": 1024}),
    "bart, by its class": ("roberta/", {"model_type": "bart"}, {"tokenizer_class": "BartTokenizer", "add_prefix_space": False, "trim_offsets": True}, {"mask_token": MASK}),
    "opt": ("roberta/", {"model_type": "opt"}, {"unk_token": typed("</s>"), "bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>", "add_bos_token": True,
                                               "tokenizer_class": "GPT2Tokenizer"}),
    "gpt2": ("gpt2/", {"model_type": "gpt2"}, None),
    "gpt2, said": ("gpt2/", {"model_type": "gpt2"}, {"tokenizer_class": "GPT2Tokenizer", "unk_token": typed(END, normalized=True), "bos_token": typed(END, normalized=True),
                                                    "eos_token": typed(END, normalized=True), "pad_token": None}, {"bos_token": token(END, normalized=True)}),
    "gpt-neox": ("gpt2/", {"model_type": "gpt_neox"}, {"unk_token": END, "bos_token": END, "eos_token": END, "tokenizer_class": "GPTNeoXTokenizer"}),
    "qwen2": ("qwen/", {"model_type": "qwen2"}, QWEN),
    "qwen2, of another class": ("qwen/", {"model_type": "qwen2"}, {"tokenizer_class": "GPT2Tokenizer"}),
    "qwen3": ("qwen/", {"model_type": "qwen3"}, {**QWEN, "add_bos_token": False}),
    "t5": ("t5>spiece.model", {"model_type": "t5"}, None),
    "t5, said": ("t5>spiece.model", {"model_type": "t5"}, {"eos_token": "</s>", "extra_ids": 100, "additional_special_tokens": EXTRA, "tokenizer_class": "T5Tokenizer"},
                 {"eos_token": "</s>", "additional_special_tokens": EXTRA}),
    "mt5": ("t5>spiece.model", {"model_type": "mt5", "tokenizer_class": "T5Tokenizer"}, {"extra_ids": 0, "additional_special_tokens": None}),
    "pegasus": ("t5>spiece.model", {"model_type": "pegasus"}, {"tokenizer_class": "PegasusTokenizer", "offset": 103}),
    "xlm-roberta": ("fairseq>sentencepiece.bpe.model", {"model_type": "xlm-roberta"}, None),
    "xlm-roberta, said": ("fairseq>sentencepiece.bpe.model", {"model_type": "xlm-roberta"}, {"mask_token": {**MASK, "__type": "AddedToken"}, "tokenizer_class": "XLMRobertaTokenizer"},
                          {"bos_token": "<s>", "mask_token": MASK}),
    "camembert": ("fairseq>sentencepiece.bpe.model", {"model_type": "camembert"}, {"model_max_length": 512}),
    "camembert, listed": ("fairseq>sentencepiece.bpe.model", {"model_type": "camembert"},
                          {"additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"], "tokenizer_class": "CamembertTokenizer",
                           "added_tokens_decoder": listed(["<s>NOTUSED", "<pad>", "</s>NOTUSED"], **{"1004": {**MASK, "special": True}})}),
    "albert": ("albert>spiece.model", {"model_type": "albert"}, None),
    "albert, said": ("albert>spiece.model", {"model_type": "albert"}, {"do_lower_case": True, "keep_accents": False, "mask_token": typed("[MASK]", lstrip=True, normalized=True)}),
    "deberta-v3": ("deberta>spm.model", {"model_type": "deberta-v2"}, {"do_lower_case": False, "vocab_type": "spm"}),
    "deberta-v3, added": ("deberta>spm.model", {"model_type": "deberta-v2"}, {"tokenizer_class": "DebertaV2Tokenizer"}, {"mask_token": "[MASK]"}, {"[MASK]": 1000}),
    "llama": ("llama>tokenizer.model", {"model_type": "llama"}, {"bos_token": "", "eos_token": "", "unk_token": "", "tokenizer_class": "LlamaTokenizer"}, ROLES),
    "llama 2": ("llama>tokenizer.model", {"model_type": "llama"}, {"add_bos_token": True, "add_eos_token": False, "bos_token": typed("<s>"), "eos_token": typed("</s>"),
                                                                 "legacy": False, "pad_token": None, "tokenizer_class": "LlamaTokenizer", "unk_token": typed("<unk>")}),
    "mistral": ("llama>tokenizer.model", {"model_type": "mistral"}, {"add_bos_token": True, "added_tokens_decoder": listed(["<unk>", "<s>", "</s>"]), "legacy": True,
                                                                   "additional_special_tokens": [], "tokenizer_class": "LlamaTokenizer"}),
    "gemma": ("gemma>tokenizer.model", {"model_type": "gemma"}, {"add_bos_token": True, "added_tokens_decoder": listed(["<pad>", "<eos>", "<bos>", "<unk>"]),
                                                              "legacy": None, "tokenizer_class": "GemmaTokenizer"}),
    "gemma 2": ("gemma>tokenizer.model", {"model_type": "gemma2"}, {"add_bos_token": True, "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"],
                "added_tokens_decoder": listed(["<pad>", "<eos>", "<bos>", "<unk>"], **{"6": token("<start_of_turn>", special=True)}), "tokenizer_class": "GemmaTokenizer"}),
    "marian": ("fairseq>source.spm", {"model_type": "marian"}, {"source_lang": "eng", "target_lang": "fra", "tokenizer_class": "MarianTokenizer"},
               {"eos_token": "</s>", "additional_special_tokens": ["<extra one>"]}),
    "mbart": ("fairseq>sentencepiece.bpe.model", {"model_type": "mbart"}, {"model_max_length": 1024}),
    "mbart-50": ("fairseq>sentencepiece.bpe.model", {"model_type": "mbart", "tokenizer_class": "MBart50Tokenizer"}, {"src_lang": None, "tgt_lang": None},
                 {**ROLES, "cls_token": "<s>", "mask_token": MASK, "additional_special_tokens": CODES["MBart50Tokenizer"]}),
    "m2m100": ("fairseq>sentencepiece.bpe.model", {"model_type": "m2m_100"}, {"src_lang": None, "num_madeup_words": 8, "tokenizer_class": "M2M100Tokenizer"},
               {**ROLES, "additional_special_tokens": [f"__{code}__" for code in CODES["M2M100Tokenizer"]]}),
    "nllb, listed": ("nllb>sentencepiece.bpe.model", {"model_type": "m2m_100"}, {**ROLES, "src_lang": None, "tokenizer_class": "NllbTokenizer", "mask_token": "<mask>",
                     "added_tokens_decoder": listed(CODES["NllbTokenizer"], 1001, **{"1203": {**MASK, "special": True}})}),
    "bert": ("bert/", {"model_type": "bert"}, {"do_lower_case": True}),
    "distilbert": ("bert/", {"model_type": "distilbert"}, {"do_lower_case": False, "tokenizer_class": "DistilBertTokenizer"}),
    "electra": ("bert/", {"model_type": "electra"}, None),
    "nomic": ("bert/", {"model_type": "nomic_bert"}, {"tokenizer_class": "BertTokenizer"}),
    "mpnet": ("mpnet/", {"model_type": "mpnet"}, {"do_lower_case": True, "tokenizer_class": "MPNetTokenizer"}),
}


def train(place, corpus):
    for name, special in BYTES.items():
        (place / name).mkdir()
        t = ByteLevelBPETokenizer()
        t.train([corpus], vocab_size=1200, special_tokens=special, show_progress=False)
        t.save_model(str(place / name))
    for name, renamed in (("bert", {}), ("mpnet", {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"})):
        (place / name).mkdir()
        t = BertWordPieceTokenizer()
        t.train([corpus], vocab_size=1500, show_progress=False)
        t.save_model(str(place / name))
        path = place / name / "vocab.txt"
        path.write_text("\n".join(renamed.get(word, word) for word in path.read_text().split("\n")))
    for name, more in PIECES.items():
        sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=str(place / name), minloglevel=2,
                                                 **{"vocab_size": 1000, "character_coverage": 0.99, **more})


def vocab_beside(place, name, kind):
    """vocab.json of a folder whose SentencePiece model has other ids."""
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString((place / (name + ".model")).read_bytes())
    pieces = [p.piece for p in m.pieces][3:]
    names = ["</s>", "<unk>", *pieces, ">>fr<<", "<pad>"] if kind == "marian" else [*FAIRSEQ[:4], *pieces]
    return json.dumps({n: i for i, n in enumerate(names)})


def make(place, folder, vocab, config, *said):
    folder.mkdir()
    name, _, file = vocab.partition(">")
    if file:
        shutil.copy(place / (name + ".model"), folder / file)
    else:
        shutil.copytree(place / name, folder, dirs_exist_ok=True)
    if config["model_type"] == "marian":
        shutil.copy(folder / file, folder / "target.spm")
    if config["model_type"] == "marian" or "M2M100" in str(said[0]):
        (folder / "vocab.json").write_text(vocab_beside(place, name, config["model_type"]))
    for file, content in zip(("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"), (config, *said)):
        if content is not None:
            (folder / file).write_text(json.dumps(content))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("corpus")
    p.add_argument("--only", default="")
    p.add_argument("--rows", type=int, default=200)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    rng = random.Random(a.seed)
    text = pathlib.Path(a.corpus).read_text(encoding="utf-8", errors="replace")
    total = bad = 0
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        at = rng.randrange(max(1, len(text) - 300000))
        (place / "sample.txt").write_text(text[at:at + 300000])
        train(place, str(place / "sample.txt"))
        for name, shape in SHAPES.items():
            if re.search(a.only, name):
                folder = place / ("folder-" + name)
                make(place, folder, *shape)
                n, b = differ_folders.compare(a.program, str(folder), str(folder), differ_folders.rows_of(rng, text, a.rows) + TEXTS, name)
                print(f"{name}: {n} rows, {b} differ" if n else f"{name}: NOT COMPARED", flush=True)
                total += n
                bad += b or not n
    print(f"{total} rows compared, {bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
