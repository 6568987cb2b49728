"""A Snakemake that tests fork is as one that ``python -m snakemake`` starts."""

import os
import subprocess
import sys

import pytest

from tests.helpers.forked import can_fork, run_snakemake

SNAKEFILE = """
import os, signal, sys, threading

print(sys.argv, sys.path[0], os.getcwd(), sorted(os.environ.items()))
print(os.getsid(0) == os.getpgid(0) == os.getpid(), threading.active_count())
print([signal.getsignal(number) for number in (2, 15, 17, 13)])
print([os.isatty(fd) for fd in range(3)], sorted(map(int, os.listdir("/proc/self/fd"))))
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.encoding, stream.errors, stream.line_buffering, stream.fileno())

rule all:
    shell: "exit {config[status]}"
"""


@pytest.mark.parametrize("status", [0, 3])
def test_a_fork_sees_what_a_start_sees(tmp_path, monkeypatch, status):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": "", "MINE": "é", "TZ": "Asia/Tokyo"}
    words = ["--cores", "1", "--quiet", "all", "--config", f"status={status}"]
    started = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        start_new_session=True,
    )
    assert can_fork(environment)
    ended, printed = run_snakemake(words, environment, timeout_s=60)
    assert ended == started.returncode == (1 if status else 0)
    assert printed == started.stdout and "MINE" in printed


def test_what_counts_when_an_interpreter_starts_is_not_forked():
    environment = {**os.environ, "PYTHONPATH": ""}
    for name in ("PYTHONPATH", "PYTHONHASHSEED", "LC_ALL"):
        assert not can_fork({**environment, name: "1"})
