#!/usr/bin/env python3
"""Compare folders without tokenizer.json with AutoTokenizer: ids, tokens, offsets, type ids.

usage: differ_folders.py PROGRAM CORPUS [--model FILE=CLASS]... [--only REGEX] [--rounds N] [--rows N] [--seed S]

PROGRAM is tfm-cluster; CORPUS a text file, of which rows and small SentencePiece models are made:
one or more folders for every class that core/text reads one for, with options at random. --model
adds a folder with a model file of yours. Ends with the rows compared and the differences; exit 1 if
there are any. Needs torch-free transformers 5.23, sentencepiece and protobuf.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoTokenizer
from transformers.models.m2m_100 import tokenization_m2m_100
from transformers.models.mbart import tokenization_mbart
from transformers.models.mbart50 import tokenization_mbart50
from transformers.models.nllb import tokenization_nllb

FILES = {"T5Tokenizer": "spiece.model", "AlbertTokenizer": "spiece.model",
         "XLMRobertaTokenizer": "sentencepiece.bpe.model",
         "CamembertTokenizer": "sentencepiece.bpe.model", "DebertaV2Tokenizer": "spm.model",
         "LlamaTokenizer": "tokenizer.model", "GemmaTokenizer": "tokenizer.model",
         "TokenizersBackend": "tokenizer.model", "MarianTokenizer": "source.spm",
         "PegasusTokenizer": "spiece.model", "MBartTokenizer": "sentencepiece.bpe.model",
         "MBart50Tokenizer": "sentencepiece.bpe.model", "NllbTokenizer": "sentencepiece.bpe.model",
         "M2M100Tokenizer": "sentencepiece.bpe.model"}
TYPES = {"T5Tokenizer": "t5", "AlbertTokenizer": "albert", "XLMRobertaTokenizer": "xlm-roberta",
         "CamembertTokenizer": "camembert", "DebertaV2Tokenizer": "deberta-v2",
         "LlamaTokenizer": "llama", "GemmaTokenizer": "gemma", "TokenizersBackend": "mistral",
         "MarianTokenizer": "marian", "PegasusTokenizer": "pegasus", "MBartTokenizer": "mbart",
         "MBart50Tokenizer": "mbart", "NllbTokenizer": "m2m_100", "M2M100Tokenizer": "m2m_100"}
ODD = ["", " ", "  a  b ", "a\tb\nc", "``quoted''", "é ﬁ Å x²", "北京 カタカナ", "😀👍🏽", "a" * 300, "<s>x</s>",
       "x<mask>y", "[CLS] [MASK]", "<pad>", "<unk>", "<extra_id_3> z", "▁▁a", "\u00a0n\u200bb", "É\u0301",
       ">>fr<< the row", ">>xx<<", "a >>fr<<", "\u1100\u1161 한", "user sym", "<0x41>", "1,234.5", "Ⅷ ½ ㎏", "x\u0000y", "don't I'll", "İıß",
       "de_DE text", "a  en_XX", "eng_Latn b", "fra_Latn", "__en__ x", "y__fr__", "<mask_1> <mask_2>z", "<unk_7>"]
LANGUAGES = {"MBartTokenizer": tokenization_mbart.FAIRSEQ_LANGUAGE_CODES,
             "MBart50Tokenizer": tokenization_mbart50.FAIRSEQ_LANGUAGE_CODES,
             "NllbTokenizer": tokenization_nllb.FAIRSEQ_LANGUAGE_CODES,
             "M2M100Tokenizer": tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"]}


def train(rng, corpus, target, cls):
    """A SentencePiece model with what the class expects of it."""
    bpe = cls in ("LlamaTokenizer", "GemmaTokenizer", "NllbTokenizer") or cls == "TokenizersBackend" and rng.random() < 0.5
    kw = dict(model_type="bpe" if bpe else "unigram", vocab_size=rng.choice([600, 1000]),
              character_coverage=rng.choice([0.99, 0.9995]), minloglevel=2,
              byte_fallback=bpe and cls != "NllbTokenizer" or cls == "TokenizersBackend" and rng.random() < 0.5,
              normalization_rule_name=rng.choice(["identity", "nmt_nfkc", "nmt_nfkc_cf"]),
              user_defined_symbols=rng.choice([[], ["user sym"], ["usersym", "▁<x>"]]),
              split_digits=rng.random() < 0.5)
    if cls in ("T5Tokenizer", "PegasusTokenizer", "GemmaTokenizer"):
        kw |= dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1) if cls != "GemmaTokenizer" else dict(
            pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>")
    elif cls == "AlbertTokenizer":
        kw |= dict(pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"])
    elif cls == "DebertaV2Tokenizer":
        kw |= dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
                   eos_piece="[SEP]", unk_piece="[UNK]")
    elif cls in ("MarianTokenizer", "M2M100Tokenizer"):
        kw |= dict(byte_fallback=rng.random() < 0.5, add_dummy_prefix=rng.random() < 0.7,
                   remove_extra_whitespaces=rng.random() < 0.5, split_by_whitespace=rng.random() < 0.7,
                   treat_whitespace_as_suffix=rng.random() < 0.4)
    sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=str(target / "m"), **kw)
    return target / "m.model"


def options(rng, cls):
    """What tokenizer_config.json says besides the class."""
    o = {}
    for key in ("add_prefix_space", "do_lower_case", "keep_accents", "split_by_punct", "legacy",
                "add_bos_token", "add_eos_token"):
        if rng.random() < 0.3:
            o[key] = rng.random() < 0.5
    if cls in LANGUAGES and rng.random() < 0.6:
        o["src_lang"] = rng.choice([None, *LANGUAGES[cls]])
    if cls == "NllbTokenizer" and rng.random() < 0.3:
        o["legacy_behaviour"] = True
    if cls == "M2M100Tokenizer" and rng.random() < 0.3:
        o |= {"language_codes": "wmt21", "src_lang": rng.choice(["de", "zh"])}
    if cls == "PegasusTokenizer" and rng.random() < 0.5:
        o |= {"offset": rng.choice([103, 5]), "mask_token_sent": rng.choice(["<mask_1>", None])}
    if cls in ("T5Tokenizer",) and rng.random() < 0.5:
        o["extra_ids"] = rng.choice([0, 7])
    if rng.random() < 0.3 and cls not in ("T5Tokenizer", *LANGUAGES):
        o["additional_special_tokens"] = ["<extra one>", "!!"]
    if rng.random() < 0.3 and cls not in ("TokenizersBackend", "M2M100Tokenizer"):
        o["mask_token"] = rng.choice(["<mask>", "[MASK]"])
    return o


def write_vocab(rng, model, path, cls):
    """vocab.json of a Marian or M2M100 folder: other ids than the model's, some pieces missing."""
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(model.read_bytes())
    share = rng.choice([1, 0.95])
    pieces = [p.piece for p in m.pieces
              if p.piece not in ("<s>", "<unk>", "</s>", "<pad>") and rng.random() < share]
    rng.shuffle(pieces)
    names = ["</s>", "<unk>", *pieces, ">>fr<<", "<pad>"]
    if cls == "M2M100Tokenizer":
        names = ["<s>", "<pad>", "</s>", "<unk>", *pieces]
    path.write_text(json.dumps({name: i for i, name in enumerate(names)}))


def list_languages(rng, folder, cls, extra):
    """The languages as hub folders list them: special_tokens_map.json, or NLLB's ids."""
    names = [f"__{code}__" if cls == "M2M100Tokenizer" else code for code in LANGUAGES[cls]]
    if extra.get("language_codes") == "wmt21":
        names = [f"__{code}__" for code in tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["wmt21"]]
    if cls == "NllbTokenizer":
        m = sentencepiece_model_pb2.ModelProto()
        m.ParseFromString((folder / FILES[cls]).read_bytes())
        first = len({p.piece for p in m.pieces} | {"<s>", "<pad>", "</s>", "<unk>"})
        mask = {"content": extra.get("mask_token", "<mask>"), "lstrip": True, "normalized": True, "special": True}
        extra["added_tokens_decoder"] = {str(first + i): {"content": name, "normalized": False, "special": True}
                                         for i, name in enumerate(names)} | {str(first + len(names)): mask}
        return
    said = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "additional_special_tokens": names}
    if cls != "M2M100Tokenizer" and rng.random() < 0.5:
        said["mask_token"] = {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}
    (folder / "special_tokens_map.json").write_text(json.dumps(said))


def make(rng, folder, model, cls, extra):
    folder.mkdir()
    shutil.copy(model, folder / FILES[cls])
    if cls == "MarianTokenizer":
        shutil.copy(model, folder / "target.spm")
    if cls in ("MarianTokenizer", "M2M100Tokenizer"):
        write_vocab(rng, model, folder / "vocab.json", cls)
    if cls in LANGUAGES and (cls == "NllbTokenizer" or rng.random() < 0.6):
        list_languages(rng, folder, cls, extra)
    (folder / "config.json").write_text(json.dumps({"model_type": TYPES[cls]}))
    config = {"tokenizer_class": cls, **extra}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if cls != "NllbTokenizer" or extra.get("mask_token") or rng.random() < 0.5:
        return folder
    # without a listing the reference loses the languages: it answers for a folder with one
    bare = folder.with_name(folder.name + "-bare")
    shutil.copytree(folder, bare)
    del config["added_tokens_decoder"]
    (bare / "tokenizer_config.json").write_text(json.dumps(config))
    return bare


def rows_of(rng, text, n):
    rows = list(ODD)
    while len(rows) < n:
        at = rng.randrange(len(text))
        row = text[at:at + rng.randint(0, 120)]
        rows.append(row + rng.choice(ODD) if rng.random() < 0.2 else row)
    return rows


def ours(program, folder, rows):
    data = "".join(json.dumps(r) + "\n" for r in rows)
    done = subprocess.run([program, "tokenize", "--tokenizer", folder, "--input-format", "jsonl", "-"],
                          input=data, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line], ""


def wanted(reference, *texts):
    if not reference.is_fast:  # knows ids alone; a pair has no type ids of its own
        return {"ids": reference(*texts)["input_ids"]}
    e = reference(*texts, return_offsets_mapping=True, return_token_type_ids=True)
    return {"ids": e["input_ids"], "offsets": [list(o) for o in e["offset_mapping"]],
            "type_ids": e["token_type_ids"], "tokens": e.tokens()}


def compare(program, folder, read, rows, name):
    """What program says of the folder `read` against the reference's of `folder`."""
    try:
        reference = AutoTokenizer.from_pretrained(folder)
    except Exception as e:
        print(f"{name}: the reference refuses it: {str(e)[:80]}")
        return 0, 0
    # AutoTokenizer drops an empty second text
    for texts in ([(r,) for r in rows], [(r, r[::-1] or "x") for r in rows]):
        got, message = ours(program, read, [dict(zip(("text", "text_pair"), t)) for t in texts])
        if got is None:
            print(f"{name}: refused: {message.strip()[:300]}")
            return len(rows), len(rows)
        bad = 0
        for text, answer in zip(texts, got):
            want = wanted(reference, *text)
            wrong = [k for k in want if answer.get(k) != want[k]]
            bad += bool(wrong)
            if wrong and bad < 4:
                k = wrong[0]
                print(f"{name}: {text!r}: {k}\n  want {want[k]}\n  got  {answer.get(k, answer)}")
        if bad:
            return 2 * len(rows), bad
    return 2 * len(rows), 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("corpus")
    p.add_argument("--model", action="append", default=[])
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--only", default="", help="a regular expression: the classes to try")
    p.add_argument("--rows", type=int, default=400)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    rng = random.Random(a.seed)
    text = pathlib.Path(a.corpus).read_text(encoding="utf-8", errors="replace")
    total = bad = 0
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        sample = place / "sample.txt"
        at = rng.randrange(max(1, len(text) - 300000))
        sample.write_text(text[at:at + 300000])
        todo = [(pathlib.Path(f), c, {}) for f, c in (m.split("=") for m in a.model)]
        for k in range(a.rounds):
            for cls in [c for c in FILES if re.search(a.only, c)]:
                work = place / f"train-{k}-{cls}"
                work.mkdir()
                try:
                    todo.append((train(rng, str(sample), work, cls), cls, options(rng, cls)))
                except RuntimeError as e:  # more characters than the vocabulary has room for
                    print(f"{cls}: no model from this sample: {str(e)[-60:]}")
        for i, (model, cls, extra) in enumerate(todo):
            folder = place / f"folder-{i}"
            read = make(rng, folder, model, cls, extra)
            n, b = compare(a.program, str(folder), str(read), rows_of(rng, text, a.rows), f"{cls} {str(extra)[:300]}")
            total += n
            bad += b
            if b:
                print(f"{cls} {str(extra)[:300]}: {b} of {n} differ")
    print(f"{total} rows compared, {bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
