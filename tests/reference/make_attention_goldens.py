#!/usr/bin/env python3
"""Make tests/fixtures/task/attention.json: who attends to whom in the embedded model, by the reference.

usage: make_attention_goldens.py OUT      OUT is tests/fixtures/task/attention.json
       make_attention_goldens.py --compare PROGRAM DIR...

transformers 5.23 with attn_implementation="eager", output_attentions, float32. --compare runs PROGRAM's
`explain --json` on checkpoints of any family and prints how far its weights are from the reference's.
"""
import json
import pathlib
import subprocess
import sys

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "deploy" / "models" / "tfm-sentiment"
TEXTS = ["not a bad film", "Naïve 北京!"]


def attentions(folder, ids, causal=False):
    """[layers][heads][queries][keys] of one sequence."""
    kind = transformers.AutoModelForCausalLM if causal else transformers.AutoModel
    model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        out = model(input_ids=torch.tensor([ids]), output_attentions=True)
    return [layer[0].tolist() for layer in out.attentions]


def make(out):
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    rows = []
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        rows.append({"text": text, "ids": ids, "attentions": attentions(MODEL, ids)})
    def short(x):
        return [short(y) for y in x] if isinstance(x, list) else float(f"{x:.8g}")
    for row in rows:
        row["attentions"] = short(row["attentions"])
    pathlib.Path(out).write_text(json.dumps(rows, separators=(",", ":"), ensure_ascii=False) + "\n",
                                 encoding="utf-8")


def compare(program, folder):
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    causal = any("CausalLM" in a or "LMHead" in a for a in config.get("architectures", []))
    task = ["--task", "score"] if causal else []
    for text in ("not a bad film, is it?", "hello world " * 30):
        run = subprocess.run([program, "explain", "-m", folder, "--json", *task, "-q", "--threads", "1", text],
                             capture_output=True, text=True)
        if run.returncode:
            return run.stderr.strip().splitlines()[-1]
        said = json.loads(run.stdout)
        want = torch.tensor(attentions(folder, [p["id"] for p in said["pieces"]], causal))
        got = torch.tensor([layer["attentions"] for layer in said["layers"]])
        if want.shape != got.shape:
            return f"shape {tuple(got.shape)}, want {tuple(want.shape)}"
        worst = (want - got).abs().max().item()
        if worst > 1e-5:
            return f"{worst:.3g} off at {len(said['pieces'])} tokens"
    return f"within {worst:.3g}"


def main():
    if sys.argv[1] != "--compare":
        return make(sys.argv[1])
    for folder in sys.argv[3:]:
        print(pathlib.Path(folder).name, compare(sys.argv[2], folder), flush=True)


if __name__ == "__main__":
    main()
