"""Translations: the reference's texts and ids, greedy and with beams, the oracle's bits, and the same bytes for any cut, budget of keys
and values, and number in flight; languages and prefixes; what is refused."""
import json
import pathlib
import shutil
import struct

import harness
from harness import call, digest, must, scratch

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "translate"
MODELS = {"t5": ["--src-lang", "en", "--tgt-lang", "fr"], "marian": [], "mbart": ["--src-lang", "en_XX"], "nllb": ["--src-lang", "eng_Latn"]}
LAYOUTS = [
    [],
    ["--stages", 8],
    ["--layers", "0a,0f-1,2a,2f-3", "--threads", 2],
    ["--stages", 2, "--replicas", 2, "--max-batch-tokens", 64],
    ["--stages", 3, "--kv-budget", 900000, "--sort-window", 3],
]


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def languages(name):
    """Its rows by language, what the reference says of each, and the options for it."""
    rows, want = lines(FIXTURES / name / "rows.jsonl"), lines(FIXTURES / name / "expected.jsonl")
    for language in sorted({row["language"] for row in rows}):  # forty rows of each show all that a hundred do
        mine = [i for i, row in enumerate(rows) if row["language"] == language][:40]
        yield [rows[i]["text"] for i in mine], [want[i] for i in mine], [*MODELS[name], *(["--tgt-lang", language] if name in ("mbart", "nllb") else [])]


def write_rows(folder, texts):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_translations_are_the_references():
    folder = scratch()
    for name in MODELS:
        for texts, want, options in languages(name):
            rows = write_rows(folder, texts)
            for key, beams in (("greedy", 1), ("beams", 4)):
                seen = set()
                for i, layout in enumerate(LAYOUTS):
                    out = folder / f"{name}-{key}-{i}-{options[-1:]}.jsonl"
                    must(call("translate", "-m", FIXTURES / name, "-i", rows, "-o", out, "--max-new-tokens", 24, "--num-beams", beams, "--return-tokens", *options, *layout))
                    seen.add(digest(out))
                assert len(seen) == 1, (name, key, seen)
                for got, w in zip(lines(out), want, strict=True):
                    assert (got["translation_text"], got["token_ids"]) == (w[key]["translation_text"], w[key]["token_ids"]), (name, key, got, w)


def test_ranks_write_the_same_bytes():
    folder = scratch()
    texts, _, options = next(languages("marian"))
    rows = write_rows(folder, texts[:20])
    seen = set()
    for np in (0, 3, 6):
        out = folder / f"np{np}.jsonl"
        must(call("translate", "-m", FIXTURES / "marian", "-i", rows, "-o", out, "--max-new-tokens", 24, *options, np=np))
        seen.add(digest(out))
    assert len(seen) == 1, seen


def test_the_oracle_agrees():
    folder = scratch()
    for name in MODELS:
        texts, _, options = next(languages(name))
        rows = write_rows(folder, texts[:12])
        for layout in LAYOUTS[:3]:
            must(call("verify", "--task", "translation", "-m", FIXTURES / name, "-i", rows, "--max-new-tokens", 24, *options, *layout))


def test_samples_are_the_same_for_any_layout():
    folder = scratch()
    texts, _, options = next(languages("mbart"))
    rows = write_rows(folder, texts[:12])
    seen = set()
    for i, layout in enumerate(LAYOUTS):
        out = folder / f"sampled-{i}.jsonl"
        must(call("translate", "-m", FIXTURES / "mbart", "-i", rows, "-o", out, "--max-new-tokens", 12, "--do-sample", "on", "--temperature", 2, "--seed", 3, *options, *layout))
        seen.add(digest(out))
    assert len(seen) == 1, seen


def renamed(folder, names, **more):
    """nllb's folder with other names for the languages, and more said in tokenizer_config.json."""
    shutil.copytree(FIXTURES / "nllb", folder)
    path = folder / "tokenizer.json"
    text = path.read_text()
    for old, new in names.items():
        text = text.replace(old, new)
    path.write_text(text)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    return folder


def test_languages_have_the_names_of_their_models():
    folder = scratch()
    texts, want, _ = next(languages("nllb"))
    rows = write_rows(folder, texts)
    said = {}
    m2m = renamed(folder / "m2m", {"eng_Latn": "__en__", "fra_Latn": "__fr__", "deu_Latn": "__de__"})
    for key, model, options in (
        ("lines around", m2m, ["--src-lang", "en", "--tgt-lang", "de"]),
        ("named in full", m2m, ["--src-lang", "__en__", "--tgt-lang", "__de__"]),
        ("the tokenizer's own", FIXTURES / "nllb", ["--tgt-lang", "deu_Latn"]),
        ("another source", FIXTURES / "nllb", ["--src-lang", "fra_Latn", "--tgt-lang", "deu_Latn"]),
        ("behind the text", renamed(folder / "legacy", {}, legacy_behaviour=True), ["--tgt-lang", "deu_Latn"]),
    ):
        out = folder / f"{key}.jsonl"
        must(call("translate", "-m", model, "-i", rows, "-o", out, "--max-new-tokens", 24, "--return-tokens", "--num-beams", 4, "--num-return-sequences", 2, *options))
        said[key] = [row["predictions"] for row in lines(out)]
    expected = [w["beams"]["token_ids"][1:] for w in want]
    for key in ("lines around", "named in full", "the tokenizer's own"):
        assert [row[0]["token_ids"][1:] for row in said[key]] == expected, key
    scores = {key: [row[0]["score"] for row in rows] for key, rows in said.items()}
    for key in ("another source", "behind the text"):
        assert scores[key] != scores["the tokenizer's own"], key


def test_fields_have_the_names_of_their_task():
    folder = scratch()
    rows = write_rows(folder, ["the cat sees one dog", ""])
    for verb, field in (("translate", "translation_text"), ("summarize", "summary_text"), ("generate", "generated_text")):
        out = folder / f"{verb}.jsonl"
        must(call(verb, "-m", FIXTURES / "marian", "-i", rows, "-o", out, "--max-new-tokens", 24))
        got = lines(out)
        assert [list(row) for row in got] == [["id", field]] * 2, got
        assert got[0][field] == "le chat voit un chien", got
    out = folder / "several.jsonl"
    must(call("translate", "-m", FIXTURES / "marian", "-i", rows, "-o", out, "--num-beams", 3, "--num-return-sequences", 2))
    assert list(lines(out)[0]["predictions"][0]) == ["translation_text", "score"], out.read_text()


def test_a_row_too_long_for_the_budget_fails_alone():
    folder = scratch()
    rows = write_rows(folder, ["the cat sees one dog", "the cat sees one dog and " * 12])
    out = folder / "small.jsonl"
    run = must(call("translate", "-m", FIXTURES / "marian", "-i", rows, "-o", out, "--max-new-tokens", 24, "--on-overflow", "error"))
    got = lines(out)
    assert "translation_text" in got[0] and got[1]["error"]["code"] and "longer than 48 tokens" in got[1]["error"]["message"], (got, run)


def classifier(folder):
    """seq2seq/bart-mnli with a tokenizer of a word an id, and the golden's rows as texts with their logits."""
    source = FIXTURES.parent / "model" / "seq2seq" / "bart-mnli"
    for name in ("config.json", "model.safetensors"):
        shutil.copy(source / name, folder)
    end = {"id": 2, "content": "</s>", "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    special = {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}
    single = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [single[0], {"Sequence": {"id": "B", "type_id": 0}}, single[1]], "special_tokens": special}, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"</s>" if i == 2 else f"w{i}": i for i in range(57)}, "unk_token": "w3"}}))
    raw = (source / "golden.bin").read_bytes()
    count, before, after, hidden, labels, rows = struct.unpack("<6i", raw[4:28])
    ints = struct.unpack(f"<{2 * count + 2}i", raw[28:36 + 8 * count])
    starts, total = ints[:count + 1], ints[count] + ints[-1]
    ids = struct.unpack(f"<{ints[count]}i", raw[36 + 8 * count:36 + 8 * count + 4 * ints[count]])
    logits = struct.unpack(f"<{rows * labels}f", raw[-4 * rows * labels:])
    assert len(raw) == 36 + 8 * count + 4 * total + 4 * hidden * (before * ints[count] + after * ints[-1]) + 4 * rows * labels
    texts = [" ".join(f"w{i}" for i in ids[a:b - 1]) for a, b in zip(starts, starts[1:])]
    return texts, [logits[labels * i:labels * i + labels] for i in range(rows)]


def test_a_classifier_reads_a_text_twice():
    folder = scratch()
    texts, want = classifier(folder)
    rows = write_rows(folder, texts)
    seen = set()
    for i, layout in enumerate(([], ["--stages", 6], ["--layers", "0a,0f-1a,1f-2", "--max-batch-tokens", 160])):
        out = folder / f"classes{i}.jsonl"
        must(call("classify", "-m", folder, "-i", rows, "-o", out, "--return-logits", *layout))
        seen.add(digest(out))
    assert len(seen) == 1, seen
    for got, logits in zip(lines(out), want, strict=True):
        assert all(abs(a - b) < 1e-4 for a, b in zip(got["logits"], logits, strict=True)), (got, logits)
    must(call("verify", "--task", "text-classification", "-m", folder, "-i", rows, "--stages", 3))


def test_what_cannot_be_is_refused():
    folder = scratch()
    rows = write_rows(folder, ["the cat sees one dog"])
    decoder = FIXTURES.parent / "generate"
    cases = [(69, "no encoder", ["translate", "-m", decoder]), (69, "no encoder", ["summarize", "-m", decoder]),
             (69, "score is not supported", ["score", "-m", FIXTURES / "t5"]),
             (64, "--tgt-lang xx_XX", ["translate", "-m", FIXTURES / "mbart", "--tgt-lang", "xx_XX"]),
             (64, "--tgt-lang fr:", ["translate", "-m", FIXTURES / "nllb", "--tgt-lang", "fr"]),
             (64, "--src-lang cat", ["translate", "-m", FIXTURES / "mbart", "--src-lang", "cat"]),
             (64, "--tgt-lang", ["summarize", "-m", FIXTURES / "mbart", "--tgt-lang", "fr_XX"])]
    for code, text, words in cases:
        run = call(*words, "-i", rows, "-o", folder / "never.jsonl")
        assert run.code == code and text in run.err, (words, run.code, run.err)


def test_inspect_says_what_a_model_is_for():
    for name, task in (("t5", "translation"), ("marian", "translation"), ("mbart", "translation"), ("nllb", "translation")):
        told = must(call("inspect", "-m", FIXTURES / name)).out
        assert f"{task} (verbs translate, summarize, generate)" in told, (name, told)
    model = scratch() / "model"
    shutil.copytree(FIXTURES / "t5", model)
    config = json.loads((model / "config.json").read_text())
    for said, task in (({}, "text2text-generation"), ({"summarization": {}}, "summarization"),
                       ({"summarization": {}, "translation_en_to_fr": {}}, "text2text-generation")):
        (model / "config.json").write_text(json.dumps({**config, "task_specific_params": said}))
        assert f"{task} (verbs" in must(call("inspect", "-m", model)).out, (said, task)
    (model / "README.md").write_text("---\npipeline_tag: summarization\n---\n")
    assert "summarization (verbs" in must(call("inspect", "-m", model)).out


if __name__ == "__main__":
    harness.run(globals())
