"""What the pipeline tests share: how the program is run, alone or under a real mpirun.

Standard library only: these tests run in CI. A test is a function named test_*; run(globals())
calls them all, prints a line each and exits 1 when one failed, 77 when all were skipped.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MODEL = SOURCE / "deploy" / "models" / "tfm-sentiment"
PROGRAM = os.environ.get("TFM_PROGRAM", "tfm-cluster")
SANITIZED = os.environ.get("TFM_SANITIZED") == "1"  # ten times slower: fewer rows

# Root, more ranks than cores, no binding then: what deploy/mpi_env.sh sets for people.
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OPENBLAS_NUM_THREADS": "1",
    "TFM_CACHE_DIR": "none",  # tests of the cache name their own
}


def sanitizer_options(np):
    """MPI's own leaks are told from ours by whole stacks, which are slow to take: up to np 3."""
    more = "" if not np else ":fast_unwind_on_malloc=0" if np <= 3 else ":detect_leaks=0"
    return {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + more} if SANITIZED else {}


class Skip(Exception):
    """This machine cannot show what the test claims."""


class Run:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def call(*args, np=0, stdin=b"", env=None, timeout=300 if SANITIZED else 120):
    """Run the program with args; np 0 is without mpirun. Output is decoded text."""
    words = [PROGRAM, *map(str, args)]
    if np:
        words = ["mpirun", "-np", str(np), *words]
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=timeout,
                          env={**os.environ, **MPI, **sanitizer_options(np), **(env or {})})
    return Run(done.returncode, done.stdout.decode("utf-8", "replace"),
               done.stderr.decode("utf-8", "replace"))


def must(run, code=0):
    """The run ended with this code, or the test fails with what it said."""
    assert run.code == code, f"exit {run.code}, want {code}\n{run.err[-2000:]}"
    return run


def sync_cheaply():
    """Scratch folders in memory from now on, where there is room: a commit comes when syncs have cost
    little so far, so with a disk's syncs a short job may end before its first."""
    memory = "/dev/shm"
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 48 << 20:
        tempfile.tempdir = memory


def scratch():
    """A folder of this test's own, removed at the end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tfm-test-"))
    SCRATCH.append(folder)
    return folder


SCRATCH = []


def rows(texts, path):
    """Write texts as JSONL with ids."""
    with open(path, "w", encoding="utf-8") as f:
        for i, text in enumerate(texts):
            f.write(json.dumps({"id": f"r{i}", "text": text}) + "\n")
    return path


def texts():
    """Rows of every length the model has room for: the sample, then joins of it."""
    lines = (SOURCE / "deploy" / "models" / "sample.txt").read_text(encoding="utf-8").split("\n")
    lines = [line for line in lines if line]
    if SANITIZED:
        lines = lines[:6]
    out = list(lines)
    for i in range(2 if SANITIZED else 12):
        out.append(" ".join(lines[i % len(lines)] for i in range(i, i + 3 * i + 2)))
    return out + ["", " ", "a", "naïve café 北京 👍🏽", "[CLS] [SEP] [MASK]", "x" * 5000]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def lines(path):
    return pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1]


def outcome(name, test):
    """What became of one test, and its line."""
    try:
        test()
    except Skip as why:
        return "skipped", f"skip  {name}: {why}"
    except Exception:  # a test may fail in any way
        return "failed", f"FAIL  {name}\n{traceback.format_exc()}"
    return "passed", f"ok    {name}"


def run(names, at_once=1):
    """Call the tests, so many at once: more than one only where they wait for most of their time."""
    only = sys.argv[1:]
    tests = [(name, test) for name, test in names.items()
             if name.startswith("test_") and (not only or name in only)]
    count = {"passed": 0, "skipped": 0, "failed": 0}
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for done in concurrent.futures.as_completed(pool.submit(outcome, *t) for t in tests):
            what, line = done.result()
            count[what] += 1
            print(line, flush=True)
    for folder in SCRATCH:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if count["failed"] or not tests else 77 if not count["passed"] else 0)
