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
from transformers.models.m2m_100 import tokenization_m2m_100
from transformers.models.nllb import tokenization_nllb

SENTENCES = ["the cluster reads every row and counts every core", "a row of words becomes a row of ids",
             "the same bits every time on every machine", "words and bits and rows and cores",
             "reading counts, counting reads: 10 rows, 200 cores", "every one of the machines counts the same"]
RULES = "FB01\t66 69\nE9\t65\n2003\t20\n"
WMT = tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["wmt21"]
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
    "nllb": dict(model_type="bpe", vocab_size=90),
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
    ("t5", "spiece.model", {"tokenizer_class": "PegasusTokenizer"}),
    ("t5", "spiece.model", {"tokenizer_class": "PegasusTokenizer", "offset": 5, "mask_token": "<mask_2>",
                            "mask_token_sent": "<mask_1>"}),
    ("t5", "spiece.model", {"tokenizer_class": "PegasusTokenizer", "offset": 0, "mask_token_sent": None}),
    ("fairseq", "sentencepiece.bpe.model", {"tokenizer_class": "MBartTokenizer", "src_lang": None}),
    ("fairseq", "sentencepiece.bpe.model", {"tokenizer_class": "MBart50Tokenizer", "src_lang": "fr_XX"}),
    ("nllb", "sentencepiece.bpe.model", {"tokenizer_class": "NllbTokenizer"}),
    ("nllb", "sentencepiece.bpe.model", {"tokenizer_class": "NllbTokenizer", "legacy_behaviour": True,
                                         "src_lang": "fra_Latn"}),
    ("marian", "sentencepiece.bpe.model", {"tokenizer_class": "M2M100Tokenizer"}),
    ("t5", "sentencepiece.bpe.model", {"tokenizer_class": "M2M100Tokenizer", "language_codes": "wmt21", "src_lang": "de",
                                       "additional_special_tokens": [f"__{code}__" for code in WMT]}),
]
NLLB = tokenization_nllb.FAIRSEQ_LANGUAGE_CODES
CODES = [">>fr<< the row", ">>xx<<", "a >>fr<<", "row of  rows row of"]
LANGUAGES = ["ar_AR row", "the  sl_SI", "zul_Latn row", "__de__ row", "a <unk_2>b <mask_1>", "row\nof  rows"]
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


def write_vocab(model, path, marian):
    """vocab.json of a Marian or M2M100 folder: other ids than the model's, one piece in eight missing."""
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(model.read_bytes())
    pieces = [p.piece for i, p in enumerate(m.pieces) if p.type not in (2, 3) and i % 8]
    names = ["</s>", "<unk>", *reversed(pieces), ">>fr<<", "<pad>"] if marian else [
        "<s>", "<pad>", "</s>", "<unk>", *reversed(pieces)]
    path.write_text(json.dumps({name: i for i, name in enumerate(names)}) + "\n")


def listed(model, config):
    """NLLB's languages with their ids, which the reference loses where they are not listed."""
    if config["tokenizer_class"] != "NllbTokenizer":
        return config
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(model.read_bytes())
    first = len({p.piece for p in m.pieces} | {"<s>", "<pad>", "</s>", "<unk>"})
    tokens = [*({"content": code, "normalized": False, "special": True} for code in NLLB),
              {"content": "<mask>", "lstrip": True, "normalized": True, "special": True}]
    return {**config, "added_tokens_decoder": {str(first + i): t for i, t in enumerate(tokens)}}


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
            (folder / "tokenizer_config.json").write_text(json.dumps(listed(out / (name + ".model"), config)))
            kind = config["tokenizer_class"]
            marian = kind == "MarianTokenizer"
            vocab = {"MarianTokenizer": name + ".vocab.json", "M2M100Tokenizer": name + ".m2m100.json"}.get(kind)
            if vocab:
                shutil.copy(out / (name + ".model"), folder / "target.spm")
                write_vocab(out / (name + ".model"), out / vocab, marian)
                shutil.copy(out / vocab, folder / "vocab.json")
            if kind == "TokenizersBackend":  # its name alone is not enough there
                (folder / "config.json").write_text('{"model_type": "mistral"}')
            t = AutoTokenizer.from_pretrained(folder)
            for text in TEXTS + CODES * marian + LANGUAGES * kind.startswith(("Pegasus", "M2M", "MBart", "Nllb")):
                rows.append({"model": name, "file": file, "vocab": vocab, "config": json.dumps(config), "text": text,
                             "ids": t(text)["input_ids"], "pair": t(text, "row")["input_ids"]})
    (out / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    print(f"{len(rows)} rows")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
