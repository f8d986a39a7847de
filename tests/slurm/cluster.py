"""A Slurm of four nodes on this machine: munged, slurmctld and four slurmd, each with a host name,
shared memory, IPC and process numbers of its own (unshare), so that Open MPI and our own links take
them for machines and talk over TCP.

Debian's slurm-wlm and munge, as root, no systemd. Facts about running several slurmd on one host:
https://slurm.schedmd.com/programmer_guide.html (multiple slurmd support).
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

NODES = 4

CONF = """ClusterName=tfm
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=cred_expire=5
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobRequeue=1
SlurmdTimeout=10
InactiveLimit=0
KillWait=15
MinJobAge=3600
SchedulerParameters=requeue_setup_env_fail,sched_interval=2
StateSaveLocation={root}/state
SlurmctldPidFile={root}/slurmctld.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdPidFile={root}/slurmd-%n.pid
SlurmdLogFile={root}/slurmd-%n.log
SlurmdSpoolDir={root}/spool-%n
TmpFS={root}/tmp-%n
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=8 RealMemory=4000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Cluster:
    """with Cluster(folder) as slurm: slurm.run("sbatch", ...). Everything ends with it."""

    def __init__(self, root, port=17001):
        self.root = pathlib.Path(root)
        self.port = port
        self.daemons, self.lost = {}, []
        self.env = {**os.environ, "SLURM_CONF": str(self.root / "slurm.conf")}

    def __enter__(self):
        for name in ("state", *(f"tmp-n{i}" for i in range(1, NODES + 1))):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        host = os.uname().nodename
        (self.root / "slurm.conf").write_text(CONF.format(
            host=host, port=self.port, root=self.root, nodes=NODES, first=self.port + 1,
            last=self.port + NODES), encoding="utf-8")
        try:
            self.start_munge()
            self.daemons["ctld"] = self.spawn("slurmctld", "-D", "-c")
            for i in range(1, NODES + 1):
                self.start_node(f"n{i}")
            self.wait_idle()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def spawn(self, *words):
        log = open(self.root / "daemons.log", "ab")
        return subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=log, start_new_session=True)

    def start_munge(self):
        if subprocess.run(["sh", "-c", "munge -n | unmunge"], capture_output=True).returncode == 0:
            return
        run = pathlib.Path("/run/munge")
        run.mkdir(exist_ok=True)
        shutil.chown(run, "munge", "munge")
        subprocess.run(["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged"],
                       check=True)

    def start_node(self, name):
        """A slurmd in namespaces of its own; their first process is no daemon, so that ranks may outlive it."""
        script = (f'hostname {name} && mount -t tmpfs tmpfs /dev/shm && mount -t proc proc /proc || exit 1; '
                  f'slurmd -D -N {name} & exec sleep infinity')
        self.daemons[name] = self.spawn("unshare", "-u", "-m", "-i", "-p", "-f", "--kill-child=SIGKILL",
                                        "sh", "-c", script)

    def kill_node(self, name, ranks=True):
        """A machine that is gone by SIGKILL: all of it, or without ranks its slurmd and what that needs."""
        main = self.daemons.pop(name)
        if ranks:
            kill(main.pid, signal.SIGKILL)
            main.wait()
            return
        self.lost.append(main)
        namespace = os.readlink(f"/proc/{main.pid}/ns/uts")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if is_slurm(pid) and uts_of(pid) == namespace:
                kill(int(pid), signal.SIGKILL)

    def run(self, *words, check=True, **env):
        """One of Slurm's commands; asked again when a busy controller hung up on it."""
        for _ in range(5):
            done = subprocess.run([str(w) for w in words], env={**self.env, **env},
                                  capture_output=True, text=True, timeout=600, cwd=self.root)
            if done.returncode != -signal.SIGPIPE:
                break
        if check and done.returncode != 0:
            raise RuntimeError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def wait_idle(self, timeout=300):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            states = self.run("sinfo", "-h", "-N", "-o", "%t", check=False).stdout.split()
            if len(states) == NODES and set(states) == {"idle"}:
                return
            time.sleep(0.5)
        raise RuntimeError(f"the nodes do not come up: {states}; see {self.root}/*.log")

    def job(self, number):
        """The job's state and how often it was started again: ("COMPLETED", 3)."""
        text = self.run("scontrol", "show", "job", number).stdout
        fields = dict(f.split("=", 1) for f in text.split() if "=" in f)
        return fields["JobState"], int(fields.get("Restarts", 0))

    def stop(self):
        for name, daemon in self.daemons.items():
            kill(daemon.pid, signal.SIGTERM if name == "ctld" else signal.SIGKILL)
        for daemon in self.lost:
            kill(daemon.pid, signal.SIGKILL)
        for daemon in [*self.daemons.values(), *self.lost]:
            daemon.wait()
        self.daemons, self.lost = {}, []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if is_slurm(pid) and str(self.root) in read(f"/proc/{pid}/environ"):
                kill(int(pid), signal.SIGKILL)


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def uts_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/uts")
    except OSError:
        return ""


def is_slurm(pid):
    return read(f"/proc/{pid}/comm").startswith("slurm")


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
