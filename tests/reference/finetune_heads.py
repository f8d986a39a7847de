#!/usr/bin/env python3
"""Whole tasks instead of logits: fine-tune real heads with the reference library, score rows kept aside with both.

usage: finetune_heads.py train   BASE DATA OUT        BASE: a BERT folder (all-MiniLM-L6-v2), DATA: wikiann-en, sick2014, xquad-en
       finetune_heads.py measure PROGRAM OUT CHECKS [ARGS]   the table; CHECKS: the folder of the black-box checks
                         (its reference.py answers questions); ARGS are given to the program (--stages 3)

Trains entities (wikiann-en, BIO), entailment (sick2014) and answers (xquad-en) for minutes each, saves the checkpoint
folders and the rows kept aside under OUT. The measures: F1 of spans with type; accuracy; exact match and F1 of words
as SQuAD defines them (Rajpurkar et al. 2016, normalised without articles, punctuation and letter case). The last
column says how many rows were answered the same. Neither data nor folders are part of the project: their licences
differ (sick2014 is not for commercial use). Needs torch and transformers; ends with 1 when a measure differs.
"""
import collections
import json
import pathlib
import random
import re
import string
import subprocess
import sys

KEPT = 0.2  # of entities and questions; sick2014 has a trial set of its own


def batches(rows, size, epochs):
    rng = random.Random(7)
    for _ in range(epochs):
        rng.shuffle(rows)
        rows_by_length = sorted(rows, key=lambda r: len(r["input_ids"]) + rng.random() * 8)
        cuts = [rows_by_length[i:i + size] for i in range(0, len(rows), size)]
        rng.shuffle(cuts)
        yield from cuts


def train(model, tok, rows, pads, epochs, rate=2e-4, size=16):
    """Rows are dicts of lists or numbers; lists are padded, by `pads` where 0 is not meant."""
    import torch
    torch.manual_seed(7)
    steps = epochs * -(-len(rows) // size)
    adam = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    slow = torch.optim.lr_scheduler.LambdaLR(adam, lambda i: min((i + 1) / (steps / 10), (steps - i) / (steps * 0.9)))
    model.train()
    for i, batch in enumerate(batches(rows, size, epochs)):
        longest = max(len(r["input_ids"]) for r in batch)
        filled = {k: torch.tensor([r[k] + [pads.get(k, 0)] * (longest - len(r[k])) if isinstance(r[k], list) else r[k]
                                   for r in batch]) for k in batch[0]}
        loss = model(**filled).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step(), slow.step(), adam.zero_grad()
        if i % 50 == 0:
            print(f"  step {i} of {steps}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    model.eval()


def save(model, tok, kept, folder):
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    with open(folder / "kept.jsonl", "w", encoding="utf-8") as f:
        for row in kept:
            f.write(json.dumps(row) + "\n")


def fields(enc, **more):
    return {"input_ids": enc["input_ids"], "attention_mask": enc["attention_mask"], "token_type_ids": enc["token_type_ids"], **more}


# ---- entities ----

def conll(path):
    """Sentences as text and spans (type, begin, end)."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        pairs = [line.rsplit("\t", 1) for line in block.split("\n") if "\t" in line]
        text, spans = "", []
        for word, tag in ((w.split(":", 1)[1], t) for w, t in pairs):
            begin = len(text) + bool(text)
            text = f"{text} {word}" if text else word
            if tag[0] == "B" or (tag[0] == "I" and (not spans or spans[-1][0] != tag[2:])):
                spans.append([tag[2:], begin, len(text)])
            elif tag[0] == "I":
                spans[-1][2] = len(text)
        if text:
            yield {"text": text, "spans": spans}


def train_entities(tf, base, tok, data, out):
    rows = list(conll(data / "wikiann-en" / "train.conll"))
    cut = int(len(rows) * KEPT)
    names = ["O"] + [f"{b}-{t}" for t in ("PER", "ORG", "LOC") for b in "BI"]
    examples = []
    for row in rows[cut:][:6000]:
        enc = tok(row["text"], truncation=True, max_length=96, return_offsets_mapping=True)
        labels = [0 if a < b else -100 for a, b in enc["offset_mapping"]]
        for kind, begin, end in row["spans"]:
            inside = [i for i, (a, b) in enumerate(enc["offset_mapping"]) if a < b and begin <= a and b <= end]
            for i in inside:
                labels[i] = names.index(("B-" if i == inside[0] else "I-") + kind)
        examples.append(fields(enc, labels=labels))
    model = tf.AutoModelForTokenClassification.from_pretrained(base, num_labels=len(names), id2label=dict(enumerate(names)),
                                                               label2id={n: i for i, n in enumerate(names)})
    train(model, tok, examples, {"labels": -100}, 2)
    save(model, tok, rows[:cut], out / "entities")


def spans_of(found):
    return {(e["entity_group"], e["start"], e["end"]) for e in found}


def entity_measures(kept, answers):
    hit = said = true = 0
    for row, answer in zip(kept, answers):
        gold, got = {tuple(s) for s in row["spans"]}, spans_of(answer["entities"])
        hit, said, true = hit + len(gold & got), said + len(got), true + len(gold)
    return {"F1": 2 * hit / max(said + true, 1)}


def entity_reference(tf, folder, kept):
    pipe = tf.pipeline("token-classification", model=str(folder), aggregation_strategy="simple")
    return [{"entities": pipe(row["text"])} for row in kept]


# ---- entailment ----

def sick(path):
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [{"text": a, "text_pair": b, "gold": g} for _, a, b, _, g in (line.split("\t") for line in lines)]


def train_entailment(tf, base, tok, data, out):
    names = ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"]
    rows = sick(data / "sick2014" / "SICK_train.txt")
    examples = [fields(tok(r["text"], r["text_pair"], truncation=True, max_length=96), labels=names.index(r["gold"])) for r in rows]
    model = tf.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3, id2label=dict(enumerate(names)),
                                                                  label2id={n: i for i, n in enumerate(names)})
    train(model, tok, examples, {}, 2)
    save(model, tok, sick(data / "sick2014" / "SICK_trial.txt"), out / "entailment")


def entailment_measures(kept, answers):
    return {"accuracy": sum(r["gold"] == a["label"] for r, a in zip(kept, answers)) / len(kept)}


def entailment_reference(tf, folder, kept):
    pipe = tf.pipeline("text-classification", model=str(folder))
    return [pipe({"text": r["text"], "text_pair": r["text_pair"]}) for r in kept]


# ---- answers ----

def squad(path):
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for q in paragraph["qas"]:
                yield {"question": q["question"], "context": paragraph["context"], "gold": [[a["answer_start"], a["text"]] for a in q["answers"]]}


def train_answers(tf, base, tok, data, out):
    rows = list(squad(data / "xquad-en" / "visible.json"))
    random.Random(3).shuffle(rows)
    cut = int(len(rows) * KEPT)
    examples = []
    for row in rows[cut:]:
        enc = tok(row["question"], row["context"], truncation="only_second", max_length=384, return_offsets_mapping=True)
        begin, end = row["gold"][0][0], row["gold"][0][0] + len(row["gold"][0][1])
        inside = [i for i, (a, b) in enumerate(enc["offset_mapping"]) if enc.sequence_ids()[i] == 1 and a < end and b > begin]
        if inside:
            examples.append(fields(enc, start_positions=inside[0], end_positions=inside[-1]))
    model = tf.AutoModelForQuestionAnswering.from_pretrained(base)
    train(model, tok, examples, {}, 5, rate=3e-4, size=8)
    save(model, tok, rows[:cut], out / "answers")


def words(text):
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def overlap(got, gold):
    same = sum((collections.Counter(got) & collections.Counter(gold)).values())
    return 2 * same / (len(got) + len(gold)) if got and gold else float(got == gold)


def answer_measures(kept, answers):
    pairs = [([words(t) for _, t in r["gold"]], words(a["answer"])) for r, a in zip(kept, answers)]
    return {"exact match": sum(got in gold for gold, got in pairs) / len(pairs),
            "F1": sum(max(overlap(got, g) for g in gold) for gold, got in pairs) / len(pairs)}


def answer_reference(checks, folder, kept):
    """transformers 5 has no such pipeline: the black-box checks carry the one of version 4."""
    sys.path.insert(0, str(checks))
    from reference import Reference
    ref = Reference(folder, "question-answering")
    return [ref.answer(row) for row in kept]


# ---- both ----

TASKS = {"entities": ("ner", ["--aggregation-strategy", "simple"], entity_reference, entity_measures, lambda a: spans_of(a["entities"])),
         "entailment": ("classify", [], entailment_reference, entailment_measures, lambda a: a["label"]),
         "answers": ("qa", [], answer_reference, answer_measures, lambda a: (a["answer"], a["start"]))}


def ours(program, verb, folder, options):
    run = subprocess.run([*program.split(), verb, "--model", str(folder), *options, str(folder / "kept.jsonl")],
                         check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def measure(program, out, checks, more):
    import transformers as tf
    tf.logging.set_verbosity_error()
    wrong = 0
    print("| task | rows | measure | reference | tfm-cluster | same answers |\n|---|---|---|---|---|---|")
    for name, (verb, options, reference, measures, key) in TASKS.items():
        folder = out / name
        kept = [json.loads(line) for line in open(folder / "kept.jsonl", encoding="utf-8")]
        want = reference(checks if name == "answers" else tf, folder, kept)
        got = ours(program, verb, folder, [*options, *more])
        same = sum(key(a) == key(b) for a, b in zip(want, got))
        mine = measures(kept, got)
        for what, value in measures(kept, want).items():
            wrong += round(value, 3) != round(mine[what], 3)
            print(f"| {name} | {len(kept)} | {what} | {value:.3f} | {mine[what]:.3f} | {same} |")
    return 1 if wrong else 0


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("train", "measure"):
        sys.exit(__doc__)
    if sys.argv[1] == "measure":
        checks = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
        sys.exit(measure(sys.argv[2], pathlib.Path(sys.argv[3]), checks, sys.argv[5:]))
    import transformers as tf
    base, data, out = (pathlib.Path(a) for a in sys.argv[2:5])
    tok = tf.AutoTokenizer.from_pretrained(base)
    for step in (train_entities, train_entailment, train_answers):
        print(step.__name__, file=sys.stderr)
        step(tf, base, tok, data, out)


if __name__ == "__main__":
    main()
