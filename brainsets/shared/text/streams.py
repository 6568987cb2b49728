"""Write any text to terminals and pipes.

Ids, messages, file names and logs may hold anything: characters that a stream cannot
encode are escaped, and so are control sequences of terminals.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from brainsets.shared.text.lines import single_line

__all__ = [
    "discard_unwritable",
    "make_safe",
    "print_to_stderr",
    "escape_controls",
    "escape_controls_in_parts",
]

_COLOUR = r"\x1b\[[0-9;:]{0,40}m"
# Characters outside of ASCII are mostly printable: `single_line` decides.
_ODD = re.compile(rf"{_COLOUR}|\r\n|[^\t\n -~]")
# An escape or line end that may continue in the next part.
_CUT = re.compile(r"(?:\x1b(?:\[[0-9;:]{0,40})?|\r)\Z")


def make_safe(*streams: Any) -> None:
    """Make streams escape what they cannot encode; by default stdout and stderr.

    Those that the process was started without are replaced by the null device.
    """
    if not streams:
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    for stream in streams or (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def print_to_stderr(text: str) -> None:
    """Write a line to stderr, unless it is closed or its reader is gone."""
    try:
        print(escape_controls(text), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def discard_unwritable() -> None:
    """Discard buffered output that cannot be written, which would fail at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, stream.fileno())
            except (OSError, ValueError):
                pass
            os.close(nowhere)


def escape_controls(text: str, *, colours: bool = False) -> str:
    """Return text of any number of lines with control sequences escaped.

    With `colours`, its colour codes are kept.
    """

    def part(match: re.Match[str]) -> str:
        found = match.group()
        if found == "\r\n":
            return "\n"
        if len(found) > 1 and colours:
            return found
        return single_line(found)

    return _ODD.sub(part, text)


def escape_controls_in_parts(
    texts: Iterable[str], *, colours: bool = False
) -> Iterator[str]:
    """Yield what `shown` returns for a text that comes in parts."""
    rest, is_coloured = "", False
    for text in texts:
        text = rest + text
        cut = _CUT.search(text)
        at = cut.start() if cut else len(text)
        part, rest = escape_controls(text[:at], colours=colours), text[at:]
        is_coloured = is_coloured or "\x1b" in part
        yield part
    yield escape_controls(rest)
    if is_coloured:
        yield "\x1b[0m"
