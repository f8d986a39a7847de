"""A conversation on a terminal: what is typed and answered, with its history; what ends an answer, and what ends all of it."""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import termios

import harness
from harness import MPI, PROGRAM, call, must, sanitizer_options, scratch

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "generate"
TEMPLATE = "{% for m in messages %}{{ m.role[0] | replace('u', 'w1') | replace('a', 'w2') | replace('s', 'w3') }} {{ m.content }} {% endfor %}"
LIMIT = 300 if harness.SANITIZED else 100


def checkpoint(folder, **config):
    model = folder / "model"
    shutil.copytree(FOLDER, model)
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}))
    said = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**said, **config}))
    return model


class Terminal:
    """The program with a terminal for its standard input and output."""

    def __init__(self, *args, np=0):
        self.master, slave = pty.openpty()
        mode = termios.tcgetattr(slave)
        mode[1] &= ~termios.OPOST  # no carriage returns
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        words = [*(["mpirun", "-np", str(np)] if np else []), PROGRAM, *map(str, args)]
        self.err = open(scratch() / "stderr", "w+b")
        self.run = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=self.err, start_new_session=True,
                                    preexec_fn=lambda: __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0), env={**os.environ, **MPI, **sanitizer_options(np)})
        os.close(slave)
        self.seen = ""

    def more(self):
        ready, _, _ = select.select([self.master], [], [], LIMIT)
        assert ready, ("silent", self.seen, self.said())
        try:
            data = os.read(self.master, 65536)
        except OSError:  # everybody else has closed it
            data = b""
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def said(self):
        self.err.seek(0)
        return self.err.read().decode("utf-8", "replace")

    def until_prompt(self):
        """What comes before the next prompt."""
        while not (self.seen == "> " or self.seen.endswith("\n> ")):
            assert self.more(), ("ended", self.seen, self.said())
        text, self.seen = self.seen[:-2], ""
        return text

    def type(self, text):
        os.write(self.master, text.encode())

    def ask(self, text):
        self.type(text + "\n")
        return self.until_prompt().removesuffix("\n")

    def end(self):
        while self.more():
            pass
        code = self.run.wait(LIMIT)
        self.err.close()
        os.close(self.master)
        return code


def answer(model, messages, *options):
    rows, out = model.parent / "rows.jsonl", model.parent / "out.jsonl"
    rows.write_text(json.dumps({"messages": messages}) + "\n")
    must(call("chat", "-m", model, "-i", rows, "-o", out, "--restart", *options))
    return json.loads(out.read_text())["generated_text"]


def talk(model, *options, np=0, system=None):
    """Two turns, a conversation forgotten, a turn more; every answer is the one of a row with the same messages."""
    terminal = Terminal("chat", "-m", model, *options, np=np)
    assert terminal.until_prompt() == "", terminal.said()
    history = [{"role": "system", "content": system}] if system else []
    plain = [o for o in options if o not in ("--system", system)]
    for text in ("w5 w6", "w9", "/clear", "w11"):
        if text == "/clear":
            assert terminal.ask(text) == ""
            history = history[:1] if system else []
            continue
        history.append({"role": "user", "content": text})
        want = answer(model, history, *plain)
        got = terminal.ask(text)
        assert got.strip() == want.strip(), (text, got, want)
        history.append({"role": "assistant", "content": want})
    return terminal


def test_answers_are_those_of_rows_with_the_same_history():
    model = checkpoint(scratch())
    for options in ([], ["--stages", 3], ["--num-beams", 3], ["--stop-strings", "w2"]):
        terminal = talk(model, "--max-new-tokens", 7, *options)
        terminal.type("/exit\n")
        assert terminal.end() == 0, terminal


def test_the_end_of_the_input_ends_it():
    terminal = talk(checkpoint(scratch()), "--max-new-tokens", 3)
    terminal.type("\x04")
    assert terminal.end() == 0


def test_a_system_prompt_comes_first():
    model = checkpoint(scratch())
    talk(model, "--max-new-tokens", 6, "--system", "w8 w8", system="w8 w8").run.kill()
    assert answer(model, [{"role": "user", "content": "w5"}], "--system", "w8 w9") == answer(model, [{"role": "system", "content": "w8 w9"}, {"role": "user", "content": "w5"}])
    own = [{"role": "system", "content": "w4"}, {"role": "user", "content": "w5"}]
    assert answer(model, own, "--system", "w8 w9") == answer(model, own)
    rows, out = model.parent / "text.jsonl", model.parent / "text.out"
    rows.write_text(json.dumps({"messages": "w5"}) + "\n")
    must(call("chat", "-m", model, "-i", rows, "-o", out, "--system", "w8 w9"))
    assert json.loads(out.read_text())["generated_text"] == answer(model, [{"role": "system", "content": "w8 w9"}, {"role": "user", "content": "w5"}])


def test_a_conversation_that_is_too_long_goes_on_without_its_last_turn():
    model = checkpoint(scratch())
    terminal = Terminal("chat", "-m", model, "--max-new-tokens", 4, "--max-length", 128)
    terminal.until_prompt()
    assert "no answer" in terminal.ask("w1 " * 300) and "longer than" in terminal.ask("w1 " * 300)
    assert terminal.ask("w5").strip() == answer(model, [{"role": "user", "content": "w5"}], "--max-new-tokens", 4).strip()
    terminal.type("/exit\n")
    assert terminal.end() == 0


def test_an_interrupt_ends_the_answer_alone():
    """An answer of far more than a terminal holds cannot be over before it is read."""
    model = checkpoint(scratch(), max_position_embeddings=30000)
    terminal = Terminal("chat", "-m", model, "--max-new-tokens", 20000)
    terminal.until_prompt()
    terminal.type("w5\n")
    while not terminal.seen:
        terminal.more()
    terminal.type("\x03")
    first = terminal.until_prompt()
    assert 0 < len(first.split()) < 19000, len(first.split())
    terminal.type("/clear\n")
    terminal.until_prompt()
    terminal.type("/exit\n")
    assert terminal.end() == 0, terminal


def test_a_signal_ends_it_as_any_job():
    terminal = Terminal("chat", "-m", checkpoint(scratch()))
    terminal.until_prompt()
    os.kill(terminal.run.pid, signal.SIGTERM)
    assert terminal.end() == 75


def test_under_mpirun():
    terminal = talk(checkpoint(scratch()), "--max-new-tokens", 5, np=3)
    terminal.type("/exit\n")
    assert terminal.end() == 0


def test_rows_are_read_where_there_is_no_terminal():
    model = checkpoint(scratch())
    run = must(call("chat", "-m", model, "--max-new-tokens", 3, stdin=b'{"messages": "w5"}\n'))
    assert "generated_text" in json.loads(run.out), run.out


if __name__ == "__main__":
    harness.run(globals())
