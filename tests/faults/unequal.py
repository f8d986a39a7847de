"""Ranks that are not alike, through mpirun's own `A : B`: what must be equal is compared before a row is
read and named with rank and host, exit 78; what need not be changes no bit.

usage: unequal.py SHIM [--other PROGRAM] [TEST...]
PROGRAM: another build, of another version (then its ranks must be refused, whoever is rank 0)."""
import argparse
import pathlib
import platform
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipeline"))
import harness  # noqa: E402
from harness import MODEL, PROGRAM  # noqa: E402

# The library's name is the argument behind.
FLUSHED = ("sh", "-c", 'LD_PRELOAD=$0 TFM_SHIM_FLUSH=1 exec "$@"')


class Unlike:
    """A job whose ranks are given one by one."""

    def __init__(self):
        self.folder = harness.scratch()
        self.model = self.folder / "model"
        shutil.copytree(MODEL, self.model)
        self.rows = harness.rows(harness.texts(), self.folder / "rows.jsonl")
        self.out = self.folder / "out.jsonl"
        self.args = ["classify", "-m", str(self.model), "-i", str(self.rows), "-o", str(self.out),
                     "--float32-mode", "exact"]  # auto is another where an instruction set has AMX
        harness.must(harness.call(*self.args))
        self.want = harness.digest(self.out)

    def line(self, *before, program=PROGRAM, args=()):
        """One rank's: what stands before the program, and what behind its job."""
        return [*before, program, *self.args, *args]

    def run(self, *ranks):
        for path in self.folder.glob("out.jsonl*"):
            path.unlink()
        words = ["mpirun"]
        for i, line in enumerate(ranks):
            words += [":"] * (i > 0) + ["-np", "1", *line]
        env = {**harness.os.environ, **harness.MPI, **harness.sanitizer_options(len(ranks))}
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300, check=False)
        return harness.Run(done.returncode, "", done.stderr.decode("utf-8", "replace"))

    def is_refused(self, run, code, *said):
        harness.must(run, code)
        assert all(text in run.err for text in said), f"want {said}\n{run.err}"
        assert not list(self.folder.glob("out.jsonl*")), "a file was made"

    def is_right(self, run):
        harness.must(run)
        assert harness.digest(self.out) == self.want


def test_only_rank_0_has_a_command_line():
    """Other options, another verb, another environment of a worker: rank 0 says what is done."""
    job = Unlike()
    odd = [PROGRAM, "generate", "-m", "nowhere", "--dtype", "int8", "--top-k", "7"]
    job.is_right(job.run(job.line(), odd, [PROGRAM, "--version"]))
    job.is_right(job.run(job.line(), job.line("env", "TFM_DTYPE=int8", "TFM_BACKEND=ref"),
                         job.line("env", "TFM_ISA=avx2", "OPENBLAS_CORETYPE=Haswell")))
    job.is_right(job.run(job.line("env", "TFM_ISA=avx2"), job.line(), job.line()))


def elsewhere(job, *more, then="true"):
    """Words before a command that make its host node7; Skip where that may not be."""
    words = ["unshare", "--uts", *more, "sh", "-c", f'hostname node7; {then} && exec "$0" "$@"']
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        raise harness.Skip("no right to give this host another name, or other mounts")
    return job.line(*words)


def test_hosts_have_names():
    """A rank on another host (its name alone is another) works."""
    job = Unlike()
    run = job.run(job.line(), elsewhere(job), job.line())
    job.is_right(run)
    assert "node7" in run.err, run.err


def test_a_rank_that_fails_names_its_host():
    """The other host does not see the model."""
    job = Unlike()
    hidden = elsewhere(job, "--mount", then=f'mount -t tmpfs tfm-test "{job.model}"')
    job.is_refused(job.run(job.line(), hidden, job.line()), 66,
                   "rank 1 on node7: ", "config.json", "no such file")


def test_another_model_on_a_node():
    """One byte of one weight, seen by one rank alone."""
    job = Unlike()
    other = job.folder / "other"
    shutil.copytree(job.model, other)
    path = other / "model.safetensors"
    body = bytearray(path.read_bytes())
    at = 8 + int.from_bytes(body[:8], "little") + 5
    body[at] ^= 1
    path.write_bytes(body)
    before = ["unshare", "--mount", "sh", "-c", f'mount --bind "{other}" "{job.model}" && exec "$0" "$@"']
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode != 0:
        raise harness.Skip("no right to mount a folder over another")
    for ranks in ((1, 0, 0), (0, 1, 0), (0, 1, 1)):
        run = job.run(*(job.line(*before * there) for there in ranks))
        job.is_refused(run, 78, "ranks disagree on the model digest", "put the same checkpoint")


def test_denormals_that_are_zero_on_one_rank():
    """A library that MPI loads sets the processor's mode: workers set it back, rank 0 is told from them."""
    if platform.machine() != "x86_64":
        raise harness.Skip("the shim knows x86-64 only")
    job = Unlike()
    job.is_right(job.run(job.line(), job.line(), job.line(*FLUSHED, SHIM)))
    job.is_refused(job.run(job.line(*FLUSHED, SHIM), job.line(), job.line()), 78,
                   "ranks disagree on the denormals", "rank 0 (")


def test_another_build():
    """By hand: another version of the program, or of the wire, as each of the ranks in turn."""
    if not OTHER:
        raise harness.Skip("one build is here; --other names another one")
    job = Unlike()
    for ranks in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0), (0, 1)):
        run = job.run(*(job.line(program=OTHER if there else PROGRAM) for there in ranks))
        job.is_refused(run, 78, "version", "start the same build on every node")
        print("      " + "; ".join(line for line in run.err.split("\n") if "version" in line))


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("shim")
    p.add_argument("--other", default="")
    p.add_argument("tests", nargs="*")
    a = p.parse_args()
    SHIM, OTHER = a.shim, a.other
    if harness.SANITIZED:
        print("skip: a sanitizer must be loaded first, and so must the shim")
        sys.exit(77)
    sys.argv[1:] = a.tests
    harness.run(globals())
