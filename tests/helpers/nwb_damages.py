"""NWB files damaged by hand, as no library writes them."""

import h5py
import numpy as np

__all__ = ["damage"]


def _series(file):
    found = []

    def visit(_, item):
        if isinstance(item, h5py.Group) and "data" in item:
            if "timestamps" in item or "starting_time" in item:
                found.append(item)

    file.visititems(visit)
    return found


def times_in_two_rows(group):
    if "timestamps" in group:
        stored = group["timestamps"]
        values, said = stored[()], dict(stored.attrs)
        del group["timestamps"]
        group["timestamps"] = np.stack([values, values])
        group["timestamps"].attrs.update(said)


def times_in_milliseconds(group):
    if "timestamps" in group:
        group["timestamps"].attrs["unit"] = "milliseconds"


def times_too_few(group):
    if "timestamps" in group and len(group["timestamps"]) > 2:
        values = group["timestamps"][:-1]
        del group["timestamps"]
        group["timestamps"] = values


def rate_that_is_none(group):
    if "starting_time" in group:
        group["starting_time"].attrs["rate"] = np.nan


def no_times(group):
    for name in ("timestamps", "starting_time"):
        if name in group:
            del group[name]


def no_unit(group):
    group["data"].attrs.pop("unit", None)


def conversion_that_is_none(group):
    if group["data"].dtype.kind in "iuf" and group["data"].size:
        group["data"].attrs["conversion"] = np.nan


def unknown_type(group):
    group.attrs["neurodata_type"] = "WonderSeries"


def data_elsewhere(group):
    del group["data"]
    group["data"] = h5py.ExternalLink("other.h5", "/data")


def data_nowhere(group):
    del group["data"]
    group["data"] = h5py.SoftLink("/nowhere")


def link_nowhere(group):
    group.parent[f"dangling {group.name[-1]}"] = h5py.SoftLink("/nowhere")


def link_elsewhere(group):
    group.parent[f"external {group.name[-1]}"] = h5py.ExternalLink("other.h5", "/a")


def second_place(group):
    group.parent[f"same {group.name[-1]}"] = group


def undescribed(group):
    group.file["analysis"].require_dataset("stray", (3,), "f8")


def index_beyond(group):
    if "units" in group.file and "spike_times_index" in group.file["units"]:
        index = group.file["units/spike_times_index"]
        if len(index):
            index[-1] = np.iinfo(index.dtype).max


DAMAGES = (
    times_in_two_rows,
    times_in_milliseconds,
    times_too_few,
    rate_that_is_none,
    no_times,
    no_unit,
    conversion_that_is_none,
    unknown_type,
    data_elsewhere,
    data_nowhere,
    link_nowhere,
    link_elsewhere,
    second_place,
    undescribed,
    index_beyond,
)


def damage(path, draw, count):
    """Damage some series of a file, each in one way; return the names of the ways."""
    ways = []
    with h5py.File(path, "r+") as file:
        found = _series(file)
        for _ in range(count if found else 0):
            group = found[draw.number(0, len(found) - 1)]
            way = draw.one_of(*DAMAGES)
            if (
                group.get("data") is not None
                and f"{group.name} {way.__name__}" not in ways
            ):
                way(group)
                ways.append(f"{group.name} {way.__name__}")
    return ways
