"""Has the children of steps forked by a zygote, see `brainsets.warm.zygote`."""

import select
import socket
import struct

from brainsets.supervision.run import ChildExit

__all__ = ["DESCRIPTORS", "END", "PID", "WarmForker"]

PID = struct.Struct("=q")
END = struct.Struct("=qdd?")
DESCRIPTORS = 5
"""How many come with a request: for news, results and start, and two streams."""

# A process with much memory is forked in milliseconds; this one is not well.
_FORK_TIMEOUT_S = 60


class WarmForker:
    """Has children forked by a zygote; one for each child.

    Parameters
    ----------
    channel : socket
        The end of a zygote's channel that requests go into.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._news: socket.socket | None = None

    def fork(self, results: int, start: int, mark: str) -> int | None:
        """Return the pid of a new child with our standard streams, None on failure."""
        self._news, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = [theirs.fileno(), results, start, 1, 2]
        try:
            socket.send_fds(self._channel, [mark.encode()], descriptors)
        except OSError:
            return None
        finally:
            theirs.close()
        self._news.settimeout(_FORK_TIMEOUT_S)
        message = self._received()
        return PID.unpack(message)[0] if message else None

    def guard(self, mark: str) -> None:
        """Do nothing: the zygote guards the child, as long as this process lives."""

    def ended(self) -> ChildExit | None:
        """Return the end of the child, None while it lives."""
        self._news.settimeout(0)
        try:
            message = self._received()
        except BlockingIOError:
            return None
        if not message:
            return ChildExit(None)
        return ChildExit(*END.unpack(message))

    def wait(self, seconds: float) -> None:
        """Wait for news of the child."""
        select.select([self._news], [], [], seconds)

    def _received(self) -> bytes:
        try:
            return self._news.recv(END.size)
        except BlockingIOError:
            raise
        except OSError:
            return b""

    def close(self) -> None:
        """Take no more news of the child."""
        self._news.close()
