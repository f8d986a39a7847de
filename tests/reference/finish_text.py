"""Random post-processors and decoders for differ_text.py."""
TOKENS = ["a", "b", "▁a", "▁", "▁▁", "a▁b", "##a", "##", "Ġa", "Ġ", "é", "Ã©", "ðŁĺ", "Ģ", "Ã", "北",
          "<0xE4>", "<0xBD>", "<0xA0>", "<0x41>", "<0xff>", "<0x+4>", "<0xé>", "<pad>", "|", "a</w>",
          "</w>", "b</w>c", "", " ", "  a ", " .", " '", " n't", " do not", "x?", "aa", "aab", "\n",
          "\x00", "😀", "Ċ", "ł", "\u0144"]


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


def pattern(rng):
    if rng.random() < 0.7:
        return {"String": rng.choice(["▁", "a", " ", "aa", "", "Ġ", ".", "</w>"])}
    return {"Regex": rng.choice(["a+", "[ab]", "\\s", "^ ", "a*", "a(?=b)", "(a)(b)?", "▁|b"])}


def decoder(rng):
    flag = lambda: rng.random() < 0.5
    return rng.choice([
        lambda: {"type": "WordPiece", "prefix": rng.choice(["##", "", "▁"]), "cleanup": flag()},
        lambda: {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": flag(),
                 "use_regex": flag()},
        lambda: {"type": "Metaspace", "replacement": rng.choice("▁a"),
                 "prepend_scheme": rng.choice(["always", "never", "first"]), "split": flag()},
        lambda: {"type": "BPEDecoder", "suffix": rng.choice(["</w>", "a", ""])},
        lambda: {"type": "ByteFallback"},
        lambda: {"type": "Fuse"},
        lambda: {"type": "Strip", "content": rng.choice([" ", "a", "北", "▁"]),
                 "start": rng.randint(0, 3), "stop": rng.randint(0, 3)},
        lambda: {"type": "Replace", "pattern": pattern(rng),
                 "content": rng.choice([" ", "", "$1", "aé", "▁"])},
        lambda: {"type": "CTC", "pad_token": rng.choice(["<pad>", "a", ""]),
                 "word_delimiter_token": rng.choice(["|", "b", ""]), "cleanup": flag()},
    ])()


def decoders(rng, depth=0):
    if rng.random() < 0.3:
        return decoder(rng)
    if rng.random() < 0.1 and depth < 2:
        return {"type": "Sequence", "decoders": [decoders(rng, depth + 1) for _ in range(2)]}
    return {"type": "Sequence", "decoders": [decoder(rng) for _ in range(rng.randint(0, 5))]}


def decoding(rng):
    """A tokenizer whose decoder is what counts."""
    tokens = rng.sample(TOKENS, rng.randint(2, len(TOKENS)))
    d = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None,
         "pre_tokenizer": None, "post_processor": None, "decoder": decoders(rng),
         "added_tokens": added_tokens(rng, TOKENS[:-20]) if rng.random() < 0.5 else [],
         "model": {"type": "WordLevel", "unk_token": tokens[0],
                   "vocab": {t: i for i, t in enumerate(tokens)}}}
    return d, ["a", " "]
