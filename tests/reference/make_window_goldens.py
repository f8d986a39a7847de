#!/usr/bin/env python3
"""Windows over rows that are too long, as transformers cuts them (return_overflowing_tokens).

usage: make_window_goldens.py FIXTURES/text     reads its bert.json and config, writes windows.jsonl
Each row: texts, max_length, stride, whether the pair text is the one that is cut, and of every window
ids, type ids, offsets and words (-1 for specials).
"""
import json
import pathlib
import sys

import transformers

TEXTS = ("the fox", "the lazy dog and the fox", "it is the way of the world that the fox is not the dog")


def windows(tok, text, pair, most, stride, second):
    e = tok(text, pair, truncation="only_second" if second else "only_first", max_length=most, stride=stride,
            return_overflowing_tokens=True, return_offsets_mapping=True, return_token_type_ids=True)
    return [{"ids": i, "type_ids": t, "offsets": [list(o) for o in f], "words": [-1 if w is None else w for w in e.word_ids(k)]}
            for k, (i, t, f) in enumerate(zip(e["input_ids"], e["token_type_ids"], e["offset_mapping"]))]


def rows(name, tok):
    specials = {False: 2, True: 3}
    for text in TEXTS:
        for pair in (None, *TEXTS):
            for second in ((False, True) if pair else (False,)):
                kept = 0 if pair is None else len(tok(text if second else pair, add_special_tokens=False)["input_ids"])
                for room in (1, 3, 8):
                    for stride in (s for s in (0, 1, 4) if s < room):
                        most = specials[pair is not None] + kept + room
                        yield {"tokenizer": name, "text": text, **({} if pair is None else {"pair": pair}),
                               "max_length": most, "stride": stride, "second": second,
                               "windows": windows(tok, text, pair, most, stride, second)}


def main():
    folder = pathlib.Path(sys.argv[1])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "bert.json"))
    left = transformers.BertTokenizerFast.from_pretrained(str(folder / "config"))
    with open(folder / "windows.jsonl", "w", encoding="utf-8") as f:
        for name, tok in (("bert.json", fast), ("config", left)):
            for row in rows(name, tok):
                f.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
