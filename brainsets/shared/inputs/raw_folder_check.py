"""Whether the folder for raw data exists, or can be made."""

import os
import stat
from pathlib import Path

__all__ = ["why_unusable"]

_LOOK = os.R_OK | os.X_OK
_MAKE = os.W_OK | os.X_OK


def why_unusable(folder: Path) -> str | None:
    """Return why a folder does not exist and cannot be made, with advice; else None.

    An existing folder may be read-only, as its files can be processed. Writes nothing.
    """
    for path in (folder, *folder.parents):
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(path):
                return (
                    f"{path} is a link to {os.readlink(path)}, which is not there; "
                    "mount its disk, or name another folder."
                )
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return f"{path} cannot be looked at ({reason}); name another folder."
        if not stat.S_ISDIR(status.st_mode):
            return f"{path} is a file; name a folder."
        if not os.access(path, _LOOK if path == folder else _MAKE):
            what = "read" if path == folder else "written to"
            return f"{path} cannot be {what}; change its mode, or name another folder."
        return None
    return None
