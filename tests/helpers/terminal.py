"""A terminal in which a command runs, and what it has shown there."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs a command with a terminal of so many columns as its output."""

    def __init__(self, command, *, columns=80, lines=24, environment=None, cwd=None):
        ours, theirs = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        env = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        # The terminal's own size counts.
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
            if name not in (environment or {}):
                env.pop(name, None)
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=cwd,
            start_new_session=True,
            # Tests that are started in the background have it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(theirs)
        self._ours, self._parts = ours, []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                part = os.read(self._ours, 65536)
            except OSError:
                return
            if not part:
                return
            self._parts.append(part)

    @property
    def raw(self):
        """All that was written to it."""
        return b"".join(self._parts).decode("utf-8", "replace")

    @property
    def shown(self):
        """The same without what moves the cursor and chooses colours."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")

    def wait(self, timeout=120):
        """Wait for the end; return the exit status."""
        status = self.process.wait(timeout=timeout)
        self._reader.join(timeout=10)
        os.close(self._ours)
        return status
