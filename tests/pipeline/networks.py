"""A job over a real network: two machines made of namespaces, TCP between their ranks. One side is lost, or
the cable is pulled; the same command goes on, and the file is the one an undisturbed run writes."""
import json
import subprocess

import harness
from harness import MODEL, PROGRAM, call, digest, must, scratch
from hosts import Two, until
from resume import commits, words

LIMIT = 30 if harness.SANITIZED else 20  # seconds a rank may be silent; far above what one ever is


class Job:
    """A job over two machines that reads rows from a pipe, so that it cannot be done before it is disturbed."""

    def __init__(self, net, np=4, limit=LIMIT, env=None):
        self.net, self.np, self.folder = net, np, scratch()
        self.out = self.folder / "out.jsonl"
        self.args = ["classify", "-m", MODEL, "-o", self.out, "--stall-limit", limit]
        self.body = "".join(text + "\n" for text in words(400, 1)).encode()
        self.log = self.folder / "stderr"
        self.run = self.start(env)

    def start(self, env=None):
        with open(self.log, "wb") as log:
            return self.net.start(self.np, PROGRAM, *self.args, env=env, stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=log)

    def says(self, what):
        return what in self.log.read_text(encoding="utf-8", errors="replace")

    def begin(self):
        """Half of the rows, and wait until some of them were on all ranks and are on the disk."""
        self.run.stdin.write(self.body[:len(self.body) // 2])
        self.run.stdin.flush()
        until(lambda: commits(self.out) or self.run.poll() is not None, "nothing was committed")
        assert self.run.poll() is None, self.log.read_text()

    def more(self):
        """The other half; whether anyone still reads it is not said."""
        try:
            self.run.stdin.write(self.body[len(self.body) // 2:])
            self.run.stdin.flush()
        except BrokenPipeError:
            pass

    def ended(self):
        self.run.communicate(timeout=120)
        return self.run.returncode, self.log.read_text(encoding="utf-8", errors="replace")

    def goes_on(self):
        """The same command, over both machines, begins where the first one ended."""
        assert not self.out.exists() and commits(self.out)
        self.run = self.start()
        self.finish()

    def finish(self):
        """All rows; the bytes are those of a run in one process."""
        self.run.communicate(self.body, timeout=240)
        assert self.run.returncode == 0, (self.run.returncode, self.log.read_text())
        want = self.folder / "want.jsonl"
        must(call("classify", "-m", MODEL, "-o", want, stdin=self.body))
        assert digest(self.out) == digest(want)


def comm(net):
    """What `bench comm` says of two ranks of one machine, then of one of each: [(link, µs of a small frame)]."""
    run = net.start(4, PROGRAM, "bench", "comm", "--pairs", "0-1,1-2", "-r", 3, "-o", "json",
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    rows = json.loads(out)
    return [next((r["link"], r["latency_us"]) for r in rows if r["pair"] == p) for p in ("0-1", "1-2")]


def test_ranks_of_two_machines_talk_over_the_cable():
    """Then what follows is about a network, not about memory that both sides share."""
    with Two() as net:
        (near, _), (far, _) = comm(net)
        assert (near, far) == ("shm", "mpi")
        before = net.sent()
        job = Job(net)
        job.finish()
        states = len(words(400, 1)) * 3 * 256 * 4  # three tokens a row at least, float32
        assert net.sent() - before > states, (before, net.sent())


def test_a_machine_without_rank_0_is_lost():
    with Two() as net:
        job = Job(net)
        job.begin()
        net.hosts[1].lose()
        code, err = job.ended()
        assert code not in (0, 64, 65), (code, err)
        net.replace(1)
        job.goes_on()


def test_the_machine_of_rank_0_and_mpirun_is_lost():
    """The other's ranks end by themselves: at once, or when rank 0 was silent for its limit."""
    with Two() as net:
        job = Job(net)
        job.begin()
        net.hosts[0].lose()
        code, _ = job.ended()
        assert code != 0
        until(lambda: not net.hosts[1].ranks(), "ranks outlive rank 0")
        net.replace(0)
        job.goes_on()


def test_the_cable_is_pulled():
    """Both sides live and hear nothing: rank 0 says who is silent, and each side's ranks end by themselves.
    mpirun waits for its own daemon over there for ever, and is killed."""
    with Two() as net:
        job = Job(net)
        job.begin()
        net.pull()
        job.more()
        until(lambda: job.says("rank 2 on tfm-host2"), "the silent rank is not named")
        for host in net.hosts:
            until(lambda host=host: not host.ranks(), f"ranks stay on {host.name}")
        net.hosts[0].lose()
        job.ended()
        net.replace(0)
        job.goes_on()


def test_mpirun_that_is_told_to_ask_notices_a_pulled_cable():
    """The variables of the README: mpirun and its daemons ask each other, and both sides end."""
    with Two() as net:
        ask = {f"OMPI_MCA_oob_tcp_keepalive_{k}": v for k, v in
               (("time", "4"), ("intvl", "2"), ("probes", "2"))}
        job = Job(net, limit=300, env=ask)
        job.begin()
        net.pull()
        code, err = job.ended()
        assert code != 0 and "lost communication" in err, (code, err)
        until(lambda: not net.hosts[1].ranks(), "ranks stay on the other side")
        net.plug()
        job.goes_on()


def test_a_slow_network_changes_no_byte():
    with Two() as net:
        net.slow_down(20)
        _, (_, far) = comm(net)
        assert far > 20000, far
        Job(net).finish()


if __name__ == "__main__":
    harness.run(globals())
