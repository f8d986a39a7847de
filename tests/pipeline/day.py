"""A person's day: the bare command, a pipe, the verbs, formats, the summary."""
import csv
import gzip
import io
import json
import os
import re
import select
import shutil
import subprocess

import harness
from harness import MODEL, PROGRAM, call, must, rows, scratch, texts

EXPECTED = MODEL / "expected.jsonl"


def expected_rows():
    """The reference's answers of the model card; long texts are spelled as unit x repeat there."""
    out = []
    for line in harness.lines(EXPECTED):
        row = json.loads(line)
        row.setdefault("text", row.get("text_unit", "") * row.get("repeat", 0))
        out.append(row)
    return out[:12] if harness.SANITIZED else out


def bare(words, stdin):
    options = harness.sanitizer_options(int(words[-1]) if words else 0)
    return subprocess.run([*words, PROGRAM], stdin=stdin, capture_output=True, text=True,
                          timeout=120, env={**os.environ, **harness.MPI, **options})


def test_bare_command_scores_the_sample():
    for words in ([], ["mpirun", "-np", "1"], ["mpirun", "-np", "8"]):
        done = bare(words, subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        first = done.stdout.split("\n")[0]
        assert "sample" in first, f"{words}: {first}"
        assert done.stdout.count("POSITIVE") > 5 and done.stdout.count("NEGATIVE") > 5
        assert "numeric_id" in done.stderr


def test_bare_command_reads_an_empty_file():
    """Standard input that is a file is input, even an empty one: no sample."""
    with open(scratch() / "empty", "w+b") as empty:
        for words in ([], ["mpirun", "-np", "3"]):
            done = bare(words, empty)
            assert done.returncode == 0 and done.stdout == "", f"{words}: {done.stdout[:80]}"


def test_a_pipe_without_mpirun():
    run = must(call(stdin=b"I loved it\n"))
    row = json.loads(run.out)
    assert row["label"] == "POSITIVE" and row["id"] == 0


def test_an_empty_pipe_gives_no_rows():
    run = must(call("classify", stdin=b""))
    assert run.out == ""


def test_expected_answers_of_the_model_card():
    folder = scratch()
    want = expected_rows()
    src = rows([w["text"] for w in want], folder / "rows.jsonl")
    for np in (0, 3):
        out = folder / f"out{np}.jsonl"
        must(call("classify", "-i", src, "-o", out, "--return-logits", np=np))
        for w, line in zip(want, harness.lines(out), strict=True):
            got = json.loads(line)
            assert got["label"] == w["label"]
            assert max(abs(a - b) for a, b in zip(got["logits"], w["logits"])) < 1e-4


def test_verify_passes_and_fails():
    folder = scratch()
    want = expected_rows()
    src = rows([w["text"] for w in want], folder / "rows.jsonl")
    right, wrong = folder / "right.jsonl", folder / "wrong.jsonl"
    right.write_text("".join(json.dumps({k: w[k] for k in ("label", "score", "logits")}) + "\n"
                             for w in want))
    run = must(call("verify", "-i", src, "--expected", right, np=3))
    assert run.out.rstrip().endswith("PASSED"), run.out
    want[7]["logits"][0] += 1e-3
    wrong.write_text("".join(json.dumps({"logits": w["logits"]}) + "\n" for w in want))
    run = must(call("verify", "-i", src, "--expected", wrong, np=3), 77)
    assert run.out.rstrip().endswith("FAILED"), run.out


def test_verify_says_what_a_dtype_costs():
    src = rows(harness.texts(), scratch() / "rows.jsonl")
    plain = must(call("verify", "-i", src, "--float32-mode", "exact"))  # on AMX auto is not
    assert "against float32" not in plain.out
    for dtype in ("bfloat16", "int8"):
        run = must(call("verify", "-i", src, "--dtype", dtype, "--stages", 2))
        assert re.search(f"^{dtype}(-amx)? against float32", run.out, re.M) and run.out.endswith("PASSED\n"), run.out
        changed = int(re.search(r"answers changed +(\d+) ", run.out).group(1))
        largest, mean = map(float, re.search(r"largest (\S+), mean (\S+)", run.out).groups())
        assert changed <= 1 and 0 < mean <= largest < 0.2, run.out


def test_bench_comm_measures_the_pairs_it_is_asked_for():
    """Between rank 0 and a worker, between workers, and all neighbours; also without mpirun."""
    sizes = [4 ** (i + 1) for i in range(11)]
    for options, ranks, pairs, link, env in (
            (["--pairs", "0-2,2-1"], 3, ["0-2", "1-2"], "shm", {}), ([], 3, ["0-1", "1-2"], "mpi", {"TFM_LINK": "mpi"}),
            ([], 0, ["0-1"], "local", {})):
        rows = json.loads(must(call("bench", "comm", "-r", 1, "-o", "json", *options, np=ranks, env=env)).out)
        assert [r["pair"] for r in rows] == [p for p in pairs for _ in sizes], rows
        assert [r["bytes"] for r in rows] == sizes * len(pairs)
        assert all(r["link"] == link for r in rows), rows
        # Two decimals: a slow machine may round to 0. That they are measured at all is scenario comm of tests/proto.
        assert all(min(r["latency_us"], r["waiting_us"], r["mb_per_s"]) >= 0 for r in rows)
    for wrong in ("0-0", "0-3", "1", "x-1", "0-1,1-0"):
        assert "--pairs" in must(call("bench", "comm", "--pairs", wrong, np=3), 64).err


def test_bench_memory_has_a_row_for_each_count_of_threads():
    loops = ["copy_mb_per_s", "scale_mb_per_s", "add_mb_per_s", "triad_mb_per_s"]
    for n in (1, 2):
        rows = json.loads(must(call("bench", "memory", "-r", 1, "-o", "json", "--threads", n)).out)
        assert [r["threads"] for r in rows] == [n] and all(r[k] > 0 for r in rows for k in loops), rows
        assert "rank" not in rows[0], rows
    rows = json.loads(must(call("bench", "memory", "-r", 1, "-o", "json")).out)
    assert rows[0]["threads"] == 1 and [r["threads"] for r in rows] == sorted({r["threads"] for r in rows}), rows


def test_bench_memory_has_a_row_for_each_rank():
    """Alone, and all of them at once: threads are as asked for, or the cores that a rank may use."""
    loops = ["copy_mb_per_s", "scale_mb_per_s", "add_mb_per_s", "triad_mb_per_s"]
    rows = json.loads(must(call("bench", "memory", "-r", 1, "-o", "json", "--threads", 1, np=3)).out)
    assert [r["rank"] for r in rows] == ["0", "1", "2", "all"], rows
    assert [r["threads"] for r in rows] == [1, 1, 1, 3], rows
    assert all(r[k] > 0 for r in rows for k in loops) and all(r["host"] for r in rows[:3]), rows
    rows = json.loads(must(call("bench", "memory", "-r", 1, "-o", "json", np=2)).out)
    assert [r["rank"] for r in rows] == ["0", "1", "all"], rows
    for r in rows[:2]:
        cores = sum(int(part.split("-")[-1]) - int(part.split("-")[0]) + 1 for part in r["cores"].split(","))
        assert 1 <= r["threads"] <= cores, r
    shared = rows[0]["cores"] == rows[1]["cores"]
    each = [max(1, r["threads"] // (1 + shared)) for r in rows[:2]]
    assert rows[2]["threads"] == sum(each), rows


def test_what_a_rank_cannot_measure_is_told():
    """4096 threads want 824 GB: the first rank says so, and all leave with its code."""
    with open("/proc/meminfo", encoding="utf-8") as facts:
        free = next(int(line.split()[1]) for line in facts if line.startswith("MemAvailable"))
    if free > 800 << 20:
        raise harness.Skip("this machine has room for the arrays of 4096 threads")
    run = must(call("bench", "memory", "--threads", 4096, "-r", 1, np=2), 71)
    assert "4096 threads" in run.err and not run.out, run.err


def test_bench_memory_takes_no_more_than_there_is():
    """4096 threads want 824 GB; nothing of it is touched."""
    with open("/proc/meminfo", encoding="utf-8") as facts:
        free = next(int(line.split()[1]) for line in facts if line.startswith("MemAvailable"))
    if free > 800 << 20:
        raise harness.Skip("this machine has room for the arrays of 4096 threads")
    run = must(call("bench", "memory", "--threads", 4096, "-r", 1), 71)
    assert "--threads" in run.err and not run.out, run.err


def test_bench_encode_measures_every_dtype():
    src = rows(harness.texts()[:9], scratch() / "rows.jsonl")
    made = json.loads(must(call("bench", "encode", "--lengths", "16,40", "-r", 2, "-o", "json",
                                "--float32-mode", "exact")).out)
    assert [(r["dtype"].removesuffix("-amx"), r["lengths"]) for r in made] == [
        (dtype, n) for dtype in ("float32", "bfloat16", "int8") for n in ("16", "40")]
    read = json.loads(must(call("bench", "encode", src, "--dtype", "int8", "-r", 1, "-o", "json",
                                "--threads", 2, "--isa", "avx2")).out)
    assert [(r["rows"], r["threads"]) for r in read] == [(9, 2)] and read[0]["tokens"] > 9
    for r in made + read:
        assert 0 < r["tokens_per_cpu_s"] and 0 < r["share_of_peak"] < 130, r
    assert "--lengths" in must(call("bench", "encode", "--lengths", "513"), 64).err
    must(call("bench", "encode", stdin=b""), 66)


def test_bench_measures_the_products_of_a_layer():
    linear = json.loads(must(call("bench", "linear", "--lengths", "20,3", "-r", 1, "-o", "json", "--isa", "avx2")).out)
    maps = ["query, key, value", "context", "up", "down"]
    assert [(r["dtype"], r["layer"], r["rows"]) for r in linear] == [
        (dtype, name, n) for dtype in ("float32", "bfloat16", "int8") for name in maps for n in (3, 20)]
    assert all(a["in"] == b["out"] for a, b in zip(linear[6::8], linear[4::8]))
    heads = json.loads(must(call("bench", "attention", "--lengths", "400,7", "-r", 1, "-o", "json")).out)
    assert [(r["dtype"], r["length"], r["rows"]) for r in heads] == [
        (dtype, *n) for dtype in ("float32", "bfloat16") for n in ((7, 54), (400, 1))]
    for r in linear + heads:
        assert 0 < r["us"] and 0 < r["share_of_peak"] < 130, r
    one = json.loads(must(call("bench", "attention", "--dtype", "int8", "-r", 1, "-o", "json")).out)
    assert {r["dtype"] for r in one} == {"bfloat16"} and [r["length"] for r in one] == [16, 128, 384]
    assert "--lengths" in must(call("bench", "linear", "--lengths", "0"), 64).err


def test_formats_in_and_out():
    folder = scratch()
    plain = folder / "rows.csv"
    plain.write_text('name,text,stars\nx,"Good, very good",5\ny,"Bad ""film""\nreally",1\n')
    packed = folder / "rows.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    out = folder / "out.csv"
    must(call("classify", "-i", plain, "-i", packed, "-o", out, "--passthrough", "name,stars"))
    table = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [t["name"] for t in table] == ["x", "y", "x", "y"]
    assert [t["label"] for t in table] == ["POSITIVE", "NEGATIVE"] * 2
    again = folder / "out.jsonl.gz"
    must(call("classify", "-i", packed, "-o", again, "--top-k", "all"))
    got = [json.loads(line) for line in gzip.decompress(again.read_bytes()).splitlines()]
    assert [p["label"] for p in got[0]["predictions"]] == ["POSITIVE", "NEGATIVE"]


def test_an_output_is_complete_for_one_state_of_the_model_folder():
    folder = scratch()
    model = folder / "model"
    shutil.copytree(MODEL, model)
    (model / "1_Pooling").mkdir()
    args = ("classify", "-m", model, "-i", rows(["fine"], folder / "rows.jsonl"), "-o", folder / "out.jsonl")
    must(call(*args))
    assert "nothing to do" in must(call(*args)).err
    (model / "1_Pooling" / "config.json").write_text("{}")
    assert "nothing to do" not in must(call(*args), 73).err
    must(call(*args, "--restart"))
    assert "nothing to do" in must(call(*args)).err


def test_summary_json_has_its_members():
    folder = scratch()
    src = rows(["one", "two", "three"], folder / "rows.jsonl")
    summary = folder / "s.json"
    must(call("classify", "-i", src, "-o", folder / "o.jsonl", "--summary-json", summary, np=4))
    s = json.loads(summary.read_text())
    assert (s["rows_in"], s["rows_out"], s["row_errors"]) == (3, 3, 0)
    assert s["layout"]["stages"] == 3 and len(s["layout"]["slices"]) == 3
    assert [r["rank"] for r in s["ranks"]] == [0, 1, 2, 3]
    assert s["output_sha256"] == harness.digest(folder / "o.jsonl")
    assert set(s["seconds"]) == {"start", "load", "run", "total"}


def test_the_summary_tells_what_rank_0_cost():
    """Its start apart from what grows with the rows, and that of what the stages computed with."""
    folder = scratch()
    src = rows(harness.texts()[:9], folder / "rows.jsonl")
    for np in (0, 3):
        run = must(call("classify", "-i", src, "-o", folder / f"{np}.jsonl", "--summary-json", folder / "s.json", np=np))
        s = json.loads((folder / "s.json").read_text())
        own, computed = s["ranks"][0], sum(r["compute_cpu_s"] for r in s["ranks"][1:])
        assert min(own["start_cpu_s"], own["load_cpu_s"], own["run_cpu_s"], computed) > 0, own
        assert own["start_cpu_s"] + own["load_cpu_s"] + own["run_cpu_s"] <= own["cpu_s"], own
        assert abs(s["coordination_share"] - own["run_cpu_s"] / computed) <= 1e-4 * s["coordination_share"], s
        assert re.search(r"rank 0: \S+ s of CPU to read, encode and write", run.err), run.err


def test_a_row_is_answered_while_the_pipe_stays_open():
    """It waits for no other row, although a window and a micro-batch would hold many."""
    for np in (0, 2, 4):
        words = [*(("mpirun", "-np", str(np)) if np else ()), PROGRAM, "classify", "-i", "-", "-o", "-", "--quiet",
                 "--sort-window", "4096", "--max-batch-tokens", "8192"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                              env={**os.environ, **harness.MPI, **harness.sanitizer_options(np)}) as run:
            for i, text in enumerate(("one row", "and another", "a last one")):
                run.stdin.write(json.dumps({"text": text}).encode() + b"\n")
                ready, _, _ = select.select([run.stdout], [], [], 120)
                assert ready, f"np {np}: row {i} has no answer while the input stays open"
                assert json.loads(run.stdout.readline())["id"] == i
            run.stdin.close()
            assert run.wait(timeout=120) == 0 and run.stdout.read() == b""


def test_facts_need_no_ranks():
    assert "bert" in must(call("inspect")).out
    assert "WordPiece" in must(call("inspect", "-m", MODEL)).out
    plan = must(call("plan", "--ranks", 8)).out
    assert "6f" in plan or "6" in plan
    assert must(call("topo")).out and "MPI" in must(call("env")).out
    assert "--max-batch-tokens" in must(call("classify", "--help")).out
    assert must(call("--version", np=3)).out.count("tfm-cluster") == 1


def test_bindings_are_told_as_mpirun_tells_them():
    """A line a rank under -v; and what the system did is what the summary has."""
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    run = must(call("classify", "-i", src, "-o", folder / "out.jsonl", "-v", "--summary-json", folder / "s.json", np=3))
    lines = [line.split("] MCW rank ")[1] for line in run.err.splitlines() if "] MCW rank " in line]
    assert len(lines) == 3, run.err
    for rank, line in enumerate(lines):
        assert re.fullmatch(rf"{rank} (is not bound \(or bound to all available processors\)"
                            r"|bound to socket \d+\[core .*\]\]: \[[B./\[\]]*B[B./\[\]]*\])", line), line
    sets = [numbers(rank["cpuset"]) for rank in json.loads((folder / "s.json").read_text())["ranks"]]
    assert all(cpus and cpus <= os.sched_getaffinity(0) for cpus in sets), sets
    assert sets[1] == sets[2] or not sets[1] & sets[2], sets
    assert ("is not bound" in lines[1]) == ("is not bound" in lines[2]) == (sets[1] == sets[2]), (lines, sets)


def numbers(cpus):
    ends = [[int(end) for end in part.split("-")] for part in cpus.split(",")]
    return {cpu for part in ends for cpu in range(part[0], part[-1] + 1)}


def test_tokenize_shows_pieces():
    folder = scratch()
    src = rows(["I love this!"], folder / "rows.jsonl")
    got = json.loads(must(call("tokenize", "-i", src)).out)
    assert got["ids"] == [2, 51, 1298, 1029, 5, 3]
    assert got["offsets"][1] == [0, 1] and got["tokens"][0] == "[CLS]"


if __name__ == "__main__":
    harness.run(globals())
