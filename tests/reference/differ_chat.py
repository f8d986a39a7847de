#!/usr/bin/env python3
"""Random templates over random conversations, against transformers: the same text, or both refuse.

    differ_chat.py --drive build/release/tests/core/chat/chat_drive [--templates 2000] [--seed 1] [FILE...]

FILE: real templates (.jinja, or a tokenizer_config.json) to render too; none are kept here. A construct outside the subset may be
refused where the reference answers, by exit code 69 alone; how many were is printed.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import make_chat_goldens as goldens
from transformers.utils import chat_template_utils

NAMES = ["m", "x", "m.content", "m.role", "n.v", "messages[0].content", "messages[-1].role", "messages", "m", "x", "n.v", "loop.index", "loop.last", "bos_token", "tools", "nobody", "add_generation_prompt", "messages[0]", "m.content", "m['role']",
         "loop.previtem", "messages[-1].content", "n.w"]
LITERALS = ["'a'", "'\\n x '", '"it\'s"', "0", "1", "-2", "3.5", "1.0", "true", "false", "none", "[]", "{}", "[1, 'b']", "(1, 2)", "{'k': 'v', 'role': 'user'}", "''", "'user'",
            "'é ü'", "range(4)"]
FILTERS = ["trim", "length", "upper", "lower", "first", "last", "list", "string", "tojson", "items", "reverse", "abs", "int", "capitalize", "join", "join(', ')", "default('d')",
           "default('d', true)", "replace('a', 'bb')", "replace('', '-')", "selectattr('role', 'equalto', 'user')", "rejectattr('content')", "map(attribute='role')",
           "map('upper')", "select('string')", "reject('none')", "tojson(indent=2)", "count", "trim('a\\n')", "d(x)", "join('/', attribute='role')"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer", "float", "boolean", "true", "false", "odd", "even", "callable", "eq 1",
         "in ['a', 'user']", "equalto('user')", "gt(1)"]
METHODS = ["strip()", "lstrip('\\n ')", "rstrip()", "split()", "split('a')", "split('\\n', 1)", "rsplit('a', 1)", "startswith('a')", "endswith(('a', 'o'))", "replace('e', '')",
           "upper()", "title()", "items()", "keys()", "values()", "get('role')", "get('zz', 7)", "find('l')", "count('e')", "join(['a', 'b'])", "removeprefix('H')",
           "removesuffix('o')", "capitalize()", "cycle('p', 'q')", "changed(m)", "role", "content", "nothing"]
SLICES = ["[0]", "[-1]", "[1:]", "[:2]", "[::-1]", "[5]", "['role']", "['items']", "[1:9:2]", "[-2:]", "[:-1]", "[3:0:-1]"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
WORDS = ["Hello", " a b ", "Übung\n", "", "x\ty", "ends </t>", "\u3000wide\u3000", "1", "{{ x }}", "a\r\nb"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def expr(self, depth=0):
        r = self.r
        kind = r.randrange(24) if depth < 3 else r.randrange(3)
        kind = kind if kind < 12 else kind % 3 if kind < 20 else 4 + kind % 2 * 3
        if kind <= 2:
            return r.choice(NAMES if kind else LITERALS)
        a = self.expr(depth + 1)
        if kind == 3:
            return f"({a}) | {r.choice(FILTERS)}" if r.random() < .3 else f"{a} | {r.choice(FILTERS)}"
        if kind == 4:
            return f"{a} is {r.choice(['', 'not '])}{r.choice(TESTS)}"
        if kind == 5:
            return f"({a}).{r.choice(METHODS)}"
        if kind == 6:
            return f"({a}){r.choice(SLICES)}"
        if kind == 7:
            return f"({a} if {self.expr(depth + 1)}{r.choice([' else ' + self.expr(depth + 1), ''])})"
        if kind == 8:
            return f"not {a}"
        if kind == 9:
            return f"-{a}"
        op = r.choice(BINARY)
        return f"{a} {op} {self.expr(depth + 1)}" if r.random() < .6 else f"({a}) {op} ({self.expr(depth + 1)})"

    def tag(self, body):
        return "{%" + self.r.choice(["", "-", "+", "", ""]) + f" {body} " + self.r.choice(["", "-", "+", "", ""]) + "%}"

    def text(self):
        return self.r.choice(["", " ", "\n", "\n  ", "text", "a\n", "\t", "\n\n", " b ", "\u00a0\n", "  "])

    def statement(self, depth, loop):
        r = self.r
        kind = r.randrange(12)
        if kind <= 4 or depth > 2:
            return "{{" + r.choice(["", "-", "+"]) + f" {self.expr()} " + r.choice(["", "-"]) + "}}"
        if kind == 5:
            return self.tag(f"set {r.choice(['x', 'n.v', 'n.w', 'm'])} = {self.expr()}")
        if kind == 6:
            other = r.choice(["", self.tag(f"elif {self.expr(2)}") + self.body(depth, loop), self.tag("else") + self.body(depth, loop)])
            return self.tag(f"if {self.expr(1)}") + self.body(depth, loop) + other + self.tag("endif")
        if kind == 7:
            over = r.choice(["messages", "messages[1:]", self.expr(2), "m", "range(3)"])
            cond = r.choice(["", "", f" if {self.expr(2)}"])
            return self.tag(f"for {r.choice(['m', 'x', 'm, x'])} in {over}{cond}") + self.body(depth, True) + r.choice(["", self.tag("else") + "none"]) + self.tag("endfor")
        if kind == 8:
            return r.choice(["{#", "{#-"]) + " note " + r.choice(["#}", "-#}"])
        if kind == 9:
            return self.tag("raw") + " {{ raw " + self.tag("endraw")
        if kind == 10:
            return self.tag("set x") + self.body(depth, loop) + self.tag("endset")
        if loop:
            return self.tag("if loop.index > 1") + self.tag(r.choice(["break", "continue"])) + self.tag("endif")
        return self.tag("macro f(a, b=2)") + "{{ a }}" + self.body(3, False) + self.tag("endmacro") + "{{ f(" + self.expr(2) + ") }}"

    def body(self, depth, loop):
        return self.text() + "".join(self.statement(depth + 1, loop) + self.text() for _ in range(self.r.randrange(1, 3)))

    def template(self):
        head = self.text() + self.tag("set n = namespace(v=1, w='w')")
        return head + "".join(self.text() + self.statement(0, False) for _ in range(self.r.randrange(1, 6))) + self.text()

    def messages(self):
        r = self.r
        roles = r.choice([["user"], ["system", "user"], ["user", "assistant", "user"], ["user", "assistant"], ["tool", "user", "other"]])
        return [{"role": role, "content": r.choice(WORDS) if r.random() < .9 else [{"type": "text", "text": r.choice(WORDS)}], **r.choice([{}, {}, {"n": 3, "f": 1.5, "b": None}])}
                for role in roles]


def ours(drive, folder, rows):
    run = subprocess.run([drive, folder], input="".join(json.dumps(m) + "\n" for m in rows), capture_output=True, text=True, env={**os.environ, "TZ": "UTC"}, timeout=300)
    if run.returncode:
        return [{"exit": run.returncode, "error": run.stderr}] * len(rows)
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(drive, template, rows, counts):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "chat_template.jinja").write_text(template, encoding="utf-8", newline="")
        pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}))
        tok = goldens.tokenizer(template)
        bad = 0
        for messages, got in zip(rows, ours(drive, folder, rows)):
            want, error = goldens.answer(tok, messages)
            if isinstance(got, dict) and got["exit"] == 69:
                counts["outside the subset"] += 1
            elif (want is None) != isinstance(got, dict) or (want is not None and want != got):
                bad += 1
                print("----\n" + template + "\n--", json.dumps(messages, ensure_ascii=False), "\nwant", repr(want if want is not None else error), "\ngot ", repr(got))
            else:
                counts["equal" if want is not None else "both refuse"] += 1
        return bad


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--drive", required=True)
    p.add_argument("--templates", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("files", nargs="*")
    o = p.parse_args()
    chat_template_utils.datetime = goldens.Clock
    counts = {"equal": 0, "both refuse": 0, "outside the subset": 0}
    bad = 0
    for file in o.files:
        text = pathlib.Path(file).read_text(encoding="utf-8")
        bad += compare(o.drive, json.loads(text)["chat_template"] if file.endswith(".json") else text, goldens.CONVERSATIONS, counts)
    for i in range(o.templates):
        maker = Maker(o.seed * 1000003 + i)
        bad += compare(o.drive, maker.template(), [maker.messages() for _ in range(3)], counts)
    print(counts, bad, "differ")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
