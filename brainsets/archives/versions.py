"""Which version of a dataset is taken: the same as the last time, or the newest."""

from collections.abc import Callable
from pathlib import Path

from brainsets.errors import DownloadError, ManifestError
from brainsets.shared.manifest import find_row, read_manifest
from brainsets.shared.state.listing_notes import NOTE

__all__ = ["chosen_version", "earlier_version", "note"]


def note(text: str) -> None:
    """Tell whoever runs the workflow; for ``get_manifest``."""
    print(f"{NOTE}{text}", flush=True)


def earlier_version(manifest: Path | None, column: str, dataset: str) -> str | None:
    """Return the version that an earlier manifest lists of a dataset, if it does.

    Parameters
    ----------
    manifest : Path or None
        ``cls.earlier_manifest`` of a pipeline.
    column, dataset : str
        The column that holds the dataset's id, and the id; the version is in the
        column ``version``.
    """
    if manifest is None:
        return None
    try:
        names = read_manifest(manifest).names
        first = next(iter(names), None)
        row = find_row(manifest, names[first]).row() if first is not None else None
    except ManifestError:
        # It is about to be replaced.
        return None
    if row is None or getattr(row, column, None) != dataset:
        return None
    version = getattr(row, "version", None)
    return version if isinstance(version, str) else None


def chosen_version(
    title: str,
    spec: str,
    *,
    asked: str | None,
    earlier: str | None,
    newest: Callable[[], str | None],
    tell: Callable[[str], object] = note,
) -> str | None:
    """Return the version that is asked for, that of the last time, or the newest.

    Parameters
    ----------
    title, spec : str
        The dataset as it is told of, ``dandiset 000140``, and as it is asked for,
        ``dandi:000140``.
    asked, earlier : str or None
        The versions of the arguments and of `earlier_version`.
    newest : callable
        Asks the archive for the newest version; gives None if there is none.
    tell : callable, optional
        Is given what a user may want to know of that.
    """
    if asked is not None:
        return asked
    if earlier is None:
        return newest()
    try:
        latest = newest()
    except DownloadError as error:
        tell(f"whether there is a newer version cannot be said: {error}")
        return earlier
    if latest is not None and latest != earlier:
        tell(
            f"{title} stays at version {earlier}, which was listed before; the newest "
            f"is {latest}: name {spec}@{latest} to take it."
        )
    return earlier
