#!/usr/bin/env python3
"""Check every #include line of the program's rooms against layers.txt.

usage: layers.py [ROOT]
A room includes only rooms below it; third-party headers come in through their one door; paths
are from the root and exist; a source includes its own header first, then project, third party,
C library. A name with two underscores (tfm__noun_verb) stays inside its room.
"""
import fnmatch
import pathlib
import re

import tree

ROOMS = ("core", "proto", "worker", "coordinator")
TABLE = pathlib.Path(__file__).with_name("layers.txt")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(\S+))')
GROUPS = ("own header", "project", "third party", "C library")


def read_table(path):
    """{"room": {folder: [what]}, "file": {...}, "door": {...}, "libc": {header}}"""
    table = {"room": {}, "file": {}, "door": {}, "libc": set()}
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        if kind == "libc":
            table["libc"].update(rest.split())
        elif kind in table and ":" in rest:
            name, _, what = rest.partition(":")
            table[kind][name.strip()] = what.split()
        elif kind:
            raise SystemExit(f"{path.name}:{n}: cannot read this line: {line}")
    return table


def below(path, folder):
    """True when path is folder or lies in it."""
    return path == folder or path.startswith(folder + "/")


def room_of(path, table):
    """The longest room folder that holds path; None when no room does."""
    return max((r for r in table["room"] if below(path, r)), key=len, default=None)


class File:
    """One source or header and its includes, checked line by line."""

    def __init__(self, path, root, table):
        self.path, self.root, self.table = path, root, table
        self.room = room_of(path, table)
        self.may = [self.room] + table["room"][self.room] + table["file"].get(path, [])
        self.last_group = 0
        self.includes = 0

    def project(self, target):
        """What is wrong with including target, a path in quotes; None when nothing is."""
        if not (self.root / target).is_file():
            return f'"{target}" is no path from the root'
        if not any(below(target, m) for m in self.may):
            allowed = ", ".join(self.may[1:]) or "nothing else"
            return f"{self.room} may not include {target} (it may: {allowed})"
        return None

    def foreign(self, target):
        """The same for a header in angle brackets."""
        doors = self.table["door"].get(target)
        if doors is None:
            known = target in self.table["libc"]
            return None if known else f"<{target}> has no door in layers.txt"
        if not any(fnmatch.fnmatchcase(self.path, d) for d in doors):
            return f"<{target}> may be included only by {', '.join(doors)}"
        return None

    def order(self, target, quoted):
        """What is wrong with the place of this include among the others."""
        if target.endswith(".inc"):
            return None  # a body, placed where it is needed
        own = str(pathlib.PurePath(self.path).with_suffix(".h"))
        if self.path.endswith(".c") and quoted and target == own:
            group = 0
            if self.includes > 1:
                return "its own header must come first"
        elif quoted:
            group = 1
        else:
            group = 3 if target in self.table["libc"] else 2
        before, self.last_group = self.last_group, max(self.last_group, group)
        if group < before:
            return f"<{target}> or \"{target}\": {GROUPS[group]} comes before {GROUPS[before]}"
        return None

    def check(self, line):
        """Complaints about one line."""
        m = INCLUDE.match(line)
        if not m:
            return []
        self.includes += 1
        quoted, angled, macro = m.groups()
        if macro:
            return [f"#include {macro}: a name, not a macro"]
        found = self.project(quoted) if quoted else self.foreign(angled)
        return [c for c in (found, self.order(quoted or angled, bool(quoted))) if c]


def private_names(root, paths, table):
    """Names of one room that another room uses. A room whose own headers say tfm__x means its
    own; two rooms may so call two types alike."""
    where, told = {}, set()
    for path in paths:
        room = room_of(path, table)
        for n, line in enumerate(tree.lines_of(root / path), 1):
            for name in re.findall(r"\btfm__\w+", line):
                where.setdefault(name, {}).setdefault(room, f"{path}:{n}")
                if path.endswith(".h"):
                    told.add((name, room))
    for name, rooms in sorted(where.items()):
        for room, place in sorted(rooms.items()):
            if len(rooms) > 1 and (name, room) not in told:
                yield f"{place}: {name} is another room's, by its two underscores"


def check(root):
    table = read_table(TABLE)
    paths = [str(p) for p in tree.files(root) if tree.is_c(p) and p.parts[0] in ROOMS]
    findings = []
    for path in paths:
        if room_of(path, table) is None:
            findings.append(f"{path}:1: lies in no room of layers.txt")
            continue
        file = File(path, root, table)
        for n, line in enumerate(tree.lines_of(root / path), 1):
            findings += [f"{path}:{n}: {c}" for c in file.check(line)]
    return findings + list(private_names(root, paths, table)), len(paths)


if __name__ == "__main__":
    tree.run(check, "sources and headers")
