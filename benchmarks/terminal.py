"""Run a command in a terminal of 80 columns, and write what it shows to stdout.

``python benchmarks/terminal.py COMMAND...`` exits as the command does.
"""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

_LINES, _COLUMNS = 24, 80


def main(command: list[str]) -> int:
    """Run a command; return its exit status."""
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", _LINES, _COLUMNS, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment
    )
    os.close(theirs)
    while True:
        try:
            shown = os.read(ours, 65536)
        except OSError:
            # Linux says so when the last process has closed its end.
            shown = b""
        if not shown:
            return process.wait()
        sys.stdout.buffer.write(shown)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
