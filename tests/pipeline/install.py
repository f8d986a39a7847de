"""An installed tree: it runs from wherever it was put, and module files find it.

usage: install.py   (environment: TFM_BUILD, the build folder; LMOD_CMD, where Lmod is installed)
"""
import os
import shutil
import subprocess

from harness import MPI, Skip, SOURCE, run, scratch

BUILD = os.environ.get("TFM_BUILD", str(SOURCE / "build" / "release"))


def installed():
    """A tree that was installed in one place and moved to another."""
    folder = scratch()
    done = subprocess.run(["cmake", "--install", BUILD, "--prefix", folder / "first"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (folder / "first").rename(folder / "moved")
    return folder / "moved"


def ask(*command, env=None, stdin=subprocess.DEVNULL, text=None):
    kind = {"input": text} if text else {"stdin": stdin}
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **MPI, **(env or {})}, cwd="/", **kind)
    assert done.returncode == 0, (command[0], done.returncode, done.stderr[-2000:])
    return done.stdout


def test_the_tree_may_be_moved():
    program = installed() / "bin" / "tfm-cluster"
    assert '"POSITIVE"' in ask(program, "-q", text="I loved it\n")
    sample = ask("mpirun", "-np", "3", program)
    assert "POSITIVE" in sample and "NEGATIVE" in sample, sample[:500]


def test_what_the_program_prints_is_installed():
    share = installed() / "share"
    program = share.parent / "bin" / "tfm-cluster"
    for words, path in ((("help", "--man"), "man/man1/tfm-cluster.1"),
                        (("completion", "bash"), "bash-completion/completions/tfm-cluster"),
                        (("completion", "zsh"), "zsh/vendor-completions/_tfm-cluster"),
                        (("completion", "fish"), "fish/vendor_completions.d/tfm-cluster.fish")):
        assert (share / path).read_text(encoding="utf-8") == ask(program, *words), path


def loaded_by(command):
    """The shell's environment after `module load tfm-cluster` must run the installed program."""
    tree = installed()
    words = " ".join(map(str, command))
    script = f'eval "$({words} bash load tfm-cluster)"; command -v tfm-cluster; ' \
             'echo "$TFM_CLUSTER_HOME"; echo "$OPENBLAS_NUM_THREADS"; echo "$MANPATH"; ' \
             f'eval "$({words} bash unload tfm-cluster)"; command -v tfm-cluster || echo gone'
    env = {"MODULEPATH": str(tree / "share" / "modulefiles"), "MANPATH": "",
           "PATH": "/usr/bin:/bin"}
    lines = ask("bash", "-c", script, env=env).split("\n")
    threads = MPI["OPENBLAS_NUM_THREADS"]
    assert lines[:3] == [str(tree / "bin" / "tfm-cluster"), str(tree), threads], lines
    assert lines[3].startswith(str(tree / "share" / "man")), lines
    assert lines[3].endswith(":"), lines  # the system's pages stay
    assert lines[4] == "gone", lines


def test_environment_modules_load_it():
    if not shutil.which("modulecmd", path="/usr/bin"):
        raise Skip("environment-modules is not installed")
    loaded_by(["/usr/bin/modulecmd"])


def test_lmod_loads_it():
    if "LMOD_CMD" not in os.environ:
        raise Skip("Lmod is not installed (LMOD_CMD)")
    loaded_by([os.environ["LMOD_CMD"]])


if __name__ == "__main__":
    run(globals())
