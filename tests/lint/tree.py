"""What the lint scripts share: which files belong to the project, and how findings are told."""
import pathlib
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
NEVER_TRACKED = {".git", "build", "__pycache__"}


def root_of(args):
    """The tree to look at: the first argument, else the project this script lies in."""
    return pathlib.Path(args[0]).resolve() if args else PROJECT


def files(root):
    """Paths below root, relative, sorted: what git tracks; without git, all but build folders."""
    listed = tracked(root)
    if listed is None:
        listed = [p.relative_to(root) for p in root.rglob("*")]
    here = [p for p in listed if (root / p).is_file() and not NEVER_TRACKED & set(p.parts)]
    return sorted(here)


def tracked(root):
    """What git tracks below root; None when there is no git or root is no checkout's top."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [pathlib.Path(p) for p in done.stdout.decode().split("\0") if p]


def lines_of(path):
    """Lines of a text file; none for binary files."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def is_c(path):
    return path.suffix in {".c", ".h", ".inc"}


def finish(findings, looked_at, what):
    """Print `file:line: text` for each finding; the exit code of the script. Looking at nothing
    is a failure too: a check of an empty list proves nothing."""
    for f in findings:
        print(f)
    if not looked_at:
        print(f"found no {what} to look at")
        return 1
    print(f"{looked_at} {what}, {len(findings)} findings")
    return 1 if findings else 0


def run(check, what):
    """Main of a lint script: check(root) gives (findings, how many things it looked at)."""
    findings, looked_at = check(root_of(sys.argv[1:]))
    sys.exit(finish(findings, looked_at, what))
