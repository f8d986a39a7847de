"""An output that was interrupted goes on, and is the file an undisturbed run writes."""
import fcntl
import gzip
import json
import os
import random
import signal
import subprocess
import time

import harness
from harness import MODEL, PROGRAM, call, digest, must, scratch

ROWS = 300 if harness.SANITIZED else 3000


def words(n, seed):
    rng = random.Random(seed)
    line = "the soup was cold but what a wonderful evening we had there".split()
    return [" ".join(rng.choices(line, k=rng.randint(1, 12))) for _ in range(n)]


def source(folder, name="rows.jsonl", n=ROWS):
    """Rows with ids, some of them bad."""
    path = folder / name
    body = "".join("bad\n\n" if i % 97 == 5 else json.dumps({"id": i, "text": text}) + "\n"
                   for i, text in enumerate(words(n, 1)))
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(body.encode(), mtime=0))
    else:
        path.write_text(body)
    return path


def kill_after(seconds, *args, np=0):
    """Run the program and kill it, or its launcher, unless it ends before."""
    command = [PROGRAM, *map(str, args)]
    env = {**os.environ, **harness.MPI, **harness.sanitizer_options(np)}
    if np:  # what a killed launcher leaves behind stays in the test's folder
        command = ["mpirun", "-np", str(np), *command]
        env.update(TMPDIR=str(harness.SCRATCH[-1]),
                   OMPI_MCA_btl_vader_backing_directory=str(harness.SCRATCH[-1]))
    with subprocess.Popen(command, env=env, start_new_session=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as run:
        try:
            run.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
        return run.wait()


def commits(out):
    """COMMIT records in the journal beside an output (coordinator/resume/journal.c, record.c)."""
    journal = out.with_name(out.name + ".journal")
    body = journal.read_bytes() if journal.exists() else b""
    head = int.from_bytes(body[8:12], "little")
    return sum(body[at + 4] == 2 for at in range(head, len(body) - 255, 256))


def until_free(part):
    """Until the ranks of a killed mpirun have let go of their output."""
    for _ in range(600):
        if not part.exists():
            return
        with open(part, "rb") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.1)
    raise AssertionError(f"{part.name} is still held")


def interrupted(folder, src, out, options, np=0):
    """Kill attempts at growing moments until one of them is through; the first in the middle of what
    an undisturbed run takes, or before when it got through."""
    begin = time.monotonic()
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / f"want-{out}", *options,
              "--errors", folder / "want.errors", np=np))
    span = 0.5 * (time.monotonic() - begin)
    target = folder / out
    args = ["classify", "-m", MODEL, "-i", src, "-o", target, *options,
            "--errors", folder / "out.errors"]
    killed = 0
    for _ in range(20):
        if kill_after(span * (1 + 0.37 * killed), *args, np=np) != 0:
            killed += 1
            # Killed behind the rename: then it must be whole already.
            assert not target.exists() or digest(target) == digest(folder / f"want-{out}")
            until_free(target.with_name(out + ".part"))
        elif killed:
            break
        else:
            span /= 2
            for path in folder.glob("out*"):
                path.unlink()
    must(call(*args, np=np))
    assert killed > 0, "never interrupted"
    assert digest(target) == digest(folder / f"want-{out}")
    assert digest(folder / "out.errors") == digest(folder / "want.errors")
    left = sorted(p.name for p in folder.iterdir() if p.name.startswith(out))
    assert left == [out, out + ".manifest.json"], left


def test_a_plain_file():
    folder = scratch()
    interrupted(folder, source(folder), "out.jsonl", [])


def test_compressed_in_and_out():
    folder = scratch()
    interrupted(folder, source(folder, "rows.jsonl.gz"), "out.csv.gz", ["--stages", 3])


def test_under_mpirun():
    folder = scratch()
    interrupted(folder, source(folder), "out.jsonl.zst", [], np=3)


def begun(folder, src, out, *options):
    """Leave an output half done: kill the job as soon as its journal has two commits."""
    command = [PROGRAM, *map(str, ["classify", "-m", MODEL, "-i", src, "-o", out, *options])]
    with subprocess.Popen(command, env={**os.environ, **harness.MPI}, start_new_session=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and commits(out) < 2:
            time.sleep(0.02)
        run.kill()
        run.wait()
    assert not out.exists() and commits(out) > 1


def test_rows_are_not_done_twice():
    folder = scratch()
    src, out = source(folder, n=3 * ROWS), folder / "out.jsonl"
    begun(folder, src, out)
    must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--stages", 2,
              "--summary-json", folder / "s.json"))
    s = json.loads((folder / "s.json").read_text())
    assert s["rows_in"] == s["rows_out"] == len(harness.lines(out))
    assert 0 < s["rows_resumed"] < s["rows_out"]
    assert s["journal"]["commits"] > 0


def test_another_job_is_refused():
    folder = scratch()
    src, out = source(folder, n=3 * ROWS), folder / "out.jsonl"
    begun(folder, src, out)
    size = out.with_name("out.jsonl.part").stat().st_size
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--top-k", 2), 78)
    assert "--top-k was 0, is 2" in run.err and "--restart" in run.err, run.err
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--resume", "never",
                    "--limit", 5), 78)
    assert "--limit" in run.err
    text = src.read_text()
    src.write_text(text + '{"text": "one more"}\n')
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out), 65)
    assert "input" in run.err and str(len(text)) in run.err, run.err
    src.write_text("X" + text[1:])
    must(call("classify", "-m", MODEL, "-i", src, "-o", out), 65)
    assert out.with_name("out.jsonl.part").stat().st_size == size
    src.write_text(text)  # the time is another, what it holds is not
    must(call("classify", "-m", MODEL, "-i", src, "-o", out))
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "want.jsonl"))
    assert digest(out) == digest(folder / "want.jsonl")


def test_what_was_read_is_compared_where_it_must_be():
    """An edit in the middle of what was read, size and ends as they were."""
    folder = scratch()
    src, out = source(folder, n=3 * ROWS), folder / "out.jsonl"
    src.write_text("\n" * 70000 + src.read_text() + "\n" * 70000)
    begun(folder, src, out)
    body = bytearray(src.read_bytes())
    at = body.index(b"evening")
    body[at:at + 7] = b"EVENING"
    src.write_bytes(bytes(body))
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out), 65)
    assert "rows.jsonl" in run.err and "have changed" in run.err, run.err
    must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--restart"))


def test_pipes():
    folder = scratch()
    src, out = source(folder), folder / "out.jsonl"
    body = src.read_bytes()
    must(call("tokenize", "-m", MODEL, "-i", src, "-o", folder / "want.jsonl"))
    with subprocess.Popen([PROGRAM, "tokenize", "-m", str(MODEL), "-o", str(out)],
                          stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        for line in body.splitlines(keepends=True):  # slower than two commits take
            run.stdin.write(line)
            run.stdin.flush()
            time.sleep(0.01)
            if commits(out) > 1:
                break
        run.kill()
    assert commits(out) > 1
    run = must(call("tokenize", "-m", MODEL, "-o", out, stdin=b"X" + body[1:]), 65)
    assert "standard input" in run.err or "input" in run.err
    must(call("tokenize", "-m", MODEL, "-o", out, "--resume", "must", stdin=body))
    assert digest(out) == digest(folder / "want.jsonl")
    must(call("tokenize", "-m", MODEL, "-o", out, stdin=body), 73)


def test_shards_are_the_whole():
    """The outputs of all parts, one behind the other, with numbers of the whole; also in pieces."""
    folder = scratch()
    plain, packed = source(folder), source(folder, "rows.jsonl.gz")
    must(call("tokenize", "-m", MODEL, "-i", plain, "-o", folder / "want.jsonl"))
    want = (folder / "want.jsonl").read_bytes()
    for src, n in ((plain, 4), (packed, 3)):
        parts = []
        for i in range(n):
            out = folder / f"part{i}.jsonl"
            env = {"SLURM_ARRAY_TASK_ID": str(i + 1), "SLURM_ARRAY_TASK_MIN": "1",
                   "SLURM_ARRAY_TASK_COUNT": str(n)}
            must(call("tokenize", "-m", MODEL, "-i", src, "-o", out, "--restart", "--shard",
                      "slurm" if i % 2 else f"{i}/{n}", env=env))
            parts.append(out.read_bytes())
        assert b"".join(parts) == want and all(parts)
    body = plain.read_bytes()
    must(call("tokenize", "-m", MODEL, "--shard", "0/2", stdin=body), 64)


def test_a_shard_goes_on():
    folder = scratch()
    src, out = source(folder, n=6 * ROWS), folder / "out.jsonl"
    begun(folder, src, out, "--shard", "1/2")
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--shard", "0/2"), 78)
    assert "--shard" in run.err, run.err
    must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--shard", "1/2"))
    must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "want.jsonl"))
    assert (folder / "want.jsonl").read_bytes().endswith(out.read_bytes())
    assert len(harness.lines(out)) > 2 * ROWS


def test_must_and_standard_output():
    folder = scratch()
    src = source(folder, n=10)
    must(call("tokenize", "-m", MODEL, "-i", src, "-o", folder / "o", "--resume", "must"), 73)
    must(call("tokenize", "-m", MODEL, "-i", src, "--resume", "must"), 64)
    assert sorted(p.name for p in folder.iterdir()) == ["rows.jsonl"]


def test_one_of_two_jobs_runs():
    folder = scratch()
    src, out = source(folder, n=3 * ROWS), folder / "out.jsonl"
    args = [PROGRAM, "classify", "-m", str(MODEL), "-i", str(src), "-o", str(out)]
    with subprocess.Popen(args, stderr=subprocess.DEVNULL) as first:
        while not out.with_name("out.jsonl.journal").exists():
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)  # else it may be over before the other has begun
        try:
            run = call(*args[1:])
        finally:
            first.send_signal(signal.SIGCONT)
        must(run, 73)
        assert f"process {first.pid}" in run.err, run.err
        assert first.wait() == 0
    must(call(*args[1:]))


if __name__ == "__main__":
    harness.sync_cheaply()
    harness.run(globals())
