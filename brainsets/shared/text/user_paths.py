"""Paths as people write them."""

from pathlib import Path

from brainsets.errors import SettingsError

__all__ = ["expand_home"]


def expand_home(key: str, text: str | Path) -> Path:
    """Return a path with a leading ``~`` replaced by the home folder.

    Raises
    ------
    SettingsError
        It is that of an unknown user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(
            f"{key}: {text} begins with a home folder that this machine does not know; "
            "write the path in full."
        ) from error
