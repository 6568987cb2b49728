"""Which type each key of a sentinel has; docs/status_json.md says what they mean."""

from collections.abc import Callable
from types import NoneType
from typing import Any

__all__ = ["is_valid"]


def is_valid(record: dict[str, Any], state: str) -> bool:
    """Whether the keys of a sentinel have their types.

    Each may be null or absent, but for the outputs of a DONE and the attempts of a
    FAILED.
    """
    for key, value in record.items():
        if value is not None and key in _TYPES and not _TYPES[key](value):
            return False
    needed = _NEEDED.get(state)
    return needed is None or record.get(needed) is not None


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_NUMBER


def _is_number(value: Any) -> bool:
    # Neither infinite nor NaN.
    return type(value) in (int, float) and -_MAX_NUMBER < value < _MAX_NUMBER


def _are_texts(value: Any) -> bool:
    return type(value) is list and {*map(type, value)} <= {str}


def _have_texts(value: Any) -> bool:
    return type(value) is dict and {*map(type, value.values())} <= {str, NoneType}


def _is_step(value: Any) -> bool:
    return value in _STEPS if type(value) is str else False


def _are_outputs(value: Any) -> bool:
    return _are(value, path=_is_inside, bytes=_is_count, sha256=_is_text)


def _are_files(value: Any) -> bool:
    return _are(value, path=_is_text, bytes=_is_count)


def _are_folders(value: Any) -> bool:
    return _are(value, path=_is_text, files=_is_count)


def _are_attempts(value: Any) -> bool:
    # A FAILED has at least one.
    if type(value) is not list or not value:
        return False
    return all(
        type(each) is dict
        and all(
            entry is None or key not in _ATTEMPT_TYPES or _ATTEMPT_TYPES[key](entry)
            for key, entry in each.items()
        )
        for each in value
    )


def _are(value: Any, **types: Callable[[Any], bool]) -> bool:
    if type(value) is not list:
        return False
    for each in value:
        if type(each) is not dict:
            return False
        for key, is_right in types.items():
            if key not in each or not is_right(each[key]):
                return False
    return True


def _is_inside(path: Any) -> bool:
    """Whether a path stays below the folder that it starts from."""
    if type(path) is not str or not path or path[0] == "/" or "\0" in path:
        return False
    return ".." not in path or ".." not in path.split("/")


_MAX_NUMBER = 1 << 63
_STEPS = ("download", "process", "build_environment", "write_manifest")
_ATTEMPT_TYPES: dict[str, Callable[[Any], bool]] = {
    "time": _is_text,
    "error": _is_text,
    "message": _is_text,
    "traceback": _is_text,
    "signal": _is_text,
    "timeout_s": _is_number,
    "transient": lambda value: type(value) is bool,
}
_TYPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("asset", "brainset", "row", "code", "pipeline", "log", "run", "download_run")
        + ("status", "started", "ended", "host", "slurm_job", "handoff", "skipped"),
        _is_text,
    ),
    "step": _is_step,
    "args": _are_texts,
    "attempt": _is_count,
    "pid": _is_count,
    "wall_s": _is_number,
    "cpu_s": _is_number,
    "max_rss_mb": _is_number,
    "versions": _have_texts,
    "left_out": _have_texts,
    "raw_bytes": _is_count,
    "raw_files": _are_files,
    "raw_folders": _are_folders,
    "outputs": _are_outputs,
    "attempts": _are_attempts,
}
_NEEDED = {"DONE": "outputs", "FAILED": "attempts"}
