"""A real SLURM of one node, for tests and for trying things: no root, no system files.

``python tests/helpers/one_node_slurm.py COMMAND...`` runs a command in it and ends it.
It needs the programs of SLURM and munge (Debian: ``apt-get install slurm-wlm munge``).

It has no accounting database, like many small clusters. What ran is in the job
completion log. Jobs are killed when their memory is over what they asked for, or their
time.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
# Where Debian has the daemons, which is not in everybody's PATH.
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_LONGEST_START_S = 60

_CONFIGURATION = """\
ClusterName=onenode
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={node_port}
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={root}/finished.txt
MinJobAge=3600
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# Over its time, a job gets SIGTERM; and SIGKILL so many seconds after that.
KillWait=5
# A node that is silent for so many seconds is down, and its jobs are lost.
SlurmdTimeout=10
JobRequeue=0
# A job of "urgent" takes the place of others, which get SIGTERM, and SIGKILL after the
# grace time.
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Features=local
PartitionName=DEFAULT Nodes={host} DefMemPerCPU=500 GraceTime=5 State=UP
PartitionName=main Default=YES MaxTime=INFINITE
PartitionName=short MaxTime=60
PartitionName=urgent PriorityTier=10 PreemptMode=OFF
"""


def missing_programs() -> list[str]:
    """Return which of SLURM's programs are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name, path=_PATH)]


class OneNodeSlurm:
    """A running cluster.

    `environment` is what programs need to find it; `finished` the job completion log.
    """

    def __init__(self, root: Path, cpus: int) -> None:
        self.root = root
        self.finished = root / "finished.txt"
        self._daemons: list[subprocess.Popen] = []
        self._configure(cpus)
        self.environment = {
            "SLURM_CONF": str(root / "slurm.conf"),
            "PATH": f"{root / 'bin'}:{_PATH}",
        }

    def _configure(self, cpus: int) -> None:
        for name in ("state", "spool", "bin"):
            (self.root / name).mkdir()
        key = self.root / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        port, node_port = _free_ports(2)
        configuration = _CONFIGURATION.format(
            root=self.root,
            host=socket.gethostname().partition(".")[0],
            user=_user(),
            port=port,
            node_port=node_port,
            cpus=cpus,
            memory_mb=pages * 9 // 10 // 2**20,
        )
        (self.root / "slurm.conf").write_text(configuration)
        # Inside of a job, Snakemake's executor takes SLURM_CONF from the environment of
        # srun, as clusters have their configuration in /etc.
        srun = self.root / "bin" / "srun"
        real = shutil.which("srun", path=_PATH)
        variable = f"SLURM_CONF='{self.root / 'slurm.conf'}'"
        srun.write_text(f'#!/bin/sh\nexec env {variable} {real} "$@"\n')
        srun.chmod(0o755)

    def start(self) -> None:
        """Start the daemons; return when the node takes jobs."""
        self._start(
            "munged",
            *("--foreground", "--force", f"--socket={self.root / 'munge.socket'}"),
            *(f"--key-file={self.root / 'munge.key'}",),
            *(f"--pid-file={self.root / 'munged.pid'}",),
            *(f"--seed-file={self.root / 'munge.seed'}",),
        )
        self._wait_for(lambda: (self.root / "munge.socket").exists(), "munged")
        self._start("slurmctld", "-D", "-c")
        self._start("slurmd", "-D")
        self._wait_for(lambda: self.ask("sinfo", "-ho", "%T", "-p", "main") == "idle")

    def _start(self, name: str, *arguments: str) -> None:
        with open(self.root / f"{name}.log", "wb") as log:
            daemon = subprocess.Popen(
                [shutil.which(name, path=_PATH), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self._daemons.append(daemon)

    def _wait_for(self, condition, name: str = "slurmd") -> None:
        deadline = time.monotonic() + _LONGEST_START_S
        while not condition():
            ended = [d.args[0] for d in self._daemons if d.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = (self.root / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"SLURM does not start; {name} says:\n{log[-2000:]}")
            time.sleep(0.05)

    def ask(self, *command: str) -> str:
        """Run one of SLURM's programs; return what it prints."""
        run = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **self.environment},
        )
        return run.stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """Return the jobs that have ended, as the job completion log has them."""
        if not self.finished.exists():
            return []
        lines = self.finished.read_text().splitlines()
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in lines
        ]

    def lose_node(self) -> None:
        """Have the node vanish: its daemon, and all that runs there."""
        node = self._daemons[-1]
        pids = [node.pid, *self._on_node()]
        # First of all, so that none sees another one end.
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, signum)
                except ProcessLookupError:
                    pass
        node.wait()

    def _on_node(self) -> list[int]:
        """Return all processes of jobs, and those of SLURM that watch them."""
        configuration = f"SLURM_CONF={self.root / 'slurm.conf'}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                variables = (process / "environ").read_bytes().split(b"\0")
                program = (process / "comm").read_text()
            except OSError:
                continue
            in_job = any(each.startswith(b"SLURM_JOB_ID=") for each in variables)
            if configuration in variables and (in_job or "slurmstepd" in program):
                found.append(int(process.name))
        return found

    def stop(self) -> None:
        """End all jobs and the daemons."""
        self.ask("scancel", "--user", _user())
        deadline = time.monotonic() + 15
        while self.ask("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.1)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def one_node_slurm(cpus: int = 4):
    """Run a cluster of one node with so many CPUs, whatever the machine has."""
    # A short path, as it is that of sockets, too.
    root = Path(tempfile.mkdtemp(prefix="slurm-"))
    root.chmod(0o755)
    cluster = OneNodeSlurm(root, cpus)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    if missing_programs():
        sys.exit(f"not installed: {', '.join(missing_programs())}")
    with one_node_slurm() as running:
        command = sys.argv[1:] or [os.environ.get("SHELL", "sh")]
        environment = {**os.environ, **running.environment}
        status = subprocess.run(command, env=environment).returncode
    sys.exit(status)
