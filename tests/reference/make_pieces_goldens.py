#!/usr/bin/env python3
"""Write tests/fixtures/text/pieces/: small SentencePiece models, and what AutoTokenizer makes of them.

usage: make_pieces_goldens.py OUT

The models are trained on the sentences below; rules.tsv-style normalisation rules make a charsmap of a
few entries. rows.jsonl has a line for each class, configuration and text. Needs transformers 5.23.0,
sentencepiece 0.2 and protobuf.
"""
import json
import os
import pathlib
import shutil
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoTokenizer

SENTENCES = ["the cluster reads every row and counts every core", "a row of words becomes a row of ids",
             "the same bits every time on every machine", "words and bits and rows and cores",
             "reading counts, counting reads: 10 rows, 200 cores", "every one of the machines counts the same"]
RULES = "FB01\t66 69\nE9\t65\n2003\t20\n"
MODELS = {
    "t5": dict(model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
    "albert": dict(model_type="unigram", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
                   control_symbols=["[CLS]", "[SEP]", "[MASK]"]),
    "fairseq": dict(model_type="unigram", user_defined_symbols=["row of"]),
    "deberta": dict(model_type="unigram", pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]",
                    bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]"),
    "marian": dict(model_type="unigram", user_defined_symbols=["row of"], byte_fallback=True, vocab_size=330,
                   treat_whitespace_as_suffix=True),
    "llama": dict(model_type="bpe", byte_fallback=True, vocab_size=360),
}
CASES = [
    ("t5", "spiece.model", {"tokenizer_class": "T5Tokenizer"}),
    ("t5", "spiece.model", {"tokenizer_class": "T5TokenizerFast", "extra_ids": 2}),
    ("albert", "spiece.model", {"tokenizer_class": "AlbertTokenizer"}),
    ("albert", "spiece.model", {"tokenizer_class": "AlbertTokenizer", "keep_accents": True,
                                "do_lower_case": False, "add_eos_token": True}),
    ("fairseq", "sentencepiece.bpe.model", {"tokenizer_class": "XLMRobertaTokenizer"}),
    ("fairseq", "sentencepiece.bpe.model", {"tokenizer_class": "CamembertTokenizer", "add_prefix_space": False}),
    ("deberta", "spm.model", {"tokenizer_class": "DebertaV2Tokenizer"}),
    ("deberta", "spm.model", {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True,
                              "split_by_punct": True}),
    ("llama", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}),
    ("llama", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_prefix_space": True}),
    ("llama", "tokenizer.model", {"tokenizer_class": "GemmaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
                                  "add_bos_token": True, "pad_token": "<unk>", "mask_token": "<unk>"}),
    ("llama", "tokenizer.model", {"tokenizer_class": "TokenizersBackend"}),
    ("t5", "tokenizer.model", {"tokenizer_class": "TokenizersBackend"}),
    ("t5", "source.spm", {"tokenizer_class": "MarianTokenizer"}),
    ("marian", "source.spm", {"tokenizer_class": "MarianTokenizer"}),
]
CODES = [">>fr<< the row", ">>xx<<", "a >>fr<<", "row of  rows row of"]
TEXTS = ["the cluster reads every row", "  Two  blanks\there ", "caf\u00e9 \ufb01les\u2003x", "row of rows", "\U0001f600 \u5317",
         "</s> and <s> [CLS] <mask>x <extra_id_1>", "10, 200!", ""]


def train(name, place):
    rules = place / "rules.tsv"
    rules.write_text(RULES)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4), model_prefix=str(place / name), minloglevel=2,
        **{"vocab_size": 70, "normalization_rule_tsv": str(rules), "hard_vocab_limit": False, **MODELS[name]})
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString((place / (name + ".model")).read_bytes())
    m.trainer_spec.model_prefix = name
    m.normalizer_spec.normalization_rule_tsv = ""
    return m.SerializeToString()


def write_vocab(model, path):
    """vocab.json of a Marian folder: other ids than the model's, one piece in eight missing."""
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(model.read_bytes())
    pieces = [p.piece for i, p in enumerate(m.pieces) if p.type not in (2, 3) and i % 8]
    names = ["</s>", "<unk>", *reversed(pieces), ">>fr<<", "<pad>"]
    path.write_text(json.dumps({name: i for i, name in enumerate(names)}) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        for name in MODELS:
            (out / (name + ".model")).write_bytes(train(name, place))
        for i, (name, file, config) in enumerate(CASES):
            folder = place / f"case-{i}"
            folder.mkdir()
            shutil.copy(out / (name + ".model"), folder / file)
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            marian = file == "source.spm"
            if marian:
                shutil.copy(out / (name + ".model"), folder / "target.spm")
                write_vocab(out / (name + ".model"), out / (name + ".vocab.json"))
                shutil.copy(out / (name + ".vocab.json"), folder / "vocab.json")
            if config["tokenizer_class"] == "TokenizersBackend":  # its name alone is not enough there
                (folder / "config.json").write_text('{"model_type": "mistral"}')
            t = AutoTokenizer.from_pretrained(folder)
            for text in TEXTS + CODES * marian:
                rows.append({"model": name, "file": file, "config": json.dumps(config), "text": text,
                             "ids": t(text)["input_ids"], "pair": t(text, "row")["input_ids"]})
    (out / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    print(f"{len(rows)} rows")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
