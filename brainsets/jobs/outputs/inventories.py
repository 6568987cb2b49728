"""The inventory in an output: what became of each object of the file it is made of.

Converters that take whatever they find write it as a group ``inventory``, with columns
``path``, ``type``, ``taken_as``, ``reason`` and ``note``.
"""

from typing import Any

__all__ = ["read_inventory"]

_COLUMNS = ("path", "type", "taken_as", "reason", "note")
# A sentinel is read at each start of a run; the file itself has all of them.
_MAX_LISTED = 100
_MAX_TEXT_LENGTH = 300


def read_inventory(file: Any) -> dict[str, Any] | None:
    """Return the inventory of an open HDF5 file, None if it has none.

    Parameters
    ----------
    file : h5py.File
        The file.

    Returns
    -------
    dict or None
        ``taken``, how many objects were taken, and ``left_out``: the first of those
        that were not, each with ``path``, ``type``, ``reason`` and ``note``;
        ``n_left_out`` is how many these are in all.
    """
    group = file.get("inventory")
    if group is None or not all(name in group for name in _COLUMNS):
        return None
    columns = [[_text(value) for value in group[name][:]] for name in _COLUMNS]
    rows = [dict(zip(_COLUMNS, row)) for row in zip(*columns)]
    left_out = [row for row in rows if not row.pop("taken_as")]
    return {
        "taken": len(rows) - len(left_out),
        "n_left_out": len(left_out),
        "left_out": left_out[:_MAX_LISTED],
    }


def _text(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:_MAX_TEXT_LENGTH]
