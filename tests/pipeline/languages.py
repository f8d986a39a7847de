"""Translation checkpoints as the hub has them, without tokenizer.json: mBART, mBART-50, M2M100 and NLLB. The reference's pieces, translations
and beams for what the folder says and for languages that are asked for, for any layout; what is refused."""
import json
import pathlib
import shutil

import harness
from harness import call, digest, must, scratch

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "languages"
LAYOUTS = [([], 0), (["--stages", 2], 0), ([], 3)]
NAMES = ("mbart", "mbart50", "m2m100", "nllb")


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def pairs(name):
    """The options for each pair of languages, and the reference's rows."""
    rows = lines(FIXTURES / name / "rows.jsonl")
    for pair in dict.fromkeys((row["source"], row["target"]) for row in rows):
        options = [word for key, language in zip(("--src-lang", "--tgt-lang"), pair) if language for word in (key, language)]
        yield options, [row for row in rows if (row["source"], row["target"]) == pair]


def write_rows(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows))
    return path


def test_pieces_are_the_references():
    folder = scratch()
    for name in NAMES:
        _, rows = next(pairs(name))  # the folder's own language
        out = folder / "out.jsonl"
        must(call("tokenize", "--tokenizer", FIXTURES / name, "-i", write_rows(folder, rows), "-o", out, "--restart"))
        assert [row["ids"] for row in lines(out)] == [row["ids"] for row in rows], name


def test_translations_are_the_references():
    folder = scratch()
    for name in NAMES:
        for k, (options, rows) in enumerate(pairs(name)):
            for key, beams in (("greedy", 1), ("beams", 4)):
                seen = set()
                for i, (layout, np) in enumerate(LAYOUTS if k else LAYOUTS[:1]):
                    out = folder / f"{name}-{k}-{key}-{i}.jsonl"
                    must(call("translate", "-m", FIXTURES / name, "-i", write_rows(folder, rows), "-o", out, "--max-new-tokens", 12, "--num-beams", beams,
                              "--return-tokens", *options, *layout, np=np))
                    seen.add(digest(out))
                assert len(seen) == 1, (name, options, key)
                for got, want in zip(lines(out), rows, strict=True):
                    assert (got["token_ids"], got["translation_text"]) == (want[key]["token_ids"], want[key]["translation_text"]), (name, options, key, got, want[key])


def test_a_language_of_another_model_is_refused():
    folder = scratch()
    rows = write_rows(folder, [{"text": "row"}])
    for name, language in (("mbart", "sl_SI"), ("mbart50", "en"), ("m2m100", "en_XX"), ("nllb", "en_XX")):
        done = call("translate", "-m", FIXTURES / name, "-i", rows, "-o", folder / "out.jsonl", "--tgt-lang", language)
        assert done.code == 64 and f"--tgt-lang {language}: the tokenizer has no such language" in done.err, (name, done.err)


def test_a_folder_that_lacks_its_pieces_is_refused_by_name():
    folder = scratch() / "m2m100"
    shutil.copytree(FIXTURES / "m2m100", folder)
    (folder / "sentencepiece.bpe.model").unlink()
    done = call("tokenize", "--tokenizer", folder, "-i", write_rows(folder, [{"text": "row"}]), "-o", folder / "out.jsonl")
    assert done.code == 66 and "sentencepiece.bpe.model, which a M2M100Tokenizer is made of" in done.err, done.err


if __name__ == "__main__":
    harness.run(globals())
