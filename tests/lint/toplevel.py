#!/usr/bin/env python3
"""Check that the top level holds the rooms and what tools look for, and nothing else.

usage: toplevel.py [ROOT]
"""
import tree

ROOMS = {"coordinator", "worker", "core", "proto", "tests", "deploy", "CMakeLists.txt", "README.md"}
FOR_TOOLS = {
    "CMakePresets.json", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
    ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore", ".gitattributes", ".ci",
    ".github",
}


def check(root):
    listed = tree.tracked(root)
    if listed is None:
        listed = [p.relative_to(root) for p in root.iterdir() if p.name not in tree.NEVER_TRACKED]
    names = {p.parts[0] for p in listed}
    findings = [f"{n}: has no place at the top level" for n in sorted(names - ROOMS - FOR_TOOLS)]
    findings += [f"{n}: is missing" for n in sorted(ROOMS - names)]
    return findings, len(names)


if __name__ == "__main__":
    tree.run(check, "names")
