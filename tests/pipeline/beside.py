"""Files that a run writes beside its output: none is another's, none is standard output, and links,
pipes and devices stay what they are."""
import json
import os
import pathlib
import stat
import threading

import harness
from harness import MODEL, call, must, rows, scratch

BESIDE = ("--summary-json", "--metrics-file", "--trace")


def job(folder, *options):
    src = rows(["a", "b"], folder / "rows.jsonl")
    return ("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", *options)


def test_no_two_files_are_one():
    for option in BESIDE:
        folder = scratch()
        for other in ("out.jsonl", "out.jsonl.part", "out.jsonl.manifest.json"):
            run = call(*job(folder, option, folder / other))
            assert run.code == 64 and option in run.err and "out.jsonl" in run.err, run.err
        for other in BESIDE:
            if other != option:
                run = call(*job(folder, option, folder / "x", other, folder / "x"))
                assert run.code == 64, (option, other, run.err)
        assert not (folder / "out.jsonl").exists() and not (folder / "x").exists()
    folder = scratch()
    run = call("classify", "-m", MODEL, "-i", folder / "rows.jsonl", "--outdir", folder / "run", "-o",
               folder / "run" / "run.json")
    assert run.code == 64 and "--outdir" in run.err, run.err


def test_standard_output_is_for_results():
    for option in BESIDE:
        folder = scratch()
        run = call(*job(folder, option, "-"))
        assert run.code == 64 and option in run.err and not run.out, run.err
        assert not os.path.exists("-")
    for flag, words in (("--svg", ("plan", "-m", MODEL)), ("--svg", ("topo",)),
                        ("--svg", ("scale", "--lengths", 8)),
                        ("--html", ("explain", "-m", MODEL, "good"))):
        run = call(*words, flag, "-")
        assert run.code == 64 and flag in run.err, run.err
    assert not os.path.exists("-")


def null_device(folder):
    """For root one of its own: a program that fails here would spoil the machine's."""
    if os.geteuid() != 0:
        return pathlib.Path("/dev/null")
    os.mknod(folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return folder / "null"


def test_devices_and_links_stay():
    folder = scratch()
    null = null_device(folder)
    (folder / "link").symlink_to("real.prom")
    (folder / "real.prom").write_text("old\n")
    os.mkfifo(folder / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((folder / "pipe").read_text()))
    reader.start()
    must(call(*job(folder, "--metrics-file", folder / "link", "--summary-json", folder / "pipe", "--trace",
                   null)))
    reader.join()
    assert json.loads(read[0])["rows_out"] == 2
    assert (folder / "link").is_symlink() and "tfm_complete 1" in (folder / "real.prom").read_text()
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
    assert stat.S_ISCHR(null.stat().st_mode)


def test_a_pipe_without_a_reader_is_no_wait():
    folder = scratch()
    os.mkfifo(folder / "pipe")
    run = must(call(*job(folder, "--metrics-file", folder / "pipe")))
    assert "--metrics-file" in run.err and "cannot be written" in run.err, run.err
    assert (folder / "out.jsonl").stat().st_size > 0


def test_a_folder_of_the_environment_serves_only_runs():
    """A page or a plan is none of its files."""
    folder = scratch()
    kept = must(call("classify", "-m", MODEL, "-i", rows(["a"], folder / "rows.jsonl"), "--outdir", folder / "run"))
    output = (folder / "run" / "output.jsonl").read_bytes()
    env = {"TFM_OUTDIR": str(folder / "run")}
    page = must(call("report", folder / "run", env=env))
    assert page.out.startswith("<!doctype html>") and kept.code == 0
    assert (folder / "run" / "output.jsonl").read_bytes() == output
    for name in ("TFM_OUTDIR", "TFM_TRACE", "TFM_METRICS_FILE", "TFM_SUMMARY_JSON"):
        must(call("plan", "-m", MODEL, "--ranks", 3, env={name: str(folder / "none" / "x")}))
    assert not (folder / "none").exists()


def test_a_dry_run_throws_nothing_away():
    folder = scratch()
    src = rows(["a", "b"], folder / "rows.jsonl")
    src.write_bytes(src.read_bytes() + b'{"nothing": 1}\n')
    job = ("classify", "-m", MODEL, "-i", src, "-o", folder / "out.jsonl", "--errors", folder / "errors.jsonl")
    must(call(*job))
    kept = {p: p.read_bytes() for p in folder.iterdir()}
    assert kept[folder / "errors.jsonl"]
    must(call(*job, "--dry-run", "--restart"))
    assert {p: p.read_bytes() for p in folder.iterdir()} == kept


def test_a_dry_run_leaves_nothing():
    folder = scratch()
    src = rows(["a"], folder / "rows.jsonl")
    job = ("classify", "-m", MODEL, "-i", src, "--dry-run")
    must(call(*job, "-o", folder / "out.jsonl", "--errors", folder / "errors.jsonl"))
    must(call(*job, "--outdir", folder / "run"))
    assert list(folder.iterdir()) == [src]
    (folder / "run").mkdir()
    must(call(*job, "--outdir", folder / "run"))
    assert list((folder / "run").iterdir()) == []


def test_a_pipe_in_a_folder_of_a_run_is_no_wait():
    folder = scratch()
    must(call("classify", "-m", MODEL, "-i", rows(["a"], folder / "rows.jsonl"), "--outdir", folder / "run"))
    (folder / "run" / "trace.json").unlink()
    os.mkfifo(folder / "run" / "trace.json")
    assert must(call("report", folder / "run", timeout=60)).out.startswith("<!doctype html>")


if __name__ == "__main__":
    harness.run(globals())
