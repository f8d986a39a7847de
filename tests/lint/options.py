#!/usr/bin/env python3
"""Check that the documents and the program's help offer the same verbs and options.

usage: options.py PROGRAM [ROOT]
deploy/docs/INTERFACE.md must name every verb and option of the help, and nothing else. In all
documents, an option behind `tfm-cluster` on a line must exist.
"""
import re
import subprocess
import sys

import tree

GUIDE = "deploy/docs/INTERFACE.md"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
VERB_ROW = re.compile(r"^\| `([a-z-]+)`")


def help_of(program, *verb):
    done = subprocess.run([program, "help", *verb], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL)
    return done.stdout


def verbs_of(text):
    """Verbs of the help: the words its list of verbs begins lines with."""
    listed = re.split(r"(?m)^Verbs.*$", text, maxsplit=1)[-1]
    return set(re.findall(r"(?m)^  ([a-z][a-z-]*) +\S", re.split(r"\n\n", listed.strip("\n"))[0]))


def offered(program):
    """(verbs, options) of all help pages. An option is told at the beginning of a line."""
    text = help_of(program)
    verbs = verbs_of(text)
    pages = [text] + [help_of(program, v) for v in sorted(verbs)]
    told = re.compile(r"(?m)^ {2,6}(?:-\w, )?(--[a-z][a-z0-9-]*)")
    return verbs, {o for page in pages for o in told.findall(page)}


def section(lines, number):
    """(line number, line) of the guide's section."""
    inside = False
    for n, line in enumerate(lines, 1):
        if line.startswith("## "):
            inside = line.startswith(f"## {number}.")
        elif inside:
            yield n, line


def guide_findings(lines, verbs, options):
    """Differences between the guide and the help."""
    told_verbs = {m.group(1) for _, s in section(lines, 1) if (m := VERB_ROW.match(s))}
    told = {o for _, s in section(lines, 2) if s.startswith("| ") for o in OPTION.findall(s)}
    for what, guide, program in (("verb", told_verbs, verbs), ("option", told, options)):
        for name in sorted(program - guide):
            yield f"{GUIDE}:1: does not tell of the {what} {name}"
        for name in sorted(guide - program):
            yield f"{GUIDE}:1: tells of the {what} {name}, which the help does not offer"


def use_findings(path, lines, options):
    """Options that a document uses and the program does not have."""
    for n, line in enumerate(lines, 1):
        for command in re.split(r"tfm-cluster\b", line)[1:]:
            for name in OPTION.findall(re.split(r"[`;|&]|  #", command)[0]):
                if name not in options:
                    yield f"{path}:{n}: tfm-cluster has no option {name}"


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    root = tree.root_of(sys.argv[2:])
    verbs, options = offered(sys.argv[1])
    findings = list(guide_findings(tree.lines_of(root / GUIDE), verbs, options))
    for path in tree.files(root):
        if path.suffix == ".md":
            findings += use_findings(path, tree.lines_of(root / path), options)
    return tree.finish(findings, len(verbs) and len(options), "options")


if __name__ == "__main__":
    sys.exit(main())
