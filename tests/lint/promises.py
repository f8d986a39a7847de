#!/usr/bin/env python3
"""Check that every promise of README.md has a test.

usage: promises.py README COMMAND...
COMMAND lists the tests, a line each that ends with ": NAME" (ctest -N does). Each row of the table
below "## Promises" names at least one test in back quotes in its last cell, and each that is named
is there; there are ten promises at most.
"""
import pathlib
import re
import subprocess
import sys

MOST = 10


def promises(lines):
    """(line number, last cell) of the rows of the table."""
    inside = False
    for n, line in enumerate(lines, 1):
        inside = line == "## Promises" if line.startswith("## ") else inside
        if inside and line.startswith("|") and not re.match(r"\|[-:| ]+\|$|\| promise ", line):
            yield n, line.rstrip("| ").rpartition("|")[2]


def main():
    readme = pathlib.Path(sys.argv[1])
    listed = subprocess.run(sys.argv[2:], capture_output=True, text=True, check=True).stdout
    tests = {line.rpartition(": ")[2].strip() for line in listed.splitlines() if ": " in line}
    findings = []
    rows = list(promises(readme.read_text(encoding="utf-8").splitlines()))
    for n, cell in rows:
        named = re.findall(r"`([^`]+)`", cell)
        if not named:
            findings.append(f"{readme.name}:{n}: a promise without a test")
        findings += [f"{readme.name}:{n}: there is no test {t}" for t in named if t not in tests]
    if len(rows) > MOST:
        findings.append(f"{readme.name}:1: {len(rows)} promises, the limit is {MOST}")
    for finding in findings:
        print(finding)
    print(f"{len(rows)} promises, {len(findings)} findings")
    sys.exit(1 if findings or not rows else 0)


if __name__ == "__main__":
    main()
