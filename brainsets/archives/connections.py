"""Connections with limits: no transfer can go on for ever.

A time-out of a socket is one between two bytes, so that a server which sends a byte now
and then is never told from one that is at work. Here arrivals are counted.
"""

import io
import math
import os
import time
from http.client import HTTPResponse, LineTooLong

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager

from brainsets.errors import DownloadError
from brainsets.shared.version import VERSION

__all__ = ["SLOWEST_BYTES_PER_S", "TooSlow", "open_session", "seconds", "time_outs_s"]

SLOWEST_BYTES_PER_S = 100
"""What arrives in less than this, on average of `BRAINSETS_STALL_S`, has stopped."""

_STALL = "BRAINSETS_STALL_S"
_STALL_S = 60.0
_CONNECT_S = 20.0
# A server may say "100 Continue" and send header lines without an end.
_MAX_HEADER_BYTES = 1 << 20


class TooSlow(TimeoutError):
    """Bytes arrive, but so few that they would never be all."""


def seconds(variable: str, default: float) -> float:
    """Return a time that an environment variable may set.

    Raises
    ------
    DownloadError
        It is set to something else.
    """
    text = os.environ.get(variable, "")
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise DownloadError(
            f"{variable} is {text!r}; give a number of seconds, such as {default:g}."
        )
    return value


def time_outs_s() -> tuple[float, float]:
    """Return how long to wait for a connection, and between two bytes."""
    return _CONNECT_S, max(1.5 * seconds(_STALL, _STALL_S), 0.01)


class _Arriving(io.RawIOBase):
    """The bytes of an answer, as long as they come."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._stall_s = seconds(_STALL, _STALL_S)
        # Until the first byte, the whole time-out may pass.
        self._since: float | None = None
        self._count = 0
        self.left: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        count = self._raw.readinto(buffer)
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._count += count or 0
        passed_s = now - self._since
        if passed_s > self._stall_s:
            # The last bytes of a response may come late.
            if count and self._count < SLOWEST_BYTES_PER_S * passed_s:
                raise TooSlow(f"{self._count} bytes in {passed_s:.0f} s")
            self._since, self._count = now, 0
        if self.left is not None:
            self.left -= count or 0
            if self.left < 0:
                raise LineTooLong("header")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, *args, **keywords) -> None:
        super().__init__(*args, **keywords)
        self._arriving = _Arriving(self.fp.detach())
        self.fp = io.BufferedReader(self._arriving)

    def begin(self) -> None:
        self._arriving.left = _MAX_HEADER_BYTES
        super().begin()
        self._arriving.left = None


class _Connection(HTTPConnectionPool.ConnectionCls):
    response_class = _Answer


class _SecureConnection(HTTPSConnectionPool.ConnectionCls):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args, **keywords) -> None:
        super().init_poolmanager(*args, **keywords)
        _watch(self.poolmanager)

    def proxy_manager_for(self, *args, **keywords) -> PoolManager:
        manager = super().proxy_manager_for(*args, **keywords)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def open_session() -> requests.Session:
    """Return a session on which an answer comes within bounds, or fails."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    session.headers["User-Agent"] = f"brainsets-workflow/{VERSION}"
    # Compressed on the way, a file has another length and other offsets.
    session.headers["Accept-Encoding"] = "identity"
    return session
