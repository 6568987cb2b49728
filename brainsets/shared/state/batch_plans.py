"""The plan of a batch: the assets that one job runs, written when a run is planned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeGuard

from brainsets.errors import BatchError
from brainsets.shared.files import read_object
from brainsets.shared.state.sentinels import DONE, DOWNLOADED

__all__ = ["Member", "Plan", "read_plan"]


class Member(TypedDict):
    """An asset of a batch; `seen` are the times of its outdated sentinels, in ns.

    A sentinel of another time was written by an attempt since the batch was planned.
    """

    asset: str
    name: str
    row: str
    fetch: bool
    seen: Mapping[str, int | None]


class Plan(TypedDict):
    """The members of a batch, why they are run, and how often each is retried."""

    members: list[Member]
    reason: str
    retries: int


def read_plan(path: Path) -> Plan:
    """Return the plan in a file.

    Raises
    ------
    BatchError
        It was removed by a later run, or is broken.
    """
    record = read_object(path)
    if record is None or not _is_plan(record):
        raise BatchError(
            f"{path} is not there or broken; a later run has planned its assets anew, "
            "or will do so, and there is nothing to do here."
        )
    return record


def _is_plan(record: Any) -> TypeGuard[Plan]:
    members = record.get("members")
    return (
        type(record.get("retries")) is int
        and type(record.get("reason")) is str
        and type(members) is list
        and all(map(_is_member, members))
    )


def _is_member(member: Any) -> bool:
    if type(member) is not dict or type(member.get("fetch")) is not bool:
        return False
    if any(type(member.get(key)) is not str for key in ("asset", "name", "row")):
        return False
    # The name becomes part of paths.
    if "/" in member["name"] or "\0" in member["name"] or not member["name"]:
        return False
    seen = member.get("seen")
    return type(seen) is dict and all(
        state in seen and (seen[state] is None or type(seen[state]) is int)
        for state in (DONE, DOWNLOADED)
    )
