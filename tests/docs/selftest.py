"""howto.py says what is wrong with a how-to, and nothing of one that is right.

usage: selftest.py   (environment: TFM_PROGRAM)
"""
import pathlib
import sys
import tempfile

import howto

RIGHT = """# A how-to

<!-- test: file rows.csv -->
```csv
text
good
```

Then:

```sh
wc -l rows.csv   # a comment
kept=12
```

Prose between.

```text
2 rows.csv
```

```sh
echo "took 0.734 s, kept $kept"
echo more of it
```

```text
took 12.5 s, kept 9
...
more ...
```

<!-- test: skip there is no Slurm here -->
```sh
false
```

<!-- test: exit 3 -->
```sh
echo three
(exit 3)
```

```sh
tfm-cluster --version | head -n 1 | cut -d " " -f 1,2
```

```text
tfm-cluster 1.2.3
```
"""

# What is spoiled, how, and a word of what is said then.
WRONG = [
    ("a command fails", "kept=12", "false", "ended with 1"),
    ("the wrong code", "(exit 3)", "(exit 4)", "exit 4, want 3"),
    ("a block that should fail and does not", "(exit 3)", "true", "exit 0, want 3"),
    ("a screen says another word", "kept 9", "lost 9", "did not come"),
    ("a screen in the wrong order", "took 12.5 s, kept 9\n...\nmore ...", "more ...\ntook 1 s, kept 9",
     "did not come"),
    ("a beginning that is none", "more ...", "some ...", "did not come"),
    ("a line that is cut", "more ...", "more", "did not come"),
    ("the file is not what is said", "text\ngood\n", "text\n", None),
    ("an unset variable", "$kept", "$gone", "unbound variable"),
    ("an order nobody knows", "test: skip", "test: leave", "no order"),
    ("an order that hangs loose", "<!-- test: exit 3 -->", "<!-- test: exit 3 -->\nWords.",
     "right before its fence"),
    ("a fence that stays open", "tfm-cluster 1.2.3\n```\n", "tfm-cluster 1.2.3\n", "not closed"),
]


def findings(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.md"
        path.write_text(text, encoding="utf-8")
        try:
            return howto.run(path)
        except ValueError as why:
            return [str(why)]


def main():
    failed = 0
    right = findings(RIGHT)
    if right:
        failed += 1
        print("the right how-to is found fault with:", *right, sep="\n")
    for name, old, new, said in WRONG:
        assert old in RIGHT, name
        got = "\n".join(findings(RIGHT.replace(old, new)))
        if said is None:  # numbers are free: the count of lines may be another
            ok = not got
        else:
            ok = said in got
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {name}" + ("" if ok else f": {got}"))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.md"
        path.write_text(RIGHT, encoding="utf-8")
        if "ended with 1" not in "\n".join(howto.run(path, also="no Slurm")):
            failed += 1
            print("FAIL  --also does not run what is skipped for that reason")
    if "no block" not in "\n".join(findings("# nothing\n")):
        failed += 1
        print("FAIL  a how-to without commands passes")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
