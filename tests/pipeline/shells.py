"""What shells and man make of the program's words: completion in bash, zsh and fish, the manual.

usage: shells.py   (environment: TFM_PROGRAM). Each shell is started for real and asked.
"""
import os
import re
import shutil
import subprocess
import tempfile

from harness import PROGRAM, Skip, call, must, run

# What is typed, and what must be among the answers; "" says that there must be none.
TYPED = [
    (["cl"], {"classify"}),
    (["--dty"], {"--dtype"}),
    (["embed", "--pooling", "m"], {"max", "mean", "mean_sqrt_len"}),
    (["bench", "lin"], {"linear"}),
    (["completion", "f"], {"fish"}),
    (["help", "tok"], {"tokenize"}),
    (["topo", "--dty"], set()),
    (["tokenize", "--log-l"], {"--log-level"}),
]

BASH = r"""
source <("$1" completion bash)
shift
COMP_WORDS=(tfm-cluster "$@")
COMP_CWORD=$#
_tfm_cluster
printf '%s\n' "${COMPREPLY[@]}"
"""

# A real line editor on a terminal of its own. What tab would offer goes to a file, not from the
# screen: matches pass through compadd, and the last line is written when completion is through.
ZSH = r"""
zmodload zsh/zpty
offered=$1/offered
rm -f $offered
zpty shell 'exec zsh -f -i'
zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' list-choices"
zpty -w shell "compadd() { local -a hits; [[ \"\$*\" == *-[OAD]\ * ]] || { builtin compadd -O hits \"\$@\"; \
print -l -- \$hits >> $offered }; builtin compadd \"\$@\" }"
zpty -w shell "through() { print -- DONE >> $offered }; comppostfuncs=(through)"
zpty -w -n shell "tfm-cluster ${(j: :)@[2,-1]}"$'\t'
until [[ -e $offered && $(tail -n 1 $offered) == DONE ]]; do
  zpty -r -t shell answer
  zpty -t shell || exit 1
  sleep 0.05
done
cat $offered
"""


def shell_path(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def ask(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "dumb"})
    assert done.returncode == 0, (command[0], done.returncode, done.stderr)
    return done.stdout


def script_of(shell):
    return must(call("completion", shell)).out


def words_of(text):
    """Words of an answer; zsh adds the sign that stands before an option's value."""
    return {word.rstrip("=") for word in text.split()}


def all_typed(shell, answer):
    for words, wanted in TYPED:
        got = answer(words)
        assert wanted <= got, f"{shell}: {words}: wanted {wanted}, got {got}"
        if not wanted:
            assert not any(w.startswith("--dtype") for w in got), f"{shell}: {words}: got {got}"


def test_bash_completes():
    bash = shell_path("bash")
    all_typed("bash", lambda words: words_of(ask(bash, "-c", BASH, "bash", PROGRAM, *words)))
    got = words_of(ask(bash, "-c", BASH, "bash", PROGRAM, "embed", "--pooling", "=", "c"))
    assert got == {"cls"}, f"--pooling=c: {got}"


def test_fish_completes():
    fish = shell_path("fish")
    with tempfile.NamedTemporaryFile("w", suffix=".fish") as file:
        file.write(script_of("fish"))
        file.flush()

        def answer(words):
            line = " ".join(["tfm-cluster", *words])
            said = ask(fish, "--no-config", "-c", f"source {file.name}; complete -C '{line}'")
            return {w.split("\t")[0] for w in said.splitlines()}

        all_typed("fish", answer)


def test_zsh_completes():
    zsh = shell_path("zsh")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "_tfm-cluster"), "w", encoding="utf-8") as file:
            file.write(script_of("zsh"))
        all_typed("zsh", lambda words: words_of(ask(zsh, "-f", "-c", ZSH, "zsh", folder, *words)))


def test_the_manual_tells_every_verb_and_option():
    plain = must(call("help", "--man")).out.replace("\\-", "-")
    names = set(re.findall(r"(?m)^  ([a-z][a-z-]*) +\S", call("help").out.split("\n\n")[2]))
    assert len(names) > 15, names
    for verb in names:
        assert f"\n.B {verb}\n" in plain, f"{verb} is not told"
        for option in re.findall(r"(?m)^ {2,6}(?:-\w, )?(--[a-z][a-z0-9-]*)",
                                 call("help", verb).out):
            assert re.search(rf"(?m)^\.B (-\w, )?{option}( |$)", plain), f"{option} is not told"


def test_the_manual_is_clean():
    page = call("help", "--man").out
    with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
        file.write(page)
        file.flush()
        done = subprocess.run([shell_path("mandoc"), "-T", "lint", "-W", "warning", file.name],
                              capture_output=True, text=True, timeout=60)
    findings = [s for s in done.stdout.splitlines() if "missing date" not in s]
    assert not findings, "\n".join(findings)


if __name__ == "__main__":
    run(globals())
