"""Failures as records: what failed, why, and whether it may pass by itself."""

import contextlib
import os
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO

from brainsets.errors import BrainsetError
from brainsets.shared.text.lines import MAX_LINE_LENGTH, cut_middle
from brainsets.supervision.hidden_secrets import mask_secrets

__all__ = [
    "failure_from_exception",
    "failure_from_parent",
    "make_failure",
    "say",
    "say_error",
]

_TRACEBACK_LINES = 20
# What goes into a sentinel of an error that prints a whole array; the log has more.
_MAX_TEXT_LENGTH = 4000
_MAX_LOGGED_LENGTH = 100_000


def failure_from_parent(error: Exception) -> dict[str, Any]:
    """Return an error that the supervising process itself has raised as a failure."""
    return make_failure(type(error).__name__, str(error))


def make_failure(error: str, message: str) -> dict[str, Any]:
    """Return a failure of a kind that no exception stands for."""
    return {
        "error": cut_middle(error, MAX_LINE_LENGTH),
        "message": _cut(mask_secrets(message)),
        "traceback": "",
        "signal": None,
        "timeout_s": None,
        "transient": False,
    }


def say(text: str, stream: TextIO | None = None) -> None:
    """Print to the log, which may be what cannot be written: on a full disk, say."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except (AttributeError, OSError, ValueError):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            _empty(stream)


def _empty(stream: TextIO) -> None:
    """Drop what is in a buffer, which would fail once more when this process ends."""
    number, null = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
    own = os.dup(number)
    os.dup2(null, number)
    try:
        stream.flush()
    finally:
        os.dup2(own, number)
        os.close(own)
        os.close(null)


def say_error(text: str) -> None:
    """Print to the log, as an error."""
    say(text, sys.stderr)


def reason_to_skip(error: BaseException) -> str:
    """Return why an asset was skipped, as the pipeline says."""
    try:
        text = mask_secrets(str(error)).strip()
    except Exception:
        # An error whose own text fails.
        text = ""
    return _cut(text) or "its pipeline does not say why"


def failure_from_exception(error: BaseException) -> dict[str, Any]:
    """Return an exception as a failure, and print it to the log."""
    name = type(error).__name__
    try:
        failure = make_failure(name, _message(error))
        failure["transient"] = _looks_transient(error)
        if isinstance(error, BrainsetError):
            say_error(_fit_for_log(mask_secrets(str(error))))
        else:
            cut = _own_frames_cut(error)
            text = "".join(traceback.format_exception(type(error), error, cut))
            text = mask_secrets(text)
            say_error(_fit_for_log(text).removesuffix("\n"))
            last = "\n".join(text.splitlines()[-_TRACEBACK_LINES:])
            failure["traceback"] = _cut(last)
    except Exception:
        # An error whose own text fails.
        return make_failure(name, "it cannot say what happened; see the log")
    return failure


def _message(error: BaseException) -> str:
    message = str(error)
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        code = "" if error.code is None else error.code
        return f"the pipeline called sys.exit({code})"
    if isinstance(error, EOFError):
        message = message if message.strip(".") else "end of file"
        message += " (did it ask a question? there is nobody to answer; see its args)"
    if isinstance(error, FileNotFoundError):
        named = error.filename
        if isinstance(named, str) and named and not os.path.isabs(named):
            message += f" (relative paths start at {os.getcwd()})"
    if isinstance(error, ModuleNotFoundError):
        message += " (add its package to the dependencies that the pipeline declares)"
    return message


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT_LENGTH else f"{text[:_MAX_TEXT_LENGTH]} ..."


def _fit_for_log(text: str) -> str:
    """Return what a log should hold of a text: where it begins, and where it ends."""
    more = len(text) - _MAX_LOGGED_LENGTH
    if more <= 0:
        return text
    half = _MAX_LOGGED_LENGTH // 2
    return f"{text[:half]}\n... {more:,} characters left out ...\n{text[-half:]}"


def _own_frames_cut(error: BaseException) -> TracebackType | None:
    """Return the traceback from where the pipeline's own code begins."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return frames or error.__traceback__


_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_OURS = tuple(
    os.path.join(_PACKAGE, room, "") for room in ("jobs", "supervision", "warm")
)

_TRANSIENT_NAMES = {
    "ChunkedEncodingError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "IncompleteRead",
    "IncompleteReadError",
    "MaxRetryError",
    "NameResolutionError",
    "NewConnectionError",
    "ProtocolError",
    "ReadTimeout",
    "ReadTimeoutError",
    "RemoteDisconnected",
    "gaierror",
}


def _looks_transient(error: BaseException | None) -> bool:
    """Whether the same attempt may succeed later: connection, time-out, 429, 5xx."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        status = _http_status(error)
        if status is not None:
            return status == 429 or 500 <= status < 600
        if isinstance(error, (ConnectionError, TimeoutError)):
            return True
        if _TRANSIENT_NAMES & {base.__name__ for base in type(error).__mro__}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _http_status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of urllib, requests or botocore carries."""
    response = getattr(error, "response", None)
    candidates = [getattr(error, "status", None), getattr(error, "code", None)]
    candidates.append(getattr(response, "status_code", None))
    if isinstance(response, dict):
        metadata = response.get("ResponseMetadata") or {}
        candidates.append(metadata.get("HTTPStatusCode"))
    return next((c for c in candidates if type(c) is int and 100 <= c < 600), None)
