"""What there is to know of a recording before it is chosen for training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["facts_of"]

_SPLITS = ("train", "valid", "test")
_OF_SUBJECT = {"species": "species", "sex": "sex", "age_days": "age"}
_SERIES = {
    "RegularTimeSeries": "regular",
    "IrregularTimeSeries": "irregular",
    "Interval": "intervals",
}


def facts_of(path: Path) -> dict[str, Any]:
    """Return what a file as temporaldata writes it says of itself.

    Signals are not read, so that it takes milliseconds.

    Returns
    -------
    dict
        ``subject``, ``species``, ``sex``, ``age_days``, ``session``, ``task``,
        ``version`` (of the dataset), ``duration_s``, ``splits`` (s of each), and
        ``parts``: of each series ``name``, ``kind``, ``rate_hz``, ``unit``,
        ``channels`` and ``samples``. What is not known is None.

    Raises
    ------
    OSError, ValueError, KeyError
        It is no such file, or is broken.
    """
    import h5py

    with h5py.File(path, "r") as file:
        if file.attrs.get("object") != "Data":
            raise ValueError("it is not in the layout of temporaldata")
        subject, session = _said(file, "subject"), _said(file, "session")
        return {
            "subject": _text(subject.get("id")),
            **{key: _plain(subject.get(name)) for key, name in _OF_SUBJECT.items()},
            "session": _text(session.get("id")),
            "task": _text(session.get("task")) or _text(session.get("task_name")),
            "version": _text(_said(file, "brainset").get("origin_version")),
            "duration_s": _length(file, "domain"),
            "splits": {name: _length(file, f"{name}_domain") for name in _SPLITS},
            "parts": list(_parts(file)),
        }


def _said(file: Any, name: str) -> dict[str, Any]:
    group = file.get(name)
    return dict(group.attrs) if hasattr(group, "attrs") else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, (str, int, float, type(None))) else str(value)


def _length(file: Any, name: str) -> float | None:
    group = file.get(name)
    if group is None or "start" not in group:
        return None
    return round(float((group["end"][:] - group["start"][:]).sum()), 6)


def _parts(file: Any, before: str = "") -> Iterator[dict[str, Any]]:
    import h5py

    for key, group in file.items():
        kind = group.attrs.get("object") if isinstance(group, h5py.Group) else None
        if kind == "Data":
            yield from _parts(group, f"{before}{key}.")
        if kind not in _SERIES or key.endswith("domain"):
            continue
        columns = {
            name: node
            for name, node in group.items()
            if isinstance(node, h5py.Dataset) and name != "timestamp_indices_1s"
        }
        main = columns.get("signal", next(iter(columns.values()), None))
        rate = group.attrs.get("sampling_rate")
        yield {
            "name": f"{before}{key}",
            "kind": _SERIES[kind],
            "rate_hz": None if rate is None else float(rate),
            "unit": _text(group.attrs.get("unit")),
            "channels": None if main is None or main.ndim < 2 else int(main.shape[1]),
            "samples": 0 if main is None else len(main),
        }
    for key in ("units",):
        group = file.get(key)
        if isinstance(group, h5py.Group) and "id" in group:
            yield {
                "name": f"{before}{key}",
                "kind": "units",
                "rate_hz": None,
                "unit": None,
                "channels": len(group["id"]),
                "samples": len(group["id"]),
            }
