"""Job scripts: those in deploy/slurm are what the program prints, shells can read them, and a job that is
started by one behaves: its code, its requeue, its array.

usage: submit.py [--write]   (environment: TFM_PROGRAM). --write makes the files of deploy/slurm anew.
"""
import json
import os
import re
import shlex
import subprocess
import sys

from harness import MPI, PROGRAM, SOURCE, call, must, run, scratch

FOLDER = SOURCE / "deploy" / "slurm"
ROW = re.compile(r"^\| ([\w.-]+) \| `(sbatch .*)` \|$", re.M)


def listed():
    return ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))


def test_the_files_are_what_the_program_prints():
    rows = listed()
    assert len(rows) >= 7, rows
    for name, command in rows:
        printed = must(call(*shlex.split(command))).out
        if WRITE:
            (FOLDER / name).write_text(printed, encoding="utf-8")
        assert (FOLDER / name).read_text(encoding="utf-8") == printed, \
            f"deploy/slurm/{name}: python3 tests/pipeline/submit.py --write"
    assert {p.name for p in FOLDER.iterdir()} == {n for n, _ in rows} | {"README.md"}


def test_shells_can_read_them():
    for name, _ in listed():
        if not name.endswith(".yaml"):
            done = subprocess.run(["bash", "-n", FOLDER / name], capture_output=True, text=True)
            assert done.returncode == 0 and not done.stderr, (name, done.stderr)


# srun as far as a script sees it: without its own options, in this place, told of signals.
SRUN = """#!/bin/bash
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
SCONTROL = """#!/bin/bash
echo "$*" >> "$TFM_TEST_CALLS"
"""
# A program that does what a test wants of it: grow the journal, leave with a code.
STAND_IN = """#!/bin/bash
out=; shard=
while [ $# -gt 0 ]; do
  case $1 in -o) out=$2 ;; --shard) shard=$2 ;; esac
  shift
done
printf '%s' "$TFM_TEST_GROWS" >> "$out.journal"
echo "shard=$shard out=$out" >> "$TFM_TEST_CALLS"
exit "$TFM_TEST_CODE"
"""


def start(words, code, grows="", program=STAND_IN, **env):
    """Run the script for these words with stand-ins; (exit code, what they were asked)."""
    folder = scratch()
    script = must(call("sbatch", *words)).out
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("tfm-cluster", program)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "job.sh").write_text(script, encoding="utf-8")
    calls = folder / "calls"
    done = subprocess.run(["bash", "job.sh"], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **MPI, "PATH": f"{folder}:{os.environ['PATH']}",
                               "TFM_TEST_CALLS": str(calls), "TFM_TEST_CODE": str(code),
                               "TFM_TEST_GROWS": grows, "SLURM_JOB_ID": "77", **env})
    return done.returncode, calls.read_text(encoding="utf-8") if calls.exists() else "", folder


COMMAND = ["--", "classify", "-i", "rows.txt", "-o", "scores.jsonl"]


def test_a_job_that_got_further_is_queued_again():
    code, calls, _ = start(COMMAND, 75, grows="record")
    assert code == 75 and "requeue 77" in calls, (code, calls)


def test_a_job_that_got_no_further_is_not():
    code, calls, _ = start(COMMAND, 75)
    assert code == 75 and "requeue" not in calls, (code, calls)


def test_other_codes_are_passed_on():
    for want in (0, 65, 70):
        code, calls, _ = start(COMMAND, want, grows="record")
        assert code == want and "requeue" not in calls, (want, code, calls)


def test_an_array_has_shards_and_outputs_of_its_own():
    _, calls, _ = start(["--array", "12", *COMMAND], 0, SLURM_ARRAY_TASK_ID="3")
    assert calls == "shard=3/12 out=scores-00003-of-00012.jsonl\n", calls


def test_the_program_itself_does_the_job():
    real = f"#!/bin/bash\nexec {shlex.quote(PROGRAM)} \"$@\"\n"
    words = ["--array", "2", "--", "classify", "-i", SOURCE / "deploy/models/sample.txt", "-o",
             "scores.jsonl"]
    ids = []
    for index in range(2):
        code, _, folder = start(words, 0, program=real, SLURM_ARRAY_TASK_ID=str(index))
        assert code == 0, code
        text = (folder / f"scores-{index:05d}-of-00002.jsonl").read_text(encoding="utf-8")
        ids += [json.loads(row)["id"] for row in text.splitlines()]
    assert ids == list(range(40)), ids


def test_what_measures_has_nodes_of_its_own_and_never_comes_back():
    for words in (["scale", "--ranks", "2,3", "-o", "csv"], ["bench", "comm"], ["verify", "-i", "x"]):
        for scheduler, alone in (("slurm", "#SBATCH --exclusive\n#SBATCH --no-requeue\n"),
                                 ("pbs", "#PBS -r n\n#PBS -l place=excl\n"), ("lsf", "#BSUB -x\n")):
            script = must(call("sbatch", "--scheduler", scheduler, "--", *words)).out
            assert alone in script and "journal" not in script and "USR1" not in script, script
            assert script.endswith(f"tfm-cluster {shlex.join(words)}\n"), script
    for want in (0, 75, 77):
        code, calls, _ = start(["--", "verify", "-i", "rows.txt"], want, grows="record")
        assert code == want and "requeue" not in calls, (want, code, calls)


def test_what_is_no_job_is_refused():
    for words, why in ((["--", "topo"], "reads rows"), (["--", "plan"], "plan is no job"),
                       (["--", "verify"], "-i FILE"), (["--", "scale", "-i", "-"], "-i FILE"),
                       (["--array", "2", "--", "scale"], "one job"),
                        (["--", "classify", "-i", "x"], "-o FILE"),
                       (["--", "classify", "-o", "x"], "-i FILE"), ([], "behind --"),
                       (["--", "classify", "--modell", "x"], "--model"),
                       (["--array", "2", *COMMAND, "--shard", "0/2"], "--shard")):
        done = call("sbatch", *words)
        assert done.code == 64 and why in done.err and not done.out, (words, done.code, done.err)


def test_a_word_with_blanks_stays_one():
    script = must(call("sbatch", "--", "classify", "-m", "my model's dir", "-i", "a b", "-o",
                       "$HOME;x.jsonl")).out
    command = script.split("srun", 1)[1].split("tfm-cluster", 1)[1].rsplit(" &\n", 1)[0]
    command = command.split(" &\n")[0]
    assert shlex.split(command) == ["classify", "-m", "my model's dir", "-i", "a b", "-o",
                                    "$HOME;x.jsonl"], command


if __name__ == "__main__":
    WRITE = "--write" in sys.argv
    sys.argv = [a for a in sys.argv if a != "--write"]
    run(globals())
