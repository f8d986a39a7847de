#!/usr/bin/env python3
"""The lint scripts themselves: a small good tree passes each of them, and each way of spoiling it
is found at its line. A check that cannot fail is worth nothing.

usage: selftest.py
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TALLY = HERE.parents[1] / "deploy" / "tally.py"

GOOD = {
    "CMakeLists.txt": "project(x)\n",
    "README.md": "A tree.\n",
    ".clang-format": (HERE.parents[1] / ".clang-format").read_text(encoding="utf-8"),
    "coordinator/main.c": '#include "worker/worker.h"\n\nint main(void)\n{\n  return 0;\n}\n',
    "worker/worker.h": '#include "core/base/a.h"\n#include "proto/link.h"\n',
    "core/base/a.h": "#include <stdint.h>\n",
    "core/base/json.c": '#include "core/base/a.h"\n#include <cjson/cJSON.h>\n#include <stdio.h>\n',
    "core/base/a.c": '#include "core/base/a.h"\n\nint tfm_a(int x)\n{\n  return x;\n}\n',
    "core/topo/machine.h": "",
    "core/plan/plan.h": '#include "core/topo/machine.h"\n',
    "proto/link.h": '#include "core/plan/plan.h"\n',
    "proto/link_mpi.c": '#include "proto/link.h"\n\n#include <mpi.h>\n',
    "tests/README.md": "Tests.\n",
    "deploy/README.md": "Scripts.\n",
}


def function(lines=3, parameters=1):
    """A C function of that many lines, braces and all, below its head."""
    names = ", ".join(f"int p{i}" for i in range(parameters))
    return f"int tfm_f({names})\n{{\n" + "  ;\n" * (lines - 2) + "}\n"


def with_err(text):
    """The same function with the error every fallible call takes last."""
    return text.replace(")\n", ", tfm_err *err)\n", 1)


def lint(script, spoil=None):
    """(exit code, output) of a script on the good tree with some files replaced."""
    with tempfile.TemporaryDirectory() as top:
        for path, text in {**GOOD, **(spoil or {})}.items():
            file = pathlib.Path(top, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        how = ["bash"] if script.endswith(".sh") else [sys.executable]
        done = subprocess.run([*how, str(HERE / script), top], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Lint(unittest.TestCase):
    def finds(self, script, path, text, words):
        code, out = lint(script, {path: text})
        self.assertEqual(code, 1, out)
        self.assertIn(words, out)

    def passes(self, script, spoil=None):
        code, out = lint(script, spoil)
        self.assertEqual(code, 0, out)


class Layers(Lint):
    def test_good_tree_passes(self):
        self.passes("layers.py")

    def test_upward_include(self):
        text = '#include "core/base/a.h"\n#include "proto/link.h"\n'
        self.finds("layers.py", "core/base/a.c", text,
                   "core/base/a.c:2: core/base may not include proto/link.h")

    def test_header_where_only_one_is_open(self):
        line = '#include "core/topo/bind.h"\n'
        code, out = lint("layers.py", {"core/topo/bind.h": "", "proto/link.h": line})
        self.assertEqual(code, 1)
        self.assertIn("proto may not include core/topo/bind.h", out)

    def test_coordinator_never_worker(self):
        self.finds("layers.py", "coordinator/a.c", '#include "worker/worker.h"\n',
                   "coordinator may not include worker/worker.h")

    def test_folder_name_that_only_begins_alike(self):
        line = '#include "core/base2/x.h"\n'
        code, out = lint("layers.py", {"core/base2/x.h": "", "core/base/a.h": line})
        self.assertEqual(code, 1)
        self.assertIn("lies in no room", out)

    def test_third_party_outside_its_door(self):
        self.finds("layers.py", "worker/w.c", "#include <mpi.h>\n", "worker/w.c:1: <mpi.h> may be")

    def test_unknown_third_party(self):
        self.finds("layers.py", "worker/w.c", "#include <foo.h>\n", "<foo.h> has no door")

    def test_path_from_the_own_folder(self):
        self.finds("layers.py", "core/base/a.c", '#include "a.h"\n',
                   '"a.h" is no path from the root')

    def test_own_header_not_first(self):
        self.finds("layers.py", "core/base/a.c", '#include <stdio.h>\n#include "core/base/a.h"\n',
                   "core/base/a.c:2: its own header must come first")

    def test_order_of_groups(self):
        self.finds("layers.py", "proto/link_mpi.c", "#include <stdio.h>\n#include <mpi.h>\n",
                   "third party comes before C library")

    def test_private_name_in_another_room(self):
        code, out = lint("layers.py", {"core/base/b.h": "int tfm__x(void);\n",
                                       "worker/w.c": "int y = tfm__x();\n"})
        self.assertEqual(code, 1)
        self.assertIn("worker/w.c:1: tfm__x is another room's", out)

    def test_two_rooms_with_a_type_alike(self):
        self.passes("layers.py", {"core/base/b.h": "typedef int tfm__x;\n",
                                  "worker/w.h": "typedef char tfm__x;\n",
                                  "worker/w.c": '#include "worker/w.h"\n\ntfm__x y;\n'})

    def test_empty_tree_is_no_success(self):
        with tempfile.TemporaryDirectory() as top:
            done = subprocess.run([sys.executable, str(HERE / "layers.py"), top],
                                  capture_output=True)
        self.assertEqual(done.returncode, 1)


class Budget(Lint):
    def test_good_tree_passes(self):
        self.passes("budget.py")

    def test_function_at_and_over_the_limit(self):
        self.passes("budget.py", {"core/base/b.c": function(lines=80)})
        self.finds("budget.py", "core/base/b.c", function(lines=81),
                   "core/base/b.c:1: tfm_f has 81 lines")

    def test_parameters_at_and_over_the_limit(self):
        self.passes("budget.py", {"core/base/b.c": function(parameters=6)})
        self.finds("budget.py", "core/base/b.c", function(parameters=7),
                   "tfm_f has 7 parameters")
        self.passes("budget.py", {"core/base/b.c": with_err(function(parameters=6))})
        self.finds("budget.py", "core/base/b.c", with_err(function(parameters=7)),
                   "tfm_f has 7 parameters")
        self.passes("budget.py", {"core/kernels/b.c": function(parameters=8)})
        self.finds("budget.py", "core/kernels/b.c", function(parameters=9),
                   "tfm_f has 9 parameters")

    def test_long_file_and_table(self):
        self.finds("budget.py", "core/base/b.c", "int x;\n" * 801, "801 lines")
        self.passes("budget.py", {"core/base/b_tables.c": "int x;\n" * 801})

    def test_note_to_self(self):
        self.finds("budget.py", "core/base/b.c", "/* TO" "DO: later */\n", "core/base/b.c:1: a note")

    def test_path_of_one_machine(self):
        self.finds("budget.py", "deploy/x.sh", "cd /ro" "ot/x\n",
                   "deploy/x.sh:1: a path of one machine")

    def test_line_at_and_over_the_limit(self):
        self.passes("budget.py", {"core/base/b.c": "/* " + "x" * 94 + " */\n"})
        self.finds("budget.py", "core/base/b.c", "/* " + "x" * 95 + " */\n", "101 columns")

    def test_tab_and_blank_at_the_end(self):
        self.finds("budget.py", "core/base/b.c", "\tint x;\n", "core/base/b.c:1: a tab")
        self.finds("budget.py", "core/base/b.c", "int x; \n", "core/base/b.c:1: blanks")


class TopLevel(Lint):
    def test_good_tree_passes(self):
        self.passes("toplevel.py")

    def test_stray_folder(self):
        self.finds("toplevel.py", "scripts/x.sh", "", "scripts: has no place")

    def test_missing_room(self):
        code, out = lint("toplevel.py", {"src/a.c": ""})
        self.assertEqual(code, 1, out)


class Format(Lint):
    def test_good_tree_passes(self):
        self.passes("format.sh")

    def test_wrong_indentation(self):
        self.finds("format.sh", "core/base/a.c", "int main(void) {return 0;}\n", "core/base/a.c:1:")

    def test_missing_tool_is_no_skip(self):
        done = subprocess.run(["bash", str(HERE / "format.sh")], capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "CLANG_FORMAT": "no-such-tool"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("install_deps.sh", done.stderr)


class Docs(Lint):
    def test_good_tree_passes(self):
        self.passes("docs.py", {"README.md": "See `proto/link.h` and `core/base/`.\n"})

    def test_path_that_does_not_exist(self):
        self.finds("docs.py", "README.md", "See\n`proto/nothing.h`.\n",
                   "README.md:2: proto/nothing.h")

    def test_long_room_readme(self):
        self.finds("docs.py", "deploy/README.md", "line\n" * 41, "deploy/README.md:1: 41 lines")


class Options(unittest.TestCase):
    """With a stand-in for the program: one verb, one option."""

    HELP = "Verbs:\n  run        score\n\nOptions: ...\n\nGeneral:\n  -q, --quiet\n          --no\n"
    GUIDE = "## 1. A\n| `run` (default) | x |\n## 2. B\n| y | `-q/--quiet` |\n## 3. C\n"

    def options(self, guide, readme=""):
        with tempfile.TemporaryDirectory() as top:
            for path, text in {"deploy/docs/INTERFACE.md": guide, "README.md": readme}.items():
                file = pathlib.Path(top, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            program = pathlib.Path(top, "program")
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{self.HELP}END\n", encoding="utf-8")
            program.chmod(0o755)
            done = subprocess.run([sys.executable, str(HERE / "options.py"), str(program), top],
                                  capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_guide_that_tells_all(self):
        code, out = self.options(self.GUIDE, "`mpirun -np 8 --bind-to none tfm-cluster -q --quiet`\n")
        self.assertEqual(code, 0, out)

    def test_option_the_guide_does_not_tell(self):
        code, out = self.options(self.GUIDE.replace("/--quiet", ""))
        self.assertEqual(code, 1)
        self.assertIn("does not tell of the option --quiet", out)

    def test_verb_the_program_does_not_have(self):
        code, out = self.options(self.GUIDE.replace("## 2.", "| `fly` | z |\n## 2."))
        self.assertEqual(code, 1)
        self.assertIn("tells of the verb fly", out)

    def test_option_a_document_invents(self):
        code, out = self.options(self.GUIDE, "    tfm-cluster --loud\n")
        self.assertEqual(code, 1)
        self.assertIn("README.md:1: tfm-cluster has no option --loud", out)


class Promises(unittest.TestCase):
    TABLE = "# T\n## Promises\n| promise | tests |\n|---|---|\n| holds | `a.b`, `c` |\n## Other\n| x | y |\n"

    def promises(self, readme):
        with tempfile.TemporaryDirectory() as top:
            file = pathlib.Path(top, "README.md")
            file.write_text(readme, encoding="utf-8")
            told = "Test project x\\n  Test  #1: a.b\\n  Test #12: c\\n"
            done = subprocess.run([sys.executable, str(HERE / "promises.py"), str(file), "Promises", "10",
                                   "printf", told],
                                  capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_good_table_passes(self):
        self.assertEqual(self.promises(self.TABLE), (0, "1 promises, 0 findings\n"))

    def test_a_test_that_is_not_there(self):
        code, out = self.promises(self.TABLE.replace("`c`", "`d`"))
        self.assertEqual(code, 1)
        self.assertIn("README.md:5: there is no test d", out)

    def test_a_promise_without_a_test(self):
        code, out = self.promises(self.TABLE.replace("`a.b`, `c`", "a.b"))
        self.assertEqual(code, 1)
        self.assertIn("README.md:5: a promise without a test", out)

    def test_too_many_and_none(self):
        row = "| holds | `a.b`, `c` |\n"
        self.assertIn("11 promises", self.promises(self.TABLE.replace(row, 11 * row))[1])
        self.assertEqual(self.promises(self.TABLE.replace(row, ""))[0], 1)


class Tally(unittest.TestCase):
    CASE = '<testcase name="{}" status="{}">{}</testcase>'

    def tally(self, *cases, also=()):
        with tempfile.TemporaryDirectory() as top:
            file = pathlib.Path(top, "p", "results.xml")
            file.parent.mkdir()
            body = "".join(self.CASE.format(*c) for c in cases)
            file.write_text(f"<testsuite>{body}</testsuite>", encoding="utf-8")
            done = subprocess.run([sys.executable, str(TALLY), str(file), *also],
                                  capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    def test_all_passed(self):
        code, out = self.tally(("a", "run", ""), ("b", "run", ""))
        self.assertEqual((code, out), (0, ["2 passed, 0 failed"]))

    def test_one_failed(self):
        code, out = self.tally(("a", "run", ""), ("b", "fail", "<failure/>"))
        self.assertEqual((code, out), (1, ["failed: b (p)", "1 passed, 1 failed"]))

    def test_skipped_is_named(self):
        skip = '<skipped message="SKIP_RETURN_CODE=77"/>'
        code, out = self.tally(("a", "run", ""), ("b", "notrun", skip))
        self.assertEqual((code, out), (0, ["skipped: b (p)", "1 passed, 0 failed, 1 skipped"]))

    def test_a_test_that_could_not_start_failed(self):
        missing = '<skipped message="Unable to find executable"/>'
        code, out = self.tally(("a", "run", ""), ("b", "notrun", missing))
        self.assertEqual((code, out[-1]), (1, "1 passed, 1 failed"))

    def test_nothing_ran(self):
        self.assertEqual(self.tally(), (1, ["0 passed, 0 failed"]))

    def test_missing_file_and_failed_build(self):
        code, out = self.tally(("a", "run", ""), also=("gone.xml", "failed:build.asan"))
        self.assertEqual((code, out[-1]), (1, "1 passed, 2 failed"))


if __name__ == "__main__":
    unittest.main()
