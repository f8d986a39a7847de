"""What a job leaves behind that is killed with all its ranks: no memory of its own, and in the cache folder at most what the next start
takes away."""
import os
import pathlib
import signal
import subprocess
import time

import harness
from harness import MODEL, call, digest, must, rows, scratch

SHARED = pathlib.Path("/dev/shm")


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def start_and_answer(folder, cache):
    """A job of three ranks that has answered one row and waits for more; Open MPI's own files are kept in the folder."""
    command = ["mpirun", "-np", "3", harness.PROGRAM, "classify", "-m", MODEL, "-i", "-", "--input-format", "text", "--cache-dir", cache, "-q"]
    env = {**os.environ, **harness.MPI, **harness.sanitizer_options(3), "TMPDIR": str(folder),
           "OMPI_MCA_btl_vader_backing_directory": str(folder)}
    run = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    run.stdin.write(b"one row\n")
    run.stdin.flush()
    assert b"label" in run.stdout.readline()
    return run


def test_memory_goes_with_the_last_rank():
    folder = scratch()
    before = set(SHARED.iterdir()) if SHARED.is_dir() else set()
    run = start_and_answer(folder, folder / "cache")
    ranks = children(run.pid)
    mapped = "".join(pathlib.Path(f"/proc/{p}/maps").read_text() for p in ranks)
    assert "memfd:tfm-cluster" in mapped, "the ranks share no memory: nothing is shown"
    for pid in [run.pid, *ranks]:
        os.kill(pid, signal.SIGKILL)
    while any(map(is_alive, ranks)):
        time.sleep(0.01)
    run.communicate()
    left = [p.name for p in (set(SHARED.iterdir()) if SHARED.is_dir() else set()) - before if "tfm" in p.name]
    assert not left, left


def test_the_next_start_takes_parts_away():
    folder = scratch()
    cache = folder / "cache"
    src = rows(["a"], folder / "rows.jsonl")
    args = ["classify", "-m", MODEL, "-i", src, "--cache-dir", cache]
    must(call(*args, "-o", folder / "first.jsonl"))
    made = next(cache.glob("packed-*"))
    other = made.with_name(made.name[:-4] + "0000")
    other.mkdir(mode=0o700)
    for place in (made, other):
        (place / "unit-000-any.part").write_bytes(b"half a header")
    must(call(*args, "-o", folder / "second.jsonl", np=3))
    assert not list(cache.glob("*/*.part"))
    assert digest(folder / "first.jsonl") == digest(folder / "second.jsonl")


if __name__ == "__main__":
    harness.run(globals())
