"""Whether a run that Snakemake takes for a success has left anything undone.

Snakemake decides which of the jobs that are put before it have to run, by times of
files and its own records. What sentinels say has the last word.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from brainsets.errors import UnfinishedError
from brainsets.planning.pending import Pending, pending_assets
from brainsets.planning.settings import Brainset
from brainsets.shared.state.sentinels import read_sentinel
from brainsets.shared.text.lines import single_line

if TYPE_CHECKING:
    from brainsets.planning.run import Run

__all__ = ["check_nothing_undone"]

_MAX_NAMED = 5


def check_nothing_undone(run: "Run", *, patience_s: float = 0) -> None:
    """Make sure that all that was selected is up to date.

    What was made by code, or of a row, that somebody edited meanwhile is done as well
    as a run can: it is left to the next one.

    Parameters
    ----------
    run : Run
        A run that has ended without an error.
    patience_s : float
        How long to wait for files of other machines, which a network disk shows late.

    Raises
    ------
    UnfinishedError
        Something is not.
    """
    deadline = time.monotonic() + patience_s
    while undone := [each for b in run.brainsets.values() for each in _undone(run, b)]:
        if time.monotonic() >= deadline:
            raise UnfinishedError(_sentence(undone))
        time.sleep(min(1, patience_s))


def _undone(run: "Run", brainset: Brainset) -> Iterable[tuple[str, Pending]]:
    asked, before = run.asked_for(brainset)
    if not asked:
        return
    folder, goal = brainset.folder, run.goal
    existing = folder.sentinel_files()
    left = pending_assets(
        brainset,
        run.manifest(brainset),
        asked,
        download_only=run.settings.download_only,
        existing=existing,
    )
    for pending in left:
        record = read_sentinel(folder.sentinel(pending.name, goal))
        if record is None or record.get("ended") == before.get(pending.asset, ""):
            yield brainset.id, pending


def _sentence(undone: list[tuple[str, Pending]]) -> str:
    named = ", ".join(
        f"{brainset} {single_line(pending.asset)} ({single_line(pending.reason)})"
        for brainset, pending in undone[:_MAX_NAMED]
    )
    more = len(undone) - _MAX_NAMED
    named += f" and {more:,} more" if more > 0 else ""
    return (
        f"Snakemake has ended without an error, but left undone: {named}; "
        "run again, and if that does not help, report it as a fault of this workflow."
    )
