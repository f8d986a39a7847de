"""Generated texts: the reference's ids, the oracle's bits, and the same bytes for any layout, budget of keys and values, and number
in flight."""
import json
import pathlib
import shutil

import harness
from harness import call, digest, must, scratch

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "generate"
ROWS = FOLDER / "rows.jsonl"
COMMON = ["-m", FOLDER, "-i", ROWS, "--max-new-tokens", 40, "--return-tokens"]

LAYOUTS = [
    [],
    ["--stages", 3],
    ["--layers", "0a,0f-1a,1f-2", "--threads", 2],
    ["--stages", 2, "--replicas", 2],
    ["--max-batch-tokens", 7],
    ["--kv-budget", 80000],
    ["--stages", 2, "--kv-budget", 50000, "--max-batch-tokens", 16, "--sort-window", 3],
]


# A text of several branches wants pages for each.
BRANCHED = [[4 * n if before == "--kv-budget" else n for before, n in zip([None, *options], options)] for options in LAYOUTS]


def test_the_reference_and_the_oracle_agree():
    for options in ([], ["--stages", 3], ["--stages", 2, "--kv-budget", 50000]):
        must(call("verify", "--task", "text-generation", *COMMON, "--expected", FOLDER / "expected.jsonl", *options))


def test_the_plan_counts_the_words_with_every_token():
    """By hand, multiply-adds of a token of 128 in this model: a layer's products, its scores (the second and third see 9 keys), and
    the words."""
    products, ffn, words = 2 * 24 * 24 + 2 * 24 * 12, 3 * 24 * 36, 64 * 24
    layers = [products + 2 * keys * 24 + ffn for keys in (128, 9, 9)]
    said = json.loads(must(call("plan", "-m", FOLDER, "--task", "text-generation", "--layers", "0,1,2", "--table", "json")).out)
    shares = [part / (sum(layers) + words) for part in (layers[0], layers[1], layers[2] + words)]
    assert all(abs(rank["cost"] - share) < 1e-5 for rank, share in zip(said[1:], shares, strict=True)), (said, shares)
    text = must(call("plan", "-m", FOLDER, "--task", "text-generation", "--layers", "0,1,2")).out
    assert f"{100 * shares[2]:.1f} %" in text, text


SAMPLED = ["--do-sample", "on", "--seed", 7, "--temperature", 0.9, "--top-p", 0.95, "--repetition-penalty", 1.2, "--no-repeat-ngram-size", 3,
           "--min-new-tokens", 2]


def test_every_layout_writes_the_same_bytes():
    folder = scratch()
    hashes = []
    for how in ([], SAMPLED, [*SAMPLED, "--seed", 8]):
        seen = set()
        for i, options in enumerate(LAYOUTS):
            out = folder / f"out{len(hashes)}-{i}.jsonl"
            must(call("generate", *COMMON, "-o", out, *how, *options))
            seen.add(digest(out))
        assert len(seen) == 1, seen
        hashes += seen
    assert len(set(hashes)) == 3, hashes


def test_the_oracle_draws_the_same():
    must(call("verify", "--task", "text-generation", *COMMON, *SAMPLED, "--stages", 3))


def test_beams_are_the_references():
    folder = scratch()
    rows = folder / "rows.jsonl"
    rows.write_text("".join(ROWS.read_text().splitlines(keepends=True)[::2]))
    for n, want in enumerate(json.loads((FOLDER / "beams.json").read_text())):
        options = [x for k, v in want["options"].items() for x in ("--" + k.replace("_", "-"), str(v).lower())]
        seen = set()
        for i, layout in enumerate(BRANCHED):
            out = folder / f"beams{n}-{i}.jsonl"
            must(call("generate", "-m", FOLDER, "-i", rows, "-o", out, "--max-new-tokens", 20, "--return-tokens", *options, *layout))
            seen.add(digest(out))
        assert len(seen) == 1, (options, seen)
        for line, beams in zip(out.read_text().splitlines(), want["rows"], strict=True):
            got = json.loads(line)["predictions"]
            assert [g["token_ids"] for g in got] == [b["token_ids"] for b in beams], (options, got, beams)
            assert all(abs(g["score"] - b["score"]) < 1e-4 for g, b in zip(got, beams)), (options, got, beams)


def test_branches_are_drawn_apart_and_alike():
    folder = scratch()
    for n, how in enumerate((["--num-return-sequences", 3], ["--num-beams", 3, "--num-return-sequences", 2])):
        seen = set()
        for i, layout in enumerate(BRANCHED):
            out = folder / f"apart{n}-{i}.jsonl"
            must(call("generate", *COMMON, "-o", out, *SAMPLED, *how, *layout))
            seen.add(digest(out))
        assert len(seen) == 1, seen
        texts = [[tuple(p["token_ids"]) for p in json.loads(line)["predictions"]] for line in out.read_text().splitlines()]
        assert sum(len(set(t)) == len(t) for t in texts) > len(texts) // 2, texts


def test_narrower_keys_and_values_are_alike_in_any_layout():
    folder = scratch()
    plain = folder / "plain.jsonl"
    must(call("generate", *COMMON, "-o", plain))
    texts = [json.loads(line)["token_ids"] for line in plain.read_text().splitlines()]
    for kv in ("bfloat16", "int8"):
        for how in ([], ["--num-beams", 2]):
            seen = set()
            for i, layout in enumerate(BRANCHED):
                out = folder / f"{kv}{len(how)}-{i}.jsonl"
                must(call("generate", *COMMON, "-o", out, "--kv-dtype", kv, *how, *layout))
                seen.add(digest(out))
            assert len(seen) == 1, (kv, how, seen)
            got = [json.loads(line)["token_ids"] for line in out.read_text().splitlines()]
            if not how:
                assert got[0][:2] == texts[0][:2] and sum(a[0] == b[0] for a, b in zip(got, texts)) > len(texts) * 3 // 4, (kv, got, texts)
    assert call("verify", "--task", "text-generation", *COMMON, "--kv-dtype", "int8").code == 64


def test_beginnings_are_read_once():
    """Rows with 150 tokens in common, two pages of 64 of them: the oracle's bits, which shares nothing, for texts that share them."""
    folder = scratch()
    head = " ".join(f"w{i * 7 % 50 + 5}" for i in range(150))
    rows, alone = folder / "rows.jsonl", folder / "alone.jsonl"
    texts = [f"{head} " + " ".join(f"w{(i * k + 3) % 50 + 5}" for k in range(1 + i % 9)) for i in range(20)]
    rows.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    options = ["-m", FOLDER, "--max-new-tokens", 12]
    for more in ([], ["--do-sample", "on", "--seed", 3, "--temperature", 1.5, "--repetition-penalty", 1.2], ["--num-beams", 3]):
        seen = set()
        for i, layout in enumerate(([], ["--stages", 3], ["--stages", 2, "--kv-budget", 500000, "--max-batch-tokens", 210])):
            out, summary = folder / f"out{i}.jsonl", folder / f"summary{i}.json"
            must(call("generate", *options, "-i", rows, "-o", out, "--restart", "--return-tokens", "--summary-json", summary, *more, *layout))
            said = json.loads(summary.read_text())
            assert said["tokens_shared"] >= 128 * 10 and said["tokens_sent"] < said["tokens"], said
            seen.add(digest(out))
        assert len(seen) == 1, (more, seen)
        if "--num-beams" not in more:
            must(call("verify", "--task", "text-generation", *options, "-i", rows, *more, "--stages", 3))
    for i in (0, 7):  # a row that has nobody to share with
        alone.write_text(json.dumps({"text": texts[i]}) + "\n")
        must(call("generate", *options, "-i", alone, "-o", folder / "one.jsonl", "--restart", "--num-beams", 3, "--return-tokens"))
        assert json.loads((folder / "one.jsonl").read_text())["token_ids"] == json.loads(out.read_text().splitlines()[i])["token_ids"]


def test_stop_strings_end_texts():
    folder = scratch()
    plain, out = folder / "plain.jsonl", folder / "stopped.jsonl"
    must(call("generate", *COMMON, "-o", plain, "--return-full-text", "off"))
    whole = [json.loads(line)["token_ids"] for line in plain.read_text().splitlines()]
    stop = f"w{whole[0][2]} w{whole[0][3]}"
    must(call("generate", *COMMON, "-o", out, "--return-full-text", "off", "--stop-strings", stop, "--stop-strings", "not there"))
    short = 0
    for got, want in zip((json.loads(line)["token_ids"] for line in out.read_text().splitlines()), whole):
        at = next((i + 1 for i in range(len(want)) if " ".join(f"w{t}" for t in want[: i + 1]).find(stop) >= 0), len(want))
        assert got == want[:at], (got, want, stop)
        short += at < len(want)
    assert short, stop


def test_bad_words_and_biases_hold():
    folder = scratch()
    plain, out = folder / "plain.jsonl", folder / "forbidden.jsonl"
    must(call("generate", *COMMON, "-o", plain))
    seen = [t for line in plain.read_text().splitlines() for t in json.loads(line)["token_ids"]]
    bad, favoured = max(set(seen) - {0, 5}, key=seen.count), min(set(range(6, 64)) - set(seen), default=6)
    must(call("generate", *COMMON, "-o", out, "--bad-words", f"w{bad}", "--logit-bias", f"{favoured}:30"))
    got = [t for line in out.read_text().splitlines() for t in json.loads(line)["token_ids"]]
    assert bad in seen and bad not in got and got.count(favoured) > len(got) // 2, (bad, favoured, got)


def test_settings_that_do_not_go_together_are_refused():
    for options in (["--num-return-sequences", 2], ["--num-beams", 2, "--num-return-sequences", 3], ["--logit-bias", "9"], ["--logit-bias", "64:1"]):
        run = call("generate", *COMMON, *options)
        assert run.code == 64, run
    assert call("verify", "--task", "text-generation", *COMMON, "--num-beams", 2).code == 64


def test_texts_end_where_they_are_told():
    folder = scratch()
    out = folder / "short.jsonl"
    must(call("generate", "-m", FOLDER, "-i", ROWS, "-o", out, "--max-new-tokens", 3, "--return-tokens", "--return-full-text", "off"))
    for line, whole in zip(out.read_text().splitlines(), (FOLDER / "expected.jsonl").read_text().splitlines()):
        want = json.loads(whole)["token_ids"][:3]
        got = json.loads(line)
        assert got["token_ids"] == want, (got, want)
        assert got["generated_text"].split() == [f"w{t}" for t in want if t], got


def test_a_budget_too_small_for_a_row_fails_that_row():
    folder = scratch()
    out = folder / "small.jsonl"
    run = must(call("generate", "-m", FOLDER, "-i", ROWS, "-o", out, "--max-new-tokens", 150, "--kv-budget", 80000))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 24 and any("error" in row for row in lines), run
    assert all("--kv-budget" in row["error"]["message"] for row in lines if "error" in row)


def test_a_prompt_as_long_as_max_length_is_refused():
    """max_length counts the prompt's tokens, as the reference has it; --max-new-tokens goes before it. A forced end may be a list of one."""
    model = scratch() / "model"
    shutil.copytree(FOLDER, model)
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 5], "max_length": 5, "forced_eos_token_id": [7]}))
    source, out = model.parent / "rows.jsonl", model.parent / "out.jsonl"
    source.write_text("".join(json.dumps({"text": " ".join(["w3"] * n)}) + "\n" for n in (4, 5, 9)))
    must(call("generate", "-m", model, "-i", source, "-o", out, "--return-tokens"))
    got = [json.loads(line) for line in out.read_text().splitlines()]
    assert got[0]["token_ids"] == [7] and all("max_length 5" in g["error"]["message"] for g in got[1:]), got
    must(call("generate", "-m", model, "-i", source, "-o", out, "--return-tokens", "--restart", "--max-new-tokens", 2))
    assert all(g["token_ids"][-1] in (0, 5, 7) for g in map(json.loads, out.read_text().splitlines())), out.read_text()
    (model / "generation_config.json").write_text(json.dumps({"forced_eos_token_id": [7, 8]}))
    run = call("generate", "-m", model, "-i", source)
    assert run.code == 69 and "forced_eos_token_id: 2 ids" in run.err, run


if __name__ == "__main__":
    harness.run(globals())
