"""Have the next run make assets anew whose files are lost or changed."""

from collections.abc import Iterable

from brainsets.errors import RunLockedError
from brainsets.shared.files import remove_file
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.locks import lock_run
from brainsets.shared.state.sentinels import DONE
from brainsets.shared.text.lines import single_line

__all__ = ["keep_runs_away", "take_back"]


def keep_runs_away(folder: BrainsetFolder) -> None:
    """Keep runs away from a brainset until this process ends.

    Raises
    ------
    RunLockedError
        One works on it.
    """
    holder = lock_run(folder.lock)
    if holder is not None:
        pid, host = (single_line(holder.get(k, "unknown"), 80) for k in ("pid", "host"))
        raise RunLockedError(
            f"{folder.root.name}: a run works on it, process {pid} on {host}; repair "
            "it when that has ended."
        )


def take_back(folder: BrainsetFolder, names: Iterable[str]) -> None:
    """Say of assets that they are not done; their files stay until they are replaced.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset, from which runs are kept away.
    names : iterable of str
        The assets, as file names have them.
    """
    for name in names:
        remove_file(folder.sentinel(name, DONE))
