#!/usr/bin/env python3
"""Check that the documents speak of this tree.

usage: docs.py [ROOT]
A path in back quotes exists; ARCHITECTURE.md and the README of each folder keep to their size.
A path is taken for one when it begins with a top-level room and holds a slash; `x/<name>.c` and
`x/*.c` stand for many and are not looked up, but their folder is.
"""
import re

import tree

PATH = re.compile(r"`((?:coordinator|worker|core|proto|tests|deploy|\.ci|\.github)/[^`\s]*)`")
README_LINES, ARCHITECTURE_LINES = 40, 150


def exists(root, path):
    """True when a named path is there; of a pattern, when the folder before it is."""
    fixed = re.split(r"[<*{]", path)[0]
    if fixed != path:
        fixed = fixed.rpartition("/")[0]
    return (root / fixed).exists()


def limit_of(path):
    """The most lines this document may have; None where there is no limit."""
    if str(path) == "ARCHITECTURE.md":
        return ARCHITECTURE_LINES
    of_a_model = path.parts[:2] == ("deploy", "models") and len(path.parts) > 3
    inside = len(path.parts) > 1 and path.name == "README.md" and not of_a_model
    return README_LINES if inside else None


def check(root):
    findings = []
    documents = [p for p in tree.files(root) if p.suffix == ".md"]
    for path in documents:
        lines = tree.lines_of(root / path)
        most = limit_of(path)
        if most and len(lines) > most:
            findings.append(f"{path}:1: {len(lines)} lines, the limit is {most}")
        for n, line in enumerate(lines, 1):
            for named in PATH.findall(line):
                if not exists(root, named):
                    findings.append(f"{path}:{n}: {named} does not exist")
    return findings, len(documents)


if __name__ == "__main__":
    tree.run(check, "documents")
