#!/usr/bin/env python3
"""Make the seeds of the fuzz targets that read files of users, frames and command lines.

usage: make_fuzz_file_seeds.py OUT      OUT is tests/fixtures/fuzz

Standard library only. Configs are those of tests/fixtures/model, messages are made by the tables of
proto/FORMAT.md. Files found-* are inputs that once failed: this script leaves them alone.
"""
import json
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIRE_VERSION = int(re.search(r"TFM_WIRE_VERSION = (\d+)", (ROOT / "proto/tags.h").read_text(encoding="utf-8")).group(1))


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    """Header, NUL, data; raw files where the length itself is in question."""
    def made(header, data):
        text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
        return text.encode() + b"\0" + data
    two = {"a": tensor("F32", [2], 0, 8), "b.weight": tensor("F16", [1, 2], 8, 12)}
    yield "two", made(two, struct.pack("<2f", 1, -2) + b"\0\x3c\0\xc0")
    yield "metadata", made({"__metadata__": {"format": "pt"}, "s": tensor("BF16", [], 0, 2)}, b"\x80\x3f")
    yield "kinds", made({k: tensor(k, [0], 0, 0) for k in (
        "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")}, b"")
    yield "swapped", made({"b": tensor("I8", [3], 4, 7), "a": tensor("F32", [1], 0, 4)}, bytes(7))
    yield "hole", made({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3))
    yield "overlap", made({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, bytes(3))
    yield "tail", made({"a": tensor("U8", [1], 0, 1)}, bytes(9))
    yield "nan", made({"a": tensor("F32", [2], 0, 8)}, struct.pack("<2f", 0, float("nan")))
    yield "wrap", made({"a": tensor("F32", [1 << 32, 1 << 32], 0, 8)}, bytes(8))
    yield "twice", made('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8",'
                        '"shape":[0],"data_offsets":[1,1]}}', b"x")
    yield "axes", made({"a": tensor("U8", [1] * 9, 0, 1)}, b"x")
    yield "raw-short", b"\3\0\0"
    yield "raw-long", b"\xff" * 8 + b"{}"
    yield "raw-empty", b"\2\0\0\0\0\0\0\0{}"
    yield "raw-pickle", b"PK\3\4" + bytes(30)
    yield "raw-gguf", b"GGUF\3\0\0\0" + bytes(24)


def index_seeds():
    good = {"metadata": {"total_size": 12}, "weight_map": {
        "a": "first.safetensors", "b": "first.safetensors", "c": "second.safetensors"}}
    def without(**kw):
        return json.dumps({**good, "weight_map": {**good["weight_map"], **kw}})
    yield "good", json.dumps(good).encode()
    yield "lacks", without(d="first.safetensors").encode()
    yield "gone", without(d="third.safetensors").encode()
    yield "out", without(d="../first.safetensors").encode()
    yield "absolute", without(d="/etc/passwd").encode()
    yield "swapped", without(c="first.safetensors", a="second.safetensors").encode()
    yield "number", without(a=1).encode()
    yield "named", without(a="a\0b.safetensors", b="", c=".").encode()
    yield "folder", without(a=".", b="..").encode()
    yield "empty", b'{"weight_map":{}}'
    yield "none", b"{}"


def config_seeds():
    """One of each family and head, without what makes them long."""
    seen = set()
    for path in sorted((ROOT / "tests/fixtures/model").rglob("config.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        news = {(k, str(v)[:20] if isinstance(v, (bool, str)) else type(v).__name__) for k, v in config.items()
                if k not in ("transformers_version", "id2label", "label2id")} - seen
        if len(news) >= 2:
            seen |= news
            yield "-".join(path.relative_to(ROOT / "tests/fixtures/model").parts[:-1]), json.dumps(
                config, separators=(",", ":")).encode()


ROWS = ['{"text":"the soup was cold","n":1}', '{"id":"a","text":"caf\\u00e9 \\ud83d\\ude00","labels":["x","y"]}', "",
        '{"text":"a","text_pair":"b","id":18446744073709551617}', '{"s":"\\ud800","text":null,"n":[1,{"a":2}]}',
        '{"text":"last","text":"counts","x":1e999}', "{", '[1]', '{"labels":"a, b ,,c","text":["one","two"]}',
        '{"text":"cut off']


def jsonl_seeds():
    for how in (0, 1, 2, 13, 16, 48, 64, 96, 144, 208, 255):
        yield "rows-%d" % how, bytes([how]) + "\n".join(ROWS).encode()
    yield "crlf", b"\1\xef\xbb\xbf" + "\r\n".join(ROWS[:3]).encode() + b"\r\n"
    yield "broken", b"\1" + b'{"text":"a\xc3","\xff":"\xed\xa0\x80"}\n\0\0\0\n{"text":"b\0"}\n'
    yield "deep", b"\1" + b'{"text":' + b"[" * 70 + b"\n" + b'{"n":' + b"[" * 20 + b"]" * 20 + b"}"


TABLE = ('id,text,n,text_pair,labels,s\n1,plain,2,b,"x, y",z\n"2","quoted, ""twice""\nand long",,,,\n\n'
         '3,short\n4,a,b,c,d,e,f,g\n5,in "the" middle,1,2,3,4\n"never closed, x\n6,after,,,,\n')


def csv_seeds():
    for how in (0, 1, 2, 13, 16, 48, 64, 96, 144, 208, 255):
        yield "table-%d" % how, bytes([how]) + TABLE.encode()
    yield "crlf", b"\1\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode()
    yield "header", b"\1text,text\na,b\n"
    yield "only", b"\0text"
    yield "missing", b"\0a,b\n1,2\n"
    yield "broken", b'\1text,"n\xff"\n\xc3,"\xed\xa0\x80"\n\0,\0\n'
    yield "utf16", b"\0\xff\xfet\0e\0x\0t\0\n\0"


def messages():
    """type number to payload, by the table of section 3."""
    text = (ROOT / "proto/FORMAT.md").read_text(encoding="utf-8").split("## 3.")[1].split("## 4.")[0]
    for number, fields in re.findall(r"^\| (\d+) \| \w+ \| [^|]+\| ([^|]+) \|$", text, re.M):
        payload = b""
        for field in re.sub(r" \([^)]*\)", "", fields).split(", "):
            kind = re.search(r" (text|bool|i32|u32|i64|u64|f64|ids|spans|weights)\b", field).group(1)
            payload += {"text": b"\3\0\0\0abc", "bool": b"\1\0\0\0", "ids": b"\2\0\0\0\5\0\0\0\7\0\0\0",
                        "weights": b"\2\0\0\0" + struct.pack("<2f", 0.25, 0.75),
                        "spans": b"\1\0\0\0" + struct.pack("<IQqdd", 1, 7, 9, 0.5, 0.75),
                        "f64": struct.pack("<d", 0.5)}.get(kind) or (b"\2" + bytes(7 if kind[1:] == "64" else 3))
        yield int(number), payload


def frame(kind, payload, source=1, extras=0, freed=0, sequence=2, batch=0, counts=(0, 0, 0, 0)):
    """Length and checksums are put right by the target."""
    return struct.pack("<4sHHIHHQQ4IQII", b"TFMF", WIRE_VERSION, kind, source, extras, freed, sequence, batch, *counts,
                       len(payload), 0, 0) + payload


def table(*entries):
    bytes_ = struct.pack("<%dI" % len(entries), *entries)
    return bytes_ + bytes(-len(bytes_) % 64)


def frame_seeds():
    for number, payload in messages():
        yield "message-%d" % number, bytes([4 | (number - 1) << 3]) + payload
        yield "control-%d" % number, b"\2" + frame(number, payload[:200])
    x = struct.pack("<9f", *range(9))
    yield "activations", b"\3" + frame(64, table(2, 1, 2) + x, batch=3, counts=(2, 3, 3, 1))
    placed = (2, 1, 2, 0, 1, 0, 7, 4, 5, 0, 1)  # lengths, mark, slots, starts, rows, parents
    yield "placed", b"\3" + frame(64, table(*placed, 11, 12, 13, 3) + x, extras=3, freed=1, counts=(2, 3, 3, 1))
    yield "sourced", b"\3" + frame(64, table(1, 1, 0, 0, 1, 0, 7, 4, 5, 0, 1, 1, 0) + x, extras=6, counts=(2, 3, 3, 1))
    halves = struct.pack("<9H", *range(9))
    yield "narrow", b"\x0b" + frame(64, table(2, 1, 2) + halves, extras=8, batch=3, counts=(2, 3, 3, 1))
    yield "narrow-sourced", b"\x0b" + frame(64, table(1, 1, 0, 0, 1, 0, 7, 4, 5, 0, 1, 1, 0) + halves, extras=14, counts=(2, 3, 3, 1))
    yield "narrow-not-wanted", b"\3" + frame(64, table(2, 1, 2) + halves, extras=8, batch=3, counts=(2, 3, 3, 1))
    yield "result", b"\3" + frame(65, table(0, 2) + x, counts=(2, 3, 3, 0))
    yield "end", b"\3" + frame(66, b"")
    yield "unsealed", b"\1" + frame(66, b"")
    yield "unknown", b"\3" + frame(67, b"")
    yield "huge", b"\3" + frame(64, table(2), counts=(1 << 31, 0xffffffff, 3, 0))
    yield "example", b"\1" + bytes(int(b, 16) for b in re.findall(
        r"0x(..)", (ROOT / "tests/proto/frame_example.inc").read_text(encoding="utf-8")))


def options_seeds():
    config = {"max-batch-tokens": 512, "passthrough": ["a", "b"], "progress": "none", "quiet": True}
    lines = {"bare": [], "classify": ["classify", "-m", "dir", "-i", "a.jsonl", "b.csv", "-o", "out.csv.gz", "--top-k", "3"],
             "equal": ["run", "--limit=10", "--skip=2", "--shard=1/4", "--resume=must", "--summary-json=s.json"],
             "generate": ["generate", "--do-sample", "--temperature", "0.7", "--top-p", "0.9", "--seed", "-1"],
             "help": ["help", "embed"], "version": ["--version"], "wrong": ["clasify", "--modell", "x"],
             "number": ["--limit", "9223372036854775808"], "missing": ["-o"], "twice": ["-i", "a", "-i", "b", "--", "-c"],
             "bench": ["bench", "encode", "--lengths", "1,2,3", "--format", "csv"], "plan": ["plan", "--ranks", "16", "--layers", "0-3,4-7"],
             "bytes": ["--kv-budget", "2GiB", "--threads", "0"], "env": ["TFM_LIMIT=3", "TFM_SHARD=2/1", "classify"],
             "broken": ["--text-column", b"\xff\xc3", b"\xed\xa0\x80"]}
    for name, words in lines.items():
        yield name, b"\0".join([b"", *(w if isinstance(w, bytes) else w.encode() for w in words)])
    yield "config", json.dumps(config).encode() + b"\0classify"
    yield "config-wrong", b'{"limit": "x", "unknown": {}}\0run'
    yield "config-nested", b'{"config": "a"}'


def write(folder, seeds):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.name.startswith("found-"):
            old.unlink()
    for name, data in seeds:
        (folder / name).write_bytes(data)


def main():
    out = pathlib.Path(sys.argv[1])
    for name, seeds in (("safetensors", safetensors_seeds()), ("index", index_seeds()), ("config", config_seeds()),
                        ("jsonl", jsonl_seeds()), ("csv", csv_seeds()), ("frame", frame_seeds()),
                        ("options", options_seeds())):
        write(out / name, seeds)


if __name__ == "__main__":
    main()
