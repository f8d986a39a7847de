"""Random post-processors and decoders for differ_text.py."""


def special(name, type_id=0):
    return {"SpecialToken": {"id": name, "type_id": type_id}}


def sequence(name, type_id=0):
    return {"Sequence": {"id": name, "type_id": type_id}}


def template(rng):
    names = ["<s>", "</s>", "[X]"]
    table = {n: {"id": n, "ids": [rng.randint(0, 30) for _ in range(k)],
                 "tokens": [n + str(i) if i else n for i in range(k)]}
             for n, k in zip(names, (1, 1, rng.randint(1, 3)))}

    def some():
        return [special(rng.choice(names), rng.randint(0, 2)) for _ in range(rng.randint(0, 2))]
    first, second = sequence("A", rng.randint(0, 2)), sequence("B", rng.randint(0, 2))
    if rng.random() < 0.2:
        first, second = second, first
    return {"type": "TemplateProcessing", "special_tokens": table,
            "single": some() + [sequence("A", rng.randint(0, 2))] + some(),
            "pair": some() + [first] + some() + [second] + some()}


def ordering(rng):
    if rng.random() < 0.4:
        return template(rng)
    d = {"type": "BertProcessing", "sep": ["</s>", rng.randint(0, 9)], "cls": ["<s>", 3]}
    if rng.random() < 0.7:
        d.update(type="RobertaProcessing", trim_offsets=rng.random() < 0.7,
                 add_prefix_space=rng.random() < 0.5)
    return d


def trimming(rng):
    return {"type": "ByteLevel", "add_prefix_space": rng.random() < 0.5,
            "trim_offsets": rng.random() < 0.8, "use_regex": rng.random() < 0.5}


def add_processor(rng, d):
    d["pre_tokenizer"] = rng.choice([
        None, {"type": "WhitespaceSplit"},
        {"type": "ByteLevel", "add_prefix_space": rng.random() < 0.5, "trim_offsets": True,
         "use_regex": rng.random() < 0.5}])
    one = ordering(rng)
    d["post_processor"] = rng.choice([
        one, one, trimming(rng),
        {"type": "Sequence", "processors": [trimming(rng), one]},
        {"type": "Sequence", "processors": [one, trimming(rng)]},
        {"type": "Sequence", "processors": [trimming(rng), trimming(rng)]}])


def added_tokens(rng, letters):
    return [{"id": 0, "content": c, "single_word": False, "lstrip": rng.random() < 0.5,
             "rstrip": rng.random() < 0.5, "normalized": rng.random() < 0.5,
             "special": rng.random() < 0.5} for c in rng.sample(letters, 2)]
