"""The user's own folders of data, for wherever no settings say otherwise.

They are stored in the file in which the published command stores them, so that both
commands use the same ones.
"""

import os
from pathlib import Path
from typing import Any

import yaml

from brainsets.errors import SettingsError
from brainsets.shared.files import write_atomically

__all__ = ["KEYS", "store_folders", "stored_file", "stored_folders"]

KEYS = ("raw_dir", "processed_dir")


def stored_file() -> Path:
    """Return the path of the file, whether or not it is there."""
    return Path(os.path.expanduser("~")) / ".brainsets.yaml"


def stored_folders() -> dict[str, str]:
    """Return ``raw_dir`` and ``processed_dir`` as they are stored, if they are.

    Raises
    ------
    SettingsError
        The file is there, and is not of this form.
    """
    content = _content()
    folders = {key: content[key] for key in KEYS if content.get(key) is not None}
    for key, folder in folders.items():
        if not isinstance(folder, str) or not folder:
            raise SettingsError(
                f"{stored_file()}: {key} is {folder!r}, but must be the path of a "
                "folder; set it with 'brainsets config set'."
            )
    # Who has written the file by hand may have used variables of the environment; the
    # path of a folder that is there may have a "$" in it.
    return {
        key: folder if os.path.isdir(folder) else os.path.expandvars(folder)
        for key, folder in folders.items()
    }


def store_folders(folders: dict[str, Path]) -> None:
    """Store folders; what else the file holds stays.

    Raises
    ------
    SettingsError
        The file is there, and is not of this form.
    OSError
        It cannot be written.
    """
    content = {**_content(), **{key: str(path) for key, path in folders.items()}}
    text = yaml.safe_dump(content, default_flow_style=False, allow_unicode=True)
    file = stored_file()
    # A link that leads to a file among others of the kind stays one.
    write_atomically(Path(os.path.realpath(file)), text.encode())


def _content() -> dict[str, Any]:
    file = stored_file()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(
            f"{file} cannot be read: {reason}; mend it, or remove it and use "
            "'brainsets config set'."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(
            f"{file} holds {content!r} instead of 'raw_dir: FOLDER' and "
            "'processed_dir: FOLDER'; mend it, or remove it and use "
            "'brainsets config set'."
        )
    return content
