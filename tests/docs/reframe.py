"""The patterns of deploy/reframe are those of what the program prints; ReFrame itself is not needed.

usage: reframe.py   (environment: TFM_PROGRAM, TFM_SOURCE)
"""
import ast
import os
import pathlib
import re
import subprocess
import sys

import howto

CHECKS = howto.SOURCE / "deploy" / "reframe" / "tfm_cluster.py"


def patterns():
    """The constants of the check file that are texts, by name."""
    tree = ast.parse(CHECKS.read_text(encoding="utf-8"))
    compile(tree, str(CHECKS), "exec")
    return {node.targets[0].id: re.compile(ast.literal_eval(node.value)) for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}


def printed(*words):
    done = subprocess.run([os.environ["TFM_PROGRAM"], *words], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL, env={**os.environ, **howto.MPI, "TFM_CACHE_DIR": "none"})
    return done.stdout.split("\n")


def expect(name, pattern, lines, count):
    found = [m for m in map(pattern.match, lines) if m]
    ok = len(found) == count
    print(f"{'ok  ' if ok else 'FAIL'}  {name}: {len(found)} lines, want {count}" +
          ("" if ok else "\n  " + "\n  ".join(lines)))
    return ok, found


def main():
    p = patterns()
    assert set(p) == {"CHECK_PASSED", "SCALE_ROW", "COMM_ROW", "LINEAR_ROW"}, sorted(p)
    study = printed("scale", "--ranks", "2,3", "--lengths", "8", "--limit", "6", "-r", "1", "-o", "csv", "-q")
    good = [expect("scale", p["SCALE_ROW"], study, 2), expect("check", p["CHECK_PASSED"], study, 1),
            expect("failed", p["CHECK_PASSED"], [line.replace("PASSED", "FAILED") for line in study], 0),
            expect("comm", p["COMM_ROW"], printed("bench", "comm", "-r", "1", "-o", "csv"), 11)]
    linear = printed("bench", "linear", "--lengths", "8", "--dtype", "float32", "-r", "1", "-o", "csv")
    good.append(expect("linear", p["LINEAR_ROW"], linear, 4))
    first = good[0][1][0]
    header = next(line for line in study if line.startswith("ranks,")).split(",")
    row = dict(zip(header, first.string.split(",")))
    same = {"rows_per_s": "rows_per_s_median", "sd": "rows_per_s_sd"}
    wrong = [g for g in first.groupdict() if first[g] != row[same.get(g, g)]]
    print(f"columns taken for others: {wrong}")
    sys.exit(0 if all(ok for ok, _ in good) and not wrong else 1)


if __name__ == "__main__":
    main()
