"""Run what a how-to of deploy/docs tells people to type, and hold its screens against what came.

usage: howto.py FILE.md [--keep] [--also WORD]   (environment: TFM_PROGRAM, TFM_SOURCE)
       --keep: the scratch folder stays; --also: blocks that are skipped for a reason with that word run too

How a how-to is written. Plain Markdown; whoever reads it sees none of this.

  ```sh          a block of commands. All blocks of a file are one session of bash: the same folder,
                 variables stay. The session stops at the first command that fails (set -euo
                 pipefail), as the reader would.
  ```text        behind an sh block (prose may stand between): what it printed, standard error
                 included, as a reader sees it. Every line must come, in this order; others may
                 come between. Digits are compared as "some number" and blanks as "some blanks", so
                 times and rates are free and words are not; a line that ends in `...` is the
                 beginning of one, a line of nothing else is for people.
  other fences   are for people only, unless a comment says otherwise.

A comment on a line of its own, right before the fence, changes what is done with that one block:

  <!-- test: file NAME -->    the block (of any kind) is not run: it is written to the file NAME of
                              the session's folder, which is how a reader gets the input
  <!-- test: exit N -->       the block ends with code N (75, say), not 0; what it sets stays in it
  <!-- test: skip REASON -->  the block cannot be run here; the reason is printed. Where it can (a fresh
                              clone, a machine with Slurm) --also runs it; the clone is ./tfm-cluster

The session begins in an empty folder that goes away, HOME and TFM_CACHE_DIR in it. `tfm-cluster` is
the program of the build, first in PATH; TFM_SOURCE is the source tree; mpirun may be root and may
have more ranks than cores, as after `. deploy/mpi_env.sh`. There is no network. Keep a how-to's
commands cheap: a minute in all on two cores, with the embedded model (no --model).

A how-to is tested by lying in deploy/docs, as test docs.NAME.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
from harness import MPI  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("TFM_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
FENCE = re.compile(r"^(```+)\s*(\w*)")
COMMENT = re.compile(r"^<!-- test: (file|exit|skip) (.+?) -->$")
MARK = "@@howto-block"


class Block:
    def __init__(self, kind, line, order):
        self.kind, self.line, self.order = kind, line, order  # order: (word, rest) of a comment
        self.text = []


def blocks_of(text):
    """The fenced blocks of a document, in order."""
    blocks, open_with, order = [], None, None
    for n, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if open_with:
            if line.strip() == open_with:
                open_with = None
            else:
                blocks[-1].text.append(line)
        elif fence:
            open_with = fence.group(1)
            blocks.append(Block(fence.group(2), n, order))
            order = None
        else:
            comment = COMMENT.match(line.strip())
            if line.strip().startswith("<!-- test:") and not comment:
                raise ValueError(f"line {n}: no order of howto.py: {line.strip()}")
            if order and not comment:
                raise ValueError(f"line {n}: a test comment stands right before its fence")
            order = comment.groups() if comment else order
    if open_with:
        raise ValueError(f"line {blocks[-1].line}: the fence is not closed")
    return blocks


def script_of(blocks):
    """The session: all blocks behind one another, each announced in the output."""
    lines = ["set -euo pipefail"]
    for i, b in enumerate(blocks):
        word, rest = b.order or ("", "")
        if word == "file":
            end = f"HOWTO_END_{i}"
            lines += [f"cat > '{rest}' <<'{end}'", *b.text, end]
        elif b.kind == "sh" and word != "skip":
            lines.append(f"echo; echo '{MARK} {i}'")
            if word == "exit":  # the block must come to its end: a subshell keeps its code
                lines += ["set +e; (set -e", *b.text, "); howto_code=$?; set -e",
                          f"[ $howto_code -eq {int(rest)} ] || "
                          f"{{ echo \"exit $howto_code, want {int(rest)}\"; exit 99; }}"]
            else:
                lines += b.text
    lines.append(f"echo; echo '{MARK} end'")
    return "\n".join(lines) + "\n"


def environment(folder, clone=False):
    home = folder / "home"
    programs = folder / "bin"
    home.mkdir()
    programs.mkdir()
    program = pathlib.Path(os.environ.get("TFM_PROGRAM") or shutil.which("tfm-cluster") or "")
    if program.is_file():
        (programs / "tfm-cluster").symlink_to(program.resolve())
    elif not clone:  # where the how-to begins with a clone it may build its own
        raise ValueError("TFM_PROGRAM names no program, and there is no tfm-cluster in PATH")
    own = {"HOME": str(home), "TFM_CACHE_DIR": str(home / "cache"), "TFM_SOURCE": str(SOURCE),
           "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TFM_")}
    leaks = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    return {**inherited, **MPI, **leaks, **own}


def play(blocks, folder, clone=False):
    """Run the session; the exit code, and the output of each block by its index."""
    work = folder / "work"
    work.mkdir()
    if clone:
        (work / "tfm-cluster").symlink_to(SOURCE)
    done = subprocess.run(["bash", "-c", script_of(blocks)], cwd=work, env=environment(folder, clone),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    outputs, at = {}, "begin"
    for line in done.stdout.split("\n"):
        if line.startswith(MARK):
            at = line.split()[1]
        outputs.setdefault(at, []).append(line)
    return done.returncode, outputs


def masked(line):
    line = re.sub(r"(?<![\w.])-(?=\d)", "", line)  # a figure may change its sign
    line = re.sub(r"-{2,}", "--", re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "0", line))
    return re.sub(r"\s+", " ", line).strip()


def lacking(wanted, got):
    """The first line of a screen that did not come behind those before it; None: all came."""
    lines = iter([masked(line) for line in got])
    for line in wanted:
        whole = masked(line)
        start = whole[:-3].rstrip() if whole.endswith("...") else None
        if whole in ("", "..."):
            continue
        if not any(came == whole if start is None else came.startswith(start) for came in lines):
            return line
    return None


def check(blocks, code, outputs):
    """What is wrong, as lines of text."""
    findings = []
    last = None
    for i, b in enumerate(blocks):
        word = b.order[0] if b.order else ""
        if b.kind == "sh" and word not in ("file", "skip"):
            last = i
        elif b.kind == "sh":
            last = None
        elif b.kind == "text" and not word and last is not None and str(last) in outputs:
            missing = lacking(b.text, outputs[str(last)])
            if missing is not None:
                findings.append(f"line {b.line}: the screen has a line that did not come:\n"
                                f"  {missing}\nwhat came:\n  " +
                                "\n  ".join(outputs[str(last)]))
    if "end" not in outputs:
        at = list(outputs)[-1]
        where = f"line {blocks[int(at)].line}" if at.isdigit() else "the session"
        findings.append(f"{where}: the commands ended with {code}; their output:\n  " +
                        "\n  ".join(outputs[at][-40:]))
    return findings


def run(path, keep=False, also=None):
    """Play one how-to; its findings. None to play is a finding, too."""
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    for b in blocks:
        if also and b.order and b.order[0] == "skip" and also in b.order[1]:
            b.order = None
    run_here = [b for b in blocks if b.kind == "sh" and not (b.order and b.order[0] != "exit")]
    if not run_here:
        return ["there is no block of commands"]
    for b in blocks:
        if b.order and b.order[0] == "skip":
            print(f"line {b.line}: not run: {b.order[1]}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tfm-howto-"))
    try:
        findings = check(blocks, *play(blocks, folder, clone=bool(also)))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept: {folder}")
    print(f"{path.name}: {len(run_here)} blocks of commands run")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--also")
    asked = parser.parse_args()
    findings = run(asked.file, asked.keep, asked.also)
    for finding in findings:
        print(f"{asked.file}: {finding}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
