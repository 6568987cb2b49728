"""Group failures that have the same cause."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Cause", "causes"]

# What differs between the messages of assets that fail for the same reason.
_PARTICULAR = (
    (re.compile(r"""(["'])(?:(?!\1).)*\1"""), "…"),
    (re.compile(r"(?:[A-Za-z]+:)?(?:/[^\s:,;)\]]+)+"), "…"),
    (re.compile(r"0x[0-9a-fA-F]+|\d+(?:[.,]\d+)*"), "#"),
)


@dataclass
class Cause:
    """Failures of one step with one type of error and messages alike.

    `records` are the FAILED sentinels, `assets` the ids, in the order of the manifest.
    """

    step: str
    error: str
    message: str
    transient: bool
    assets: list[str] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def traceback(self) -> str:
        """That of the first record's last attempt, empty if there is none."""
        return str(_last_attempt(self.records[0]).get("traceback") or "")


def causes(failures: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Cause]:
    """Return the groups, the largest first.

    Parameters
    ----------
    failures : iterable of (str, mapping)
        Each asset's id, and its FAILED sentinel.
    """
    found: dict[tuple, Cause] = {}
    for asset, record in failures:
        last = _last_attempt(record)
        error, step = str(last.get("error")), str(record.get("step"))
        message = str(last.get("message") or "").strip().partition("\n")[0]
        key = step, error, _general(message, asset)
        cause = found.setdefault(
            key, Cause(step, error, message, bool(last.get("transient")))
        )
        cause.assets.append(asset)
        cause.records.append(record)
    return sorted(found.values(), key=lambda cause: -len(cause.assets))


def _last_attempt(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return (record.get("attempts") or [{}])[-1]


def _general(message: str, asset: str) -> str:
    """Return a message without what is particular to one asset."""
    if asset:
        message = message.replace(asset, "…")
    for pattern, instead in _PARTICULAR:
        message = pattern.sub(instead, message)
    return message
