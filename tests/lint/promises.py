#!/usr/bin/env python3
"""Check that every row of a table of promises has a test.

usage: promises.py DOCUMENT HEADING MOST COMMAND...
COMMAND lists the tests, a line each that ends with ": NAME" (ctest -N does). Each row of the table
below "## HEADING" names at least one test in back quotes in its last cell, and each that is named
is there; there are MOST rows at most.
"""
import pathlib
import re
import subprocess
import sys


def promises(lines, heading):
    """(line number, last cell) of the rows of the table."""
    inside, head = False, True
    for n, line in enumerate(lines, 1):
        inside, head = (line == f"## {heading}", True) if line.startswith("## ") else (inside, head)
        if inside and line.startswith("|") and not re.match(r"\|[-:| ]+\|$", line):
            if not head:
                yield n, line.rstrip("| ").rpartition("|")[2]
            head = False


def main():
    document, heading, most = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    listed = subprocess.run(sys.argv[4:], capture_output=True, text=True, check=True).stdout
    tests = {line.rpartition(": ")[2].strip() for line in listed.splitlines() if ": " in line}
    findings = []
    rows = list(promises(document.read_text(encoding="utf-8").splitlines(), heading))
    for n, cell in rows:
        named = re.findall(r"`([^`]+)`", cell)
        if not named:
            findings.append(f"{document.name}:{n}: a promise without a test")
        findings += [f"{document.name}:{n}: there is no test {t}" for t in named if t not in tests]
    if len(rows) > most:
        findings.append(f"{document.name}:1: {len(rows)} promises, the limit is {most}")
    for finding in findings:
        print(finding)
    print(f"{len(rows)} promises, {len(findings)} findings")
    sys.exit(1 if findings or not rows else 0)


if __name__ == "__main__":
    main()
