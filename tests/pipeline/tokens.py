"""The verbs tokenize and bench tokenize: texts to ids and back, statistics, bytes that are no UTF-8,
rows that fail, speed."""
import csv
import json
import random

import harness
from harness import call, must, rows, scratch


def tokenized(src, *options):
    got = [json.loads(line) for line in must(call("tokenize", "-i", src, *options)).out.splitlines()]
    for row in got:
        del row["id"]
    return got


def random_bytes(count):
    """Half noise, half good text with a byte changed: most mistakes of UTF-8 occur."""
    rng = random.Random(4)
    good = "naïve 日本語 😀 Ünïcödé e\u0301 \U0010ffff \ud7ff\ue000 plain words".encode()
    out = []
    for i in range(count):
        b = bytearray(rng.randbytes(rng.randint(1, 40)) if i % 2 else good)
        for _ in range(rng.randint(1, 4)):
            b[rng.randrange(len(b))] = rng.choice((0xc0, 0xc1, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff,
                                                   0x80, 0xbf, 0xa0, 0x90, rng.randrange(256)))
        out.append(b"x" + bytes(b).translate(None, b"\n\r\"\\" + bytes(range(32))) + b"x")
    return out


def test_bytes_that_are_no_utf8_are_replaced_as_python_does():
    """In a line of text, in a JSON string and in a CSV cell: the row is that of U+FFFD."""
    folder = scratch()
    texts = random_bytes(2000)
    repaired = [b.decode("utf-8", "replace") for b in texts]
    assert sum("\ufffd" in r for r in repaired) > 1500
    want = tokenized(rows(repaired, folder / "want.jsonl"))
    assert not any("error" in w for w in want)
    raw = {"rows.txt": b"\n".join(texts),
           "rows.jsonl": b"\n".join(b'{"text": "' + b + b'"}' for b in texts),
           "rows.csv": b"text\n" + b"\n".join(b'"' + b + b'"' for b in texts)}
    for name, data in raw.items():
        (folder / name).write_bytes(data + b"\n")
        got = tokenized(folder / name)
        assert len(got) == len(want), name
        for g, w, text in zip(got, want, texts):
            assert g == w, f"{name}: {text!r}: got {g}, want {w}"


def test_decode_is_the_way_back():
    """Of JSONL arrays, lines of numbers and CSV cells; what are no ids is an error row."""
    folder = scratch()
    texts = ["i love this!", "", "the cat sat on the mat .", "naive cafe"]
    must(call("tokenize", "-i", rows(texts, folder / "rows.jsonl"), "-o", folder / "ids.jsonl"))
    ids = [json.loads(line)["ids"] for line in harness.lines(folder / "ids.jsonl")]
    want = [{"text": t} for t in ("i love this!", "", "the cat sat on the mat.", "naive cafe")]
    assert tokenized(folder / "ids.jsonl", "--decode") == want
    (folder / "ids.txt").write_text("".join(" ".join(map(str, i)) + "\n" for i in ids))
    assert tokenized(folder / "ids.txt", "--decode") == want
    (folder / "ids.csv").write_text("ids\n" + "".join(f'"{i}"\n' for i in ids))
    assert tokenized(folder / "ids.csv", "--decode") == want
    bad = ["[-1]", "[1.5]", "[99999999999]", '["2"]', "[1,[2]]", '"x"', "7", "null"]
    (folder / "bad.jsonl").write_text("".join(f'{{"ids": {b}}}\n' for b in [*bad, "[51]"]))
    got = tokenized(folder / "bad.jsonl", "--decode")
    assert all(g["error"]["message"] for g in got[:-1]) and got[-1] == {"text": "i"}, got


def test_stats_are_those_of_the_rows():
    folder = scratch()
    texts = ["one two three " * n for n in range(1, 60)] + ["", "\U0001f9ff \U0001f9ff", "ab"]
    src = rows(texts, folder / "rows.jsonl")
    lengths = sorted(len(r["ids"]) for r in tokenized(src))
    unknown = sum(r["tokens"].count("[UNK]") for r in tokenized(src))
    with open(src, "a", encoding="utf-8") as f:
        f.write("no row\n")
    got = json.loads(must(call("tokenize", "-i", src, "--stats", "--max-length", 40)).out)
    n = len(lengths)
    want = {"rows": n + 1, "row_errors": 1, "bytes": sum(len(t.encode()) for t in texts),
            "tokens": sum(lengths), "special_tokens": 2 * n, "unknown_tokens": unknown,
            "tokens_p50": lengths[(n + 1) // 2 - 1], "tokens_p99": lengths[(99 * n + 99) // 100 - 1],
            "tokens_max": lengths[-1], "max_length": 40,
            "rows_truncated": sum(x > 40 for x in lengths)}
    assert unknown >= 2 and {k: got[k] for k in want} == want, got
    own = want["tokens"] - want["special_tokens"]
    assert abs(got["bytes_per_token"] - want["bytes"] / own) < 1e-3
    must(call("tokenize", "-i", src, "--stats", "--decode"), 64)


def test_the_summary_counts_the_rows():
    folder = scratch()
    src = rows(["i love this!", "the cat"], folder / "rows.jsonl")
    src.write_text(src.read_text() + "\n{bad\n")
    must(call("tokenize", "-i", src, "-o", folder / "ids.jsonl", "--summary-json", folder / "sum.json"))
    got = [json.loads(line) for line in harness.lines(folder / "ids.jsonl")]
    want = json.loads((folder / "sum.json").read_text())
    assert want["rows_in"] == want["rows_out"] == 3 and want["row_errors"] == want["blank_lines"] == 1
    assert want["tokens"] == sum(len(row.get("ids", ())) for row in got)


def test_a_text_that_is_too_long():
    src = rows(["one two three four five six"], scratch() / "rows.jsonl")
    assert len(tokenized(src, "--max-length", 4)[0]["ids"]) == 4
    got = tokenized(src, "--max-length", 4, "--on-overflow", "error")
    assert "--max-length 4" in got[0]["error"]["message"], got


def test_bench_counts_what_tokenize_gives():
    """The same rows, bytes and tokens, with pairs, errors and any number of threads."""
    folder = scratch()
    texts = ["one two three naïve " * n for n in range(1, 40)] + [""]
    src = rows(texts, folder / "rows.jsonl")
    with open(src, "a", encoding="utf-8") as f:
        f.write('{"text": "a pair", "text_pair": "of texts"}\nno row\n')
    whole = [r for r in tokenized(src) if "ids" in r]
    size = sum(len(t.encode()) for t in [*texts, "a pair", "of texts"])
    for threads in (1, 3):
        got = json.loads(must(call("bench", "tokenize", src, "-o", "json", "-r", 2, "--threads", threads)).out)
        assert [g["cache"] for g in got] == ["cold", "warm"], got
        for g in got:
            want = {"model": "WordPiece", "threads": threads, "rows": len(texts) + 2, "row_errors": 1,
                    "mb": round(size / 1e6, 3), "tokens": sum(len(r["ids"]) for r in whole)}
            assert {k: g[k] for k in want} == want, (g, want)
            assert 0 < g["mb_per_s_min"] <= g["mb_per_s"] <= g["mb_per_s_max"] and g["tokens_per_s"] > 0
    table = list(csv.DictReader(must(call("bench", "tokenize", src, "-o", "csv", "--limit", 3)).out.splitlines()))
    assert len(table) == 2 and table[0]["rows"] == "3" and table[0].keys() == got[0].keys(), table
    assert must(call("bench", "tokenize", src)).out.startswith("| tokenizer ")


def test_bench_refuses_what_it_cannot_measure():
    folder = scratch()
    assert "tokenize" in must(call("bench"), 64).err
    (folder / "blank.txt").write_text("\n\n")
    must(call("bench", "tokenize", folder / "blank.txt"), 66)
    must(call("bench", "tokenize", folder / "missing.txt"), 66)
    must(call("bench", "tokenize", "--tokenizer", folder / "missing.json", folder / "blank.txt"), 66)


if __name__ == "__main__":
    harness.run(globals())
