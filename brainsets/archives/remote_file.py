"""A file of a server, read in pieces as if it were here.

For large files of which little is wanted, such as one with broadband recordings beside
spike times: h5py opens what `RemoteFile` is. All pieces are of one file: an answer that
is of another length, or has another ETag than the first one, is refused.
"""

import io
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping

import requests

from brainsets.archives.downloads import wait_to_retry
from brainsets.archives.responses import (
    PermanentError,
    TransientError,
    named_range,
    raise_for,
)
from brainsets.archives.transfer import Source, chunks, shown
from brainsets.errors import DownloadError

__all__ = ["RemoteFile"]

_BLOCK_BYTES = 1 << 18
_MAX_CACHED_BLOCKS = 512
# Of a file that is read from one end to the other, pieces grow up to this.
_MAX_BLOCKS_AHEAD = 64


class RemoteFile(io.RawIOBase):
    """A file that is read by range requests.

    Parameters
    ----------
    url : str
        Where it is; http or https.
    size : int
        Its length in bytes.
    headers : mapping, optional
        More to send, to the server of `url` alone.
    report : callable, optional
        Is given a status text before each wait.

    Attributes
    ----------
    received : int
        Bytes that came so far.
    failure : DownloadError or None
        Why a piece could not be had. Libraries that read from here may show another
        error in its place; look here first.

    Raises
    ------
    DownloadError
        By all that reads: the server refuses, gives no pieces, has another file
        meanwhile, or could not give a piece after waiting several times.
    """

    def __init__(
        self,
        url: str,
        size: int,
        headers: Mapping[str, str] | None = None,
        report: Callable[[str], object] | None = None,
    ) -> None:
        self.received = 0
        self.failure: DownloadError | None = None
        self._url, self._size = url, size
        self._report = report or (lambda status: None)
        self._source = Source(url, True, size, self._report, headers or {})
        # Where the address leads, which may hold for a while only.
        self._direct: Source | None = None
        self._etag: str | None = None
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next_block, self._ahead = -1, 1

    def close(self) -> None:
        if not self.closed:
            for source in filter(None, (self._source, self._direct)):
                source.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        count = 0
        while self._position < end:
            block, offset = divmod(self._position, _BLOCK_BYTES)
            last = (end - 1) // _BLOCK_BYTES
            piece = self._block(block, last)[offset : offset + end - self._position]
            view[count : count + len(piece)] = piece
            count += len(piece)
            self._position += len(piece)
        return count

    def _block(self, block: int, last: int) -> bytes:
        """Return a block; blocks up to `last` will be asked for next."""
        if block in self._blocks:
            self._blocks.move_to_end(block)
            return self._blocks[block]
        # Twice as much each time, as long as the file is read in order.
        is_next = block == self._next_block
        self._ahead = min(2 * self._ahead, _MAX_BLOCKS_AHEAD) if is_next else 1
        count = min(max(self._ahead, last - block + 1), _MAX_BLOCKS_AHEAD)
        for known in range(block + 1, block + count):
            if known in self._blocks:
                count = known - block
                break
        first = block * _BLOCK_BYTES
        content = self._fetched(first, min(first + count * _BLOCK_BYTES, self._size))
        self._next_block = block + count
        for number in range(count):
            piece = content[number * _BLOCK_BYTES : (number + 1) * _BLOCK_BYTES]
            if piece:
                self._blocks[block + number] = piece
        while len(self._blocks) > _MAX_CACHED_BLOCKS:
            self._blocks.popitem(last=False)
        return content[:_BLOCK_BYTES]

    def _fetched(self, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of the file."""
        if self.failure is not None:
            raise self.failure
        in_vain = 0
        while True:
            try:
                content = self._asked(start, end)
            except TransientError as problem:
                waiting = problem
            except PermanentError as problem:
                self.failure = DownloadError(f"{shown(self._url)}: {problem}")
                self.failure.status = problem.status
                break
            else:
                self.received += len(content)
                return content
            in_vain += 1
            try:
                wait_to_retry(self._url, waiting, in_vain, self._report)
            except DownloadError as failure:
                self.failure = failure
                raise
        raise self.failure

    def _answer(self, headers: Mapping[str, str]) -> requests.Response:
        if self._direct is not None:
            response = self._direct.answer(headers)
            if not 400 <= response.status_code < 500:
                return response
            response.close()
            self._direct.close()
            self._direct = None
        response = self._source.answer(headers)
        if response.ok and response.url != self._url:
            self._direct = Source(response.url, True, self._size, self._report, {})
        return response

    def _asked(self, start: int, end: int) -> bytes:
        with self._answer({"Range": f"bytes={start}-{end - 1}"}) as response:
            if response.status_code not in (200, 206):
                raise_for(response)
            etag = response.headers.get("ETag", "").strip()
            if self._etag and etag and etag != self._etag:
                raise PermanentError("it was replaced while it was read; run it again.")
            found = named_range(response)
            if response.status_code == 200 or found is None:
                raise PermanentError(
                    "the server does not give pieces of it; it has to be fetched whole."
                )
            first, last, total = found
            if total is not None and total != self._size:
                raise PermanentError(
                    f"the server's file has {total} bytes instead of {self._size}; it "
                    "was replaced since it was listed."
                )
            if (first, last) != (start, end - 1):
                raise TransientError(
                    "the server sends a piece of the file that was not asked for"
                )
            content = bytearray()
            for chunk in chunks(response):
                content += chunk
                if len(content) > end - start:
                    raise TransientError("the server sends more than it says")
            if len(content) < end - start:
                raise TransientError("the connection was cut")
            # Of a weak one, which servers compare in other ways, no use is made.
            self._etag = etag if etag.startswith('"') else self._etag
        return bytes(content)
