"""An archive on this machine: recordings over HTTP, at a limited rate in all.

A process of its own serves, to both sides alike; what it costs counts for neither.
"""

import argparse
import functools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["Pace", "link_recordings", "served"]

_CHUNK = 1 << 16


class Pace:
    """A rate that all connections share.

    Parameters
    ----------
    bytes_per_s : float
        The rate.
    clock : callable, optional
        Returns the time in seconds.
    """

    def __init__(
        self, bytes_per_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._free_at = clock()
        self._lock = threading.Lock()

    def delay_s(self, size: int) -> float:
        """Book the next `size` bytes; return the seconds until they may be sent."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + size / self._bytes_per_s
            return self._free_at - now


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments, pace: Pace, **options) -> None:
        self._pace = pace
        super().__init__(*arguments, **options)

    def copyfile(self, source, outputfile) -> None:
        while chunk := source.read(_CHUNK):
            time.sleep(self._pace.delay_s(len(chunk)))
            outputfile.write(chunk)

    def log_message(self, *arguments) -> None:
        """Say nothing: whoever downloads has a log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def link_recordings(source: Path, archive: Path, count: int) -> None:
    """Make a folder of EDF recordings with `count` names, and RECORDS, their list.

    Where there are fewer recordings, each has several names.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    found = sorted(source.rglob("*.edf"))
    if not found:
        raise FileNotFoundError(f"there are no EDF recordings in {source.name}/")
    archive.mkdir(parents=True)
    names = []
    for number in range(count):
        path = found[number % len(found)]
        names.append(f"{path.stem}_{number // len(found) + 1}.edf")
        (archive / names[-1]).symlink_to(path.resolve())
    (archive / "RECORDS").write_text("".join(f"{name}\n" for name in names))


@contextmanager
def served(folder: Path, bytes_per_s: float) -> Iterator[str]:
    """Serve a folder as long as the context lasts; gives its URL."""
    server = subprocess.Popen(
        [sys.executable, __file__, str(folder), str(bytes_per_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.communicate()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("bytes_per_s", type=float)
    options = parser.parse_args()
    handler = functools.partial(
        _Handler, directory=str(options.folder), pace=Pace(options.bytes_per_s)
    )
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        # Whoever started it has ended, however that came, when its end is closed.
        sys.stdin.read()


if __name__ == "__main__":
    _main()
