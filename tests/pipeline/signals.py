"""A job that is told to end keeps what it has, ends with its code, and goes on later; a full disk, a
size limit and a reader that left are clean errors."""
import fcntl
import functools
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import termios
import time

import harness
from harness import MODEL, PROGRAM, call, digest, must, scratch
from resume import commits, source, words

LONG = 0.5 if harness.SANITIZED else 6


def start(args, np=0, **more):
    command = [PROGRAM, *map(str, args)]
    if np:
        command = ["mpirun", "-np", str(np), *command]
    env = {**os.environ, **harness.MPI, **harness.sanitizer_options(np)}
    more = {"stdin": subprocess.DEVNULL, "env": env, **more}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **more)


def ended(run, limit):
    """Exit code, what it said, and how long it took from now."""
    begin = time.monotonic()
    err = run.stderr.read()  # to its end; standard input, if it is a pipe, stays open
    run.wait(timeout=120)
    took = time.monotonic() - begin
    assert took < limit * (10 if harness.SANITIZED else 1), f"{took} s\n{err[-2000:]}"
    return run.returncode, err.decode("utf-8", "replace")


@functools.cache
def rows_and_results():
    """Rows for some seconds, and what a job that nobody disturbs writes of them: made once."""
    folder = scratch()
    src, want = source(folder, n=int(LONG * 1500)), folder / "want.jsonl"
    must(call("classify", "-m", MODEL, "-i", src, "-o", want))
    return src, want


def work_of(folder):
    """A job of some seconds, its output, and what should be in that."""
    (src, want), out = rows_and_results(), folder / "out.jsonl"
    # A small window: a job whose rows are all read is finished, not stopped.
    return ["classify", "-m", MODEL, "-i", src, "--sort-window", 64, "-o", out], out, want


def until_it_works(out):
    """Until the job has committed something."""
    for _ in range(3000):
        if commits(out):
            return
        time.sleep(0.02)
    raise AssertionError("nothing was committed")


def until_it_was_read(pipe):
    """Until all that was written has been taken, and a moment for rows of a few words to get through."""
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
        time.sleep(0.02)
    time.sleep(3 if harness.SANITIZED else 1)


def goes_on(args, out, want, np=0):
    must(call(*args, np=np))
    assert digest(out) == digest(want)
    assert not out.with_name("out.jsonl.journal").exists()


def test_usr1_and_usr2_drain():
    for sig, np in ((signal.SIGUSR1, 0), (signal.SIGUSR2, 0), (signal.SIGUSR1, 3)):
        folder = scratch()
        args, out, want = work_of(folder)
        run = start([*args, "--summary-json", folder / "s.json"], np)
        until_it_works(out)
        run.send_signal(sig)
        code, err = ended(run, 60)
        assert code == 75 and sig.name in err and "same command" in err, (code, err)
        s = json.loads((folder / "s.json").read_text())
        assert 0 < s["rows_out"] < len(harness.lines(want)) and f"{s['rows_out']} rows" in err, s
        goes_on(args, out, want, np)


def test_term_int_and_hup_keep_what_is_contiguous():
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        folder = scratch()
        args, out, want = work_of(folder)
        run = start(args)
        until_it_works(out)
        run.send_signal(sig)
        code, err = ended(run, 2)
        assert code == 75 and sig.name in err, (code, err)
        goes_on(args, out, want)


def test_term_under_mpirun():
    """mpirun itself reports 1; what was committed in the second it leaves is kept."""
    folder = scratch()
    args, out, want = work_of(folder)
    run = start(args, 3)
    until_it_works(out)
    run.send_signal(signal.SIGTERM)
    code, err = ended(run, 10)
    assert code not in (0, 64, 65), (code, err)
    time.sleep(1)
    goes_on(args, out, want, 3)


def ranks_of(run):
    return [int(p) for p in pathlib.Path(
        f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()]


def test_mpirun_that_is_told_to_end_is_no_end_of_input():
    """It closes standard input before it signals the ranks: an output must not pass for complete."""
    folder = scratch()
    out = folder / "out.jsonl"
    read, write = os.pipe()
    with os.fdopen(read, "rb") as input_end, os.fdopen(write, "wb") as pipe:
        job = start(["classify", "-m", MODEL, "-o", out], np=3, stdin=input_end)
        pipe.write(b'{"text": "so far so good"}\n' * 4)
        pipe.flush()
        while not (folder / "out.jsonl.part").exists():
            assert job.poll() is None, job.stderr.read()
            time.sleep(0.02)
        until_it_was_read(pipe)
        job.send_signal(signal.SIGTERM)
        code, err = ended(job, 60)
    assert code != 0 and not out.exists(), f"exit {code}, complete: {out.exists()}\n{err[-2000:]}"


def test_ranks_end_with_their_launcher():
    """Killed while they start or run: no rank stays, and what was contiguous is kept."""
    folder = scratch()
    args, out, want = work_of(folder)
    own = {"TMPDIR": str(folder), "OMPI_MCA_btl_vader_backing_directory": str(folder)}
    for wait_s in (0.05, 0.1, 0.15, 0.2, None):
        run = start(args, 3, env={**os.environ, **harness.MPI, **harness.sanitizer_options(3), **own})
        time.sleep(wait_s or 0)
        if wait_s is None:
            until_it_works(out)
        ranks = ranks_of(run)
        run.kill()
        run.wait()
        for _ in range(500):
            if not any(pathlib.Path(f"/proc/{p}").exists() for p in ranks):
                break
            time.sleep(0.02)
        else:
            raise AssertionError(f"killed after {wait_s} s, ranks live on: {ranks}")
    goes_on(args, out, want, 3)


def test_hup_that_nobody_wants_is_ignored():
    folder = scratch()
    args, out, want = work_of(folder)
    run = start(args, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    until_it_works(out)
    run.send_signal(signal.SIGHUP)
    assert ended(run, 60)[0] == 0 and digest(out) == digest(want)


def test_a_second_term_ends_it_at_once():
    folder = scratch()
    args, out, want = work_of(folder)
    run = start(args)
    until_it_works(out)
    run.send_signal(signal.SIGUSR1)
    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGTERM)
    code, _ = ended(run, 2)
    assert code == 75, code
    goes_on(args, out, want)


def test_early_signals():
    """Before there is a job, while ranks say hello, while weights are read."""
    rng = random.Random(5)
    folder = scratch()
    args, out, want = work_of(folder)
    for i in range(4 if harness.SANITIZED else 12):
        run = start(args, 3 if i % 3 == 0 else 0)
        time.sleep(rng.uniform(0.05, 0.4))
        run.send_signal((signal.SIGTERM, signal.SIGUSR1)[i % 2])
        code, err = ended(run, 30)
        # mpirun says 1 for a TERM, and forwards nothing to ranks that it has not started: 0 then.
        assert code in (0, 1, 75) or code > 128 or code < 0, (code, err)
        if code == 0:
            assert digest(out) == digest(want)
            break
        time.sleep(1 if i % 3 == 0 else 0)
    goes_on(args, out, want)


def test_tokenize_waiting_for_a_pipe():
    folder = scratch()
    out = folder / "out.jsonl"
    args = ["tokenize", "-m", MODEL, "-o", out]
    body = "".join(text + "\n" for text in words(10, 3)).encode()
    run = start(args, stdin=subprocess.PIPE)
    run.stdin.write(body)
    run.stdin.flush()
    until_it_was_read(run.stdin)
    run.send_signal(signal.SIGTERM)
    code, err = ended(run, 2)
    assert code == 75 and "10 rows" in err, (code, err)
    must(call(*args, stdin=body))
    assert len(harness.lines(out)) == 10


def test_standard_output_shows_what_there_is():
    run = subprocess.Popen([PROGRAM, "tokenize", "-m", str(MODEL)], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdin.write(b"one\ntwo\n")
    run.stdin.flush()
    until_it_was_read(run.stdin)
    run.send_signal(signal.SIGTERM)
    out, err = run.stdout.read(), run.stderr.read()
    assert run.wait(timeout=60) == 75 and out.count(b"\n") == 2, (out, err)
    assert b"begins anew" in err


def test_a_file_size_limit():
    folder = scratch()
    args, out, want = work_of(folder)
    limit = want.stat().st_size // 2
    run = start(args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                            (limit, limit)))
    code, err = ended(run, 60)
    assert code == 74 and "out.jsonl.part" in err and "too large" in err, (code, err)
    assert not out.exists()
    goes_on(args, out, want)


def test_a_reader_that_left():
    folder = scratch()
    src = source(folder)
    words_ = f"'{PROGRAM}' tokenize -m '{MODEL}' -i '{src}' | head -n 1 > /dev/null"
    run = subprocess.run(["bash", "-c", f"{words_}; exit ${{PIPESTATUS[0]}}"],
                         capture_output=True, check=False)
    assert run.returncode == 74 and b"gone away" in run.stderr, run


def small_disk(folder, kib):
    """A file system of its own size; needs rights that a test may not have."""
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tfm-test", str(disk)],
                      capture_output=True, check=False).returncode != 0:
        raise harness.Skip("no right to mount a small file system")
    return disk


def test_a_disk_that_fills():
    """Full at some row; freed; the same command goes on."""
    folder = scratch()
    args, _, want = work_of(folder)
    disk = small_disk(folder, want.stat().st_size // 1024 // 2)
    try:
        out = disk / "out.jsonl"
        args[-1] = out
        run = must(call(*args), 74)
        assert "No space left" in run.err and not out.exists()
        must(call(*args), 74)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        must(call(*args, "--summary-json", folder / "s.json"))
        assert digest(out) == digest(want)
        assert json.loads((folder / "s.json").read_text())["rows_resumed"] > 0
    finally:
        subprocess.run(["umount", str(disk)], check=False)


if __name__ == "__main__":
    assert pathlib.Path(MODEL).exists()
    harness.sync_cheaply()
    harness.run(globals())
