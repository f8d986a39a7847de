"""Two machines made of namespaces: each has a name, processes, shared memory, IPC and a network of its own,
and a cable (veth) between them, so that MPI speaks TCP over it. Needs root and leave to make namespaces.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import MPI, PROGRAM, Skip, sanitizer_options

NET = "10.77.0"
BOOT = """hostname {name} && mount -t tmpfs tmpfs /dev/shm && {proc} && ip link set lo up && echo up &&
  exec sleep infinity"""


class Host:
    """One machine: what runs in the namespaces of its first process."""

    def __init__(self, name, address, numbers):
        """With numbers its processes have numbers of their own, so that it is no host of the other's to
        our links. mpirun's machine is without: from inside of such one no other can be entered."""
        self.name, self.address, self.numbers = name, address, numbers
        proc = "mount -t proc proc /proc" if numbers else "true"
        self.boot = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",  # nothing stays when this test is killed
             "unshare", "-n", "-u", "-m", "-i", *(["-p"] if numbers else []), "-f", "--kill-child", "sh", "-c",
             BOOT.format(name=name, proc=proc)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.boot.stdout.readline() != "up\n":
            raise Skip(f"no namespaces here: {self.boot.stderr.read().strip()}")
        self.first = int(read(f"/proc/{self.boot.pid}/task/{self.boot.pid}/children").split()[0])
        self.space = link(f"/proc/{self.first}/ns/uts")

    def inside(self, *words):
        """The command as it runs on this machine."""
        return ["nsenter", "-t", str(self.first), "-n", "-u", "-m", "-i",
                *(["-p"] if self.numbers else []), *map(str, words)]

    def do(self, *words):
        done = subprocess.run(self.inside(*words), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{words}: {done.returncode} {done.stderr}")

    def has_cable(self):
        return subprocess.run(self.inside("ip", "link", "show", "wire"), capture_output=True).returncode == 0

    def processes(self, word=""):
        """Those of this machine with that word in their command line."""
        return [int(p) for p in filter(str.isdigit, os.listdir("/proc"))
                if link(f"/proc/{p}/ns/uts") == self.space and word in read(f"/proc/{p}/cmdline")]

    def ranks(self):
        """Of the program, without launchers, which have it in their command lines too."""
        return [p for p in self.processes(PROGRAM) if read(f"/proc/{p}/cmdline").startswith(PROGRAM)]

    def lose(self):
        """The power goes."""
        while alive := [p for p in self.processes() if read(f"/proc/{p}/cmdline")]:
            for pid in alive:
                kill(pid)
        self.boot.wait()
        self.boot.stdout.close()
        self.boot.stderr.close()


class Two:
    """with Two() as net: net.start(3, ...) runs mpirun on the first; its ranks fill the first, then the second."""

    def __init__(self):
        self.hosts, self.folder = [], pathlib.Path(tempfile.mkdtemp(prefix="tfm-hosts-"))

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("namespaces need root")
        try:
            for i in (1, 2):
                self.hosts.append(Host(f"tfm-host{i}", f"{NET}.{i}", numbers=i == 2))
            self.plug()
        except FileNotFoundError as why:
            self.__exit__()
            raise Skip(f"namespaces need iproute2 and util-linux: {why.filename}") from why
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            host.lose()
        shutil.rmtree(self.folder, ignore_errors=True)

    def plug(self):
        """A new cable: a pair of interfaces, one on each machine."""
        a, b = self.hosts
        until(lambda: not any(host.has_cable() for host in self.hosts), "the old cable stays")
        done = subprocess.run(
            ["ip", "link", "add", "wire", "netns", str(a.first), "type", "veth", "peer", "name", "wire",
             "netns", str(b.first)], capture_output=True, text=True)
        if done.returncode:
            raise Skip(f"no veth here: {done.stderr.strip()}")
        for host in self.hosts:
            host.do("ip", "address", "add", f"{host.address}/24", "dev", "wire")
            host.do("ip", "link", "set", "wire", "up")

    def sent(self):
        """Bytes that went over the cable, both ways together."""
        names = [f"/sys/class/net/wire/statistics/{way}_bytes" for way in ("rx", "tx")]
        script = "mount -t sysfs sysfs /sys && cat " + " ".join(names)  # of this network, not the outer one's
        done = subprocess.run([*self.hosts[0].inside("unshare", "-m", "sh", "-c", script)],
                              capture_output=True, text=True, check=True)
        return sum(map(int, done.stdout.split()))

    def slow_down(self, delay_ms):
        """Each way over the cable takes so long from now on."""
        for host in self.hosts:
            words = ["tc", "qdisc", "add", "dev", "wire", "root", "netem", "delay", f"{delay_ms}ms"]
            done = subprocess.run(host.inside(*words), capture_output=True, text=True)
            if done.returncode:
                raise Skip(f"no netem in this kernel: {done.stderr.strip()}")

    def pull(self):
        """The cable is gone; neither side is told."""
        self.hosts[0].do("ip", "link", "delete", "wire")

    def replace(self, i):
        """Machine i was lost (the cable with it) and is there again."""
        old = self.hosts[i]
        old.lose()
        self.hosts[i] = Host(old.name, old.address, old.numbers)
        self.plug()

    def start(self, np, *words, slots=2, env=None, **more):
        """words under mpirun on the first machine, which starts the others' ranks through nsenter, not ssh."""
        a, b = self.hosts
        agent = self.folder / "agent"
        agent.write_text("#!/bin/sh\nshift\nexec " + " ".join(b.inside("sh", "-c")) + ' "$*"\n')
        agent.chmod(0o755)
        mpirun = ["mpirun", "--mca", "plm_rsh_agent", agent, "--mca", "btl_tcp_if_include", f"{NET}.0/24",
                  "--mca", "oob_tcp_if_include", f"{NET}.0/24",
                  "-H", f"{a.address}:{slots},{b.address}:8", "-np", np, *words]
        clean = {k: v for k, v in os.environ.items() if not re.match("SLURM|PMI|PBS|LSB", k)}
        env = {**clean, **MPI, **sanitizer_options(9), "TMPDIR": str(self.folder), **(env or {})}
        return subprocess.Popen(a.inside(*mpirun), env=env, **more)


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def read(path):
    try:
        return pathlib.Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def until(true, why, seconds=120):
    """Wait for what must come; the time is a bound, not a measure."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, why
        time.sleep(0.05)
