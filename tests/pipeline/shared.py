"""The ranks of a host have packed weights once, whatever the layout: what all processes take together,
each shared page counted once (Pss), while the job waits for more of its input."""
import array
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import time

import harness
from harness import MODEL, PROGRAM, SANITIZED, Skip, scratch, texts

RANKS = 8
WIDTH, DEEP, WIDE = 512, 8, 2048  # hidden, layers, intermediate: 121 MB of float32
WEIGHTS_MOST, RANK_MOST = 1.15, 32 << 20
PATIENCE_S = 240


def tensors(vocabulary, deep):
    """Names and shapes of a BERT classifier."""
    yield "bert.embeddings.word_embeddings.weight", (vocabulary, WIDTH)
    yield "bert.embeddings.position_embeddings.weight", (512, WIDTH)
    yield "bert.embeddings.token_type_embeddings.weight", (2, WIDTH)
    layers = [f"bert.encoder.layer.{i}." for i in range(deep)]
    linear = [("bert.pooler.dense", WIDTH, WIDTH), ("classifier", 2, WIDTH)]
    norms = ["bert.embeddings.LayerNorm"]
    for layer in layers:
        linear += [(layer + "attention." + part, WIDTH, WIDTH)
                   for part in ("self.query", "self.key", "self.value", "output.dense")]
        linear += [(layer + "intermediate.dense", WIDE, WIDTH), (layer + "output.dense", WIDTH, WIDE)]
        norms += [layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
    for name, rows, columns in linear:
        yield name + ".weight", (rows, columns)
        yield name + ".bias", (rows,)
    for name in norms:
        yield name + ".weight", (WIDTH,)
        yield name + ".bias", (WIDTH,)


def make_model(folder, deep=DEEP):
    """The embedded model's tokenizer before a larger body of small random numbers."""
    shutil.copytree(MODEL, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": WIDTH, "num_hidden_layers": deep, "intermediate_size": WIDE}
    (folder / "config.json").write_text(json.dumps(config))
    chance = random.Random(1)
    some = array.array("f", (chance.uniform(-0.05, 0.05) for _ in range(1 << 14))).tobytes()
    header, at = {}, 0
    for name, shape in tensors(config["vocab_size"], deep):
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for begin in range(0, at, len(some)):
            f.write(some[:at - begin])
    return folder


def ranks_of(launcher):
    """Processes of this program below the launcher."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
            except OSError:
                continue  # it has ended
    found = []
    for pid in parents:
        up = pid
        while up in parents and up != launcher:
            up = parents[up]
        try:
            if up == launcher and os.path.samefile(f"/proc/{pid}/exe", PROGRAM):
                found.append(pid)
        except OSError:
            continue
    return found


def pss_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n"):
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    raise Skip("the system does not tell Pss")


def until_there_are(lines, path, job):
    """Until so many results are in the unfinished output."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert job.poll() is None, f"it ended with {job.returncode}"
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.02)
    raise AssertionError(f"no {lines} results within {PATIENCE_S} s")


def take_of(model, folder, *layout):
    """Pss of all ranks and bytes of packed weights, when all rows that there are have passed."""
    fifo, out = folder / "rows.jsonl", folder / "out.jsonl"
    said = texts() * 4
    os.mkfifo(fifo)
    command = ["mpirun", "-np", str(RANKS), PROGRAM, "classify", "-m", str(model), "-i", str(fifo),
               "-o", str(out), "-q", "--dtype", "float32", *map(str, layout)]
    environment = {**os.environ, **harness.MPI, "TFM_CACHE_DIR": str(folder / "cache")}
    job = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        with open(fifo, "w", encoding="utf-8") as f:
            for text in said:
                f.write(json.dumps({"text": text}) + "\n")
            f.flush()
            until_there_are(len(said), folder / "out.jsonl.part", job)
            ranks = ranks_of(job.pid)
            assert len(ranks) == RANKS, ranks
            taken = [pss_of(pid) for pid in ranks]
        assert job.wait(timeout=PATIENCE_S) == 0
    finally:
        job.kill()
    packed = sum(p.stat().st_size for p in (folder / "cache").rglob("*") if p.is_file())
    return taken, packed


def check(*layout):
    if SANITIZED:
        raise Skip("a sanitizer has memory of its own")
    folder = scratch()
    taken, packed = take_of(make_model(folder / "model"), folder, *layout)
    most = WEIGHTS_MOST * packed + RANKS * RANK_MOST
    mb = ", ".join(f"{x / 2**20:.0f}" for x in taken)
    print(f"      {layout}: {sum(taken) / 2**20:.0f} MiB ({mb}), weights {packed / 2**20:.0f}, "
          f"at most {most / 2**20:.0f}")
    assert most < (RANKS - 1) * packed * 0.9, "a copy a rank would not be noticed"
    assert sum(taken) <= most, (taken, packed)


def test_seven_replicas_have_weights_once():
    check("--replicas", 7, "--stages", 1)


def test_seven_stages_have_weights_once():
    check("--stages", 7)


if __name__ == "__main__":
    harness.run(globals())
