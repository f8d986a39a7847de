#!/usr/bin/env python3
"""Check the size budget and the words nobody should commit.

usage: budget.py [ROOT]
C: functions of at most 80 lines, files of at most 800 (*_tables.c aside), no tabs, lines of at
most 100 columns (clang-format holds code to 96; this is for comments). In the program's rooms at
most 6 parameters before the error that every fallible call takes last, 8 in core/kernels; tests
may take what their kernel takes. Every text file: no notes to self, no paths of one machine, no
blanks at line ends.
"""
import re

import tree

FUNCTION_LINES, FILE_LINES, COLUMNS = 80, 800, 100
PARAMETERS, KERNEL_PARAMETERS = 6, 8
# In pieces, so that this file does not find itself.
NOTES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|not " r"implemented yet")
MACHINE = re.compile(r"(^|[\s\"'=(`:])/(ro" r"ot|ho" r"me|wo" r"rk)/\w")


def functions(lines):
    """(name, number of its first line, lines, parameters) of each function. The braces of a body
    stand in column 0: clang-format sees to that."""
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = signature(lines, start)
            name = re.search(r"(\w+)\s*\(", head)
            if name:
                first = start - head.count("\n")
                yield name.group(1), first, i - start + 1, parameters(head[name.end():])
            start = None


def signature(lines, brace):
    """The lines of a function's head above its brace: up to a blank line, a comment, a directive
    or the end of the thing before."""
    first = brace
    while first > 0 and not re.search(r"^\s*$|[;}]\s*$|\*/\s*$|^\s*#|^\s*//", lines[first - 1]):
        first -= 1
    return "\n".join(lines[first:brace])


def parameters(text):
    """How many parameters stand between an opening bracket (already eaten) and its closing, the
    last `tfm_err *err` aside."""
    depth, commas = 0, 0
    for i, c in enumerate(text):
        if c == ")" and depth == 0:
            inside = text[:i].strip()
            has_err = re.search(r"\btfm_err \*\w+$", inside) is not None
            return 0 if inside in ("", "void") else commas + 1 - has_err
        depth += (c in "([") - (c in ")]")
        commas += c == "," and depth == 0
    return commas + 1


def most_parameters(path):
    """The limit where this file lies."""
    if path.parts[0] == "tests":
        return 99
    return KERNEL_PARAMETERS if path.parts[:2] == ("core", "kernels") else PARAMETERS


def check_c(path, lines):
    """Findings about the sizes of one C file."""
    if len(lines) > FILE_LINES and not path.name.endswith(("_tables.c", "_tables.h")):
        yield f"{path}:1: {len(lines)} lines, the limit is {FILE_LINES}"
    most = most_parameters(path)
    for name, n, length, count in functions(lines):
        if length > FUNCTION_LINES:
            yield f"{path}:{n}: {name} has {length} lines, the limit is {FUNCTION_LINES}"
        if count > most:
            yield f"{path}:{n}: {name} has {count} parameters, the limit is {most}"
    for n, line in enumerate(lines, 1):
        if "\t" in line:
            yield f"{path}:{n}: a tab"
        if len(line) > COLUMNS:
            yield f"{path}:{n}: {len(line)} columns, the limit is {COLUMNS}"


def check_words(path, lines):
    """Findings about the words of one text file. Fixtures and models are data, not our prose."""
    if path.parts[:2] in (("tests", "fixtures"), ("deploy", "models")):
        return
    for n, line in enumerate(lines, 1):
        for pattern, what in ((NOTES, "a note to self"), (MACHINE, "a path of one machine")):
            if pattern.search(line):
                yield f"{path}:{n}: {what}: {line.strip()[:80]}"
        if line != line.rstrip():
            yield f"{path}:{n}: blanks at the end of the line"


def check(root):
    findings, paths = [], tree.files(root)
    for path in paths:
        lines = tree.lines_of(root / path)
        if tree.is_c(path):
            findings += check_c(path, lines)
        findings += check_words(path, lines)
    return findings, len(paths)


if __name__ == "__main__":
    tree.run(check, "files")
