"""The same bits every time, without mpirun: one hash for any stages, replicas, cuts, threads,
batching, row order, instruction set; and the negative control that shows the check can fail."""
import os
import subprocess

import harness
from harness import MODEL, Skip, call, digest, must, rows, scratch, texts

LOCAL = [
    [],
    ["--stages", 3],
    ["--stages", 14],
    ["--stages", 2, "--replicas", 3],
    ["--layers", "0-2a,2f-4,5-6"],
    ["--layers", "0a,0f-6a,6f"],
    ["--threads", 3],
    ["--max-batch-tokens", 512, "--sort-window", 1],
    ["--max-batch-tokens", 20000, "--sort-window", 7],
    ["--stages", 2, "--threads", 2, "--max-batch-tokens", 600],
]


def score(src, out, options, np=0, env=None):
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", out, "--return-logits", *options,
                    np=np, env=env))
    return digest(out), run


def one_hash(layouts):
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    seen = {}
    for i, (np, options) in enumerate(layouts):
        value, _ = score(src, folder / f"out{i}.jsonl", options, np)
        seen.setdefault(value, []).append((np, options))
    assert len(seen) == 1, f"{len(seen)} hashes: {seen}"
    return next(iter(seen))


DTYPES = [["--dtype", "float32"], ["--dtype", "bfloat16"], ["--dtype", "int8"], ["--dtype", "int8", "--int8-mode", "groups"]]


def test_local_layouts_give_one_hash_a_dtype():
    seen = [one_hash([(0, [*dtype, *options]) for options in LOCAL]) for dtype in DTYPES]
    assert len(set(seen)) == len(DTYPES), "the option changes nothing"


def test_row_order_does_not_matter():
    folder = scratch()
    all_texts = texts()
    order = sorted(range(len(all_texts)), key=lambda i: (i * 7919) % 101)
    src, back = folder / "rows.jsonl", folder / "mixed.jsonl"
    lines = harness.lines(rows(all_texts, src))
    back.write_text("".join(lines[i] + "\n" for i in order), encoding="utf-8")
    score(src, folder / "a.jsonl", [])
    score(back, folder / "b.jsonl", ["--stages", 3])
    straight = harness.lines(folder / "a.jsonl")
    assert [straight[i] for i in order] == harness.lines(folder / "b.jsonl")


def test_instruction_sets_give_one_hash():
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    seen, missing = {}, set()
    few = rows(texts()[:8], folder / "few.jsonl")  # portable takes ten times as long
    for i, dtype in enumerate(DTYPES):
        for isa in ("portable", "avx2", "avx512"):
            out = folder / f"{isa}-{i}.jsonl"
            run = call("classify", "-m", MODEL, "-i", few if i else src, "-o", out, "--return-logits", "--isa", isa, *dtype)
            if run.code == 78:
                missing.add(isa)
                continue
            must(run)
            seen.setdefault((i, digest(out)), []).append(isa)
    assert len(seen) == len(DTYPES), f"{seen}"
    if len(missing) == 2:
        raise Skip(f"this machine has none of {missing}")


def test_ref_and_native_give_one_hash():
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    few = rows(texts()[:8], folder / "few.jsonl")  # ref rounds number by number; pieces are six products
    exact = ["--dtype", "float32", "--float32-mode", "exact"]
    for name, rows_of, how in (("exact", src, exact), *((i, few, dtype) for i, dtype in enumerate(DTYPES))):
        ref, _ = score(rows_of, folder / f"r-{name}.jsonl", ["--backend", "ref", *how])
        native, _ = score(rows_of, folder / f"n-{name}.jsonl", ["--backend", "native", "--stages", 4, *how])
        assert ref == native, name


def test_openblas_has_float32_alone():
    run = must(call("plan", "--backend", "openblas", "--dtype", "int8"), 64)
    assert "native" in run.err


HASWELL = {"OPENBLAS_CORETYPE": "Haswell"}


def test_openblas_that_fails_its_probe_is_refused():
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    run = must(call("classify", "-m", MODEL, "-i", src, "-o", folder / "o.jsonl", "--backend",
                    "openblas", env=HASWELL), 78)
    assert "native" in run.err and not (folder / "o.jsonl").exists()


def test_openblas_is_opened_when_it_is_asked_for():
    """A file in its place that is no library, and a library that is not OpenBLAS: only who asks for it
    notices, and is told what to install."""
    folder = scratch()
    src = rows(texts()[:4], folder / "rows.jsonl")
    place = folder / "libopenblas.so.0"
    fake = {"LD_LIBRARY_PATH": str(folder)}
    score_as = ["classify", "-m", MODEL, "-i", src, "-o"]
    place.write_text("no library\n")
    run = must(call(*score_as, folder / "b.jsonl", "--backend", "openblas", env=fake), 69)
    assert "install libopenblas0" in run.err and "--backend native" in run.err, run.err
    assert not (folder / "b.jsonl").exists()
    must(call(*score_as, folder / "n.jsonl", env=fake))
    assert "install libopenblas0" in must(call("env", env=fake)).out
    place.unlink()
    subprocess.run(["cc", "-shared", "-o", place, "-x", "c", "/dev/null"], check=True)
    run = must(call(*score_as, folder / "o.jsonl", "--backend", "openblas", env=fake), 69)
    assert "is not OpenBLAS" in run.err, run.err


def test_openblas_without_its_probe_is_caught():
    """The negative control: were this one hash too, the tests above would prove nothing."""
    folder = scratch()
    src = rows(texts(), folder / "rows.jsonl")
    forced = ["--backend", "openblas", "--openblas-probe", "off"]
    seen = set()
    for i, options in enumerate(LOCAL):
        seen.add(score(src, folder / f"{i}.jsonl", [*forced, *options], env=HASWELL)[0])
    assert len(seen) > 1, "openblas on AVX2 kernels was expected to depend on the batch"


if __name__ == "__main__":
    os.environ.pop("TFM_THREADS", None)
    harness.run(globals())
