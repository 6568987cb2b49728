"""Find signals, spikes and events in an HDF5 file, by the layout that it has.

Known are the files of temporaldata (each group says in its attribute ``object`` what
it is), those of NWB (``neurodata_type``), and plain HDF5, where names and attributes
have to say it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from brainsets.report.data.recording import Events, Recording, Signal, Spikes

__all__ = ["items_of", "read_recording", "spelled_name", "texts", "unit_of"]

_RATES = ("sampling_rate", "sampling_rate_hz", "sampling_frequency", "rate", "fs")
_SPIKE_NAMES = ("spikes", "spike_times")
_UNIT_NAMES = ("unit_index", "unit_id", "unit_ids", "units", "clusters")
_EVENT_NAMES = ("events", "event_times", "onset", "onsets", "trial_start", "triggers")
_CHANNEL_NAMES = ("channels", "channel_names", "ch_names", "labels")
_SPLITS = ("train_domain", "valid_domain", "val_domain", "test_domain")
_LABELS = ("label", "labels", "name", "tags", "type", "code", "id")
_MAX_ATTRIBUTE_LENGTH = 300


def read_recording(file: h5py.File) -> Recording:
    """Return what an open file holds; the values of signals are left in the file."""
    if _text(file.attrs.get("object")) in ("Data", "ArrayDict", *_TEMPORAL):
        recording = Recording("temporaldata")
        _read_groups(recording, file, _temporaldata)
        for spikes in recording.spikes:
            spikes.n_units = max(spikes.n_units, recording.n_units or 0)
        _read(recording, "channels", _name_channels, file.get("channels"))
    elif "neurodata_type" in file.attrs or "nwb_version" in file.attrs:
        recording = Recording("NWB")
        _read_groups(recording, file, _nwb)
        _read(recording, "general", _nwb_session, file)
    else:
        recording = Recording("HDF5")
        _read_groups(recording, file, _plain)
        _count_plain(recording)
    return recording


def items_of(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield all groups and datasets with their paths.

    All but NWB's copy of its own schema, which is no data.
    """
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((spelled_name(name), item)))
    for path, item in found:
        if path.split("/")[0] != "specifications":
            yield path, item


def spelled_name(name: str | bytes) -> str:
    """Return the name of an item or attribute; h5py has bytes where it is not UTF-8."""
    return _text(name)


def unit_of(dataset: h5py.Dataset) -> str:
    """Return the unit that a dataset's attributes give, or an empty text."""
    for key in ("unit", "units"):
        if key in dataset.attrs:
            return _text(dataset.attrs[key])
    return ""


def texts(dataset: h5py.Dataset, most: int | None = None) -> list[str]:
    """Return the first values of a dataset as text."""
    return [_text(value) for value in np.asarray(dataset[:most]).ravel()]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    # Attributes and texts that are not UTF-8 hold halves of letters.
    text = "" if value is None else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _groups(file: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    """Yield all groups with their paths, the file itself first."""
    yield "", file
    for path, item in items_of(file):
        if isinstance(item, h5py.Group):
            yield path, item


def _datasets(group: h5py.Group) -> dict[str, h5py.Dataset]:
    items = ((spelled_name(key), item) for key, item in group.items())
    return {key: item for key, item in items if isinstance(item, h5py.Dataset)}


def _read_groups(
    recording: Recording,
    file: h5py.File,
    read: Callable[[Recording, str, h5py.Group], None],
) -> None:
    """Add what each group holds; one that is not as it should be spoils no other."""
    for path, group in _groups(file):
        _read(recording, path or "the file", read, path, group)


def _read(
    recording: Recording, where: str, read: Callable[..., None], *arguments: Any
) -> None:
    try:
        read(recording, *arguments)
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        recording.problems.append(
            f"{where}: is not laid out as {recording.layout} has it: "
            f"{type(error).__name__}: {error}"
        )


def _times(dataset: h5py.Dataset) -> np.ndarray:
    """Return times in seconds, shape (n,)."""
    _check_times(dataset)
    return dataset[:]


def _check_times(dataset: h5py.Dataset) -> None:
    if dataset.ndim != 1 or not _is_numeric(dataset):
        raise ValueError(
            f"{dataset.name} should be times, and is {dataset.dtype} "
            f"of shape {dataset.shape}"
        )


def _spans(starts: h5py.Dataset, ends: h5py.Dataset) -> tuple[np.ndarray, np.ndarray]:
    if starts.shape != ends.shape:
        raise ValueError(
            f"{len(starts)} of {starts.name} and {len(ends)} of {ends.name}"
        )
    return _times(starts), _times(ends)


def _is_numeric(dataset: h5py.Dataset) -> bool:
    return dataset.dtype.kind in "iuf"


def _is_signal(dataset: h5py.Dataset) -> bool:
    return _is_numeric(dataset) and 1 <= dataset.ndim <= 2 and len(dataset) > 1


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _about(recording: Recording, path: str, group: h5py.Group, skipped: set) -> None:
    """Keep what the attributes of a group say in few words."""
    found = {}
    for key, value in group.attrs.items():
        if key in skipped or isinstance(value, h5py.Reference):
            continue
        if isinstance(value, np.ndarray) and value.size > 8:
            continue
        found[spelled_name(key)] = _text(value)[:_MAX_ATTRIBUTE_LENGTH]
    if found:
        recording.about[path or "file"] = found


# temporaldata

_TEMPORAL = ("RegularTimeSeries", "IrregularTimeSeries", "Interval")
_TEMPORAL_ATTRIBUTES = {"object", "absolute_start", "_unicode_keys", "timekeys"}


def _temporaldata(recording: Recording, path: str, group: h5py.Group) -> None:
    kind, name = _text(group.attrs.get("object")), path.split("/")[-1]
    if kind == "Data":
        _about(recording, path, group, _TEMPORAL_ATTRIBUTES)
    elif kind == "RegularTimeSeries":
        recording.signals += _regular(path, group)
    elif kind == "IrregularTimeSeries":
        _irregular(recording, path, group)
    elif kind == "Interval":
        _interval(recording, path, name, group)
    elif kind == "ArrayDict" and name in ("units", "channels"):
        _table(recording, name, group)


def _regular(path: str, group: h5py.Group) -> Iterator[Signal]:
    start_s = 0.0
    if "domain/start" in group and len(group["domain/start"]):
        start_s = float(group["domain/start"][0])
    rate_hz = float(group.attrs["sampling_rate"])
    for name, values in _datasets(group).items():
        if _is_signal(values):
            yield Signal(_join(path, name), values, rate_hz, None, start_s)


def _irregular(recording: Recording, path: str, group: h5py.Group) -> None:
    fields = _datasets(group)
    times = fields.pop("timestamps", None)
    if times is None:
        return
    if "unit_index" in fields:
        index = fields["unit_index"]
        if index.dtype.kind not in "iu" or index.shape != times.shape:
            raise ValueError(
                f"{index.name} should be an integer for each of {len(times)} times, "
                f"and is {index.dtype} of shape {index.shape}"
            )
        index = index[:]
        count = int(index.max()) + 1 if len(index) else 0
        recording.spikes.append(Spikes(path, _times(times), index, count))
        return
    known_times = _times(times)
    kept = [
        Signal(_join(path, name), values, None, times)
        for name, values in fields.items()
        if values.dtype.kind == "f" and _is_signal(values) and len(values) == len(times)
    ]
    recording.signals += kept
    if not kept:
        labels = _labels(fields, len(times))
        recording.events.append(Events(path, known_times, None, labels))


def _interval(recording: Recording, path: str, name: str, group: h5py.Group) -> None:
    fields = _datasets(group)
    if "start" not in fields or "end" not in fields:
        return
    starts, ends = _spans(fields["start"], fields["end"])
    events = Events(path, starts, ends, _labels(fields, len(starts)))
    if path == "domain":
        if len(starts) and np.isfinite([starts.min(), ends.max()]).all():
            recording.domain = float(starts.min()), float(ends.max())
    elif name in _SPLITS:
        recording.splits.append(events)
    elif name != "domain":
        recording.events.append(events)


def _table(recording: Recording, name: str, group: h5py.Group) -> None:
    lengths = [len(values) for values in _datasets(group).values() if values.ndim]
    if lengths:
        setattr(recording, f"n_{name}", lengths[0])


def _name_channels(recording: Recording, channels: Any) -> None:
    """Give signals the names and the unit that a table of channels has for them."""
    if not isinstance(channels, h5py.Group):
        return
    table = _datasets(channels)
    for signal in recording.signals:
        named = table.get("id", table.get("name"))
        if named is not None and len(named) == signal.n_channels:
            signal.channels = texts(named)
            units = {*texts(table["unit"])} if "unit" in table else set()
            if not signal.unit and len(units) == 1:
                [signal.unit] = units


def _labels(fields: dict[str, h5py.Dataset], count: int) -> list[str]:
    """Return the text column that best says what each event is, if there is one."""
    names = [name for name in _LABELS if name in fields]
    names += [name for name in fields if name not in names]
    for name in names:
        values = fields[name]
        if values.dtype.kind in "SOU" and values.shape == (count,):
            found = texts(values)
            # Numbers, or a name for each, say nothing about kinds of events.
            if not all(text.isdigit() for text in found):
                return found
    return []


# NWB


def _nwb(recording: Recording, path: str, group: h5py.Group) -> None:
    fields = _datasets(group)
    kind = _text(group.attrs.get("neurodata_type"))
    if kind == "Units" and {"spike_times", "spike_times_index"} <= {*fields}:
        ends = fields["spike_times_index"][:].astype(int)
        counts = np.diff(ends, prepend=0)
        index: np.ndarray = np.repeat(np.arange(len(ends)), counts)
        times = _times(fields["spike_times"])[: len(index)]
        recording.spikes.append(Spikes(path, times, index, len(ends)))
        recording.n_units = (recording.n_units or 0) + len(ends)
    elif {"start_time", "stop_time"} <= {*fields}:
        starts, ends = _spans(fields["start_time"], fields["stop_time"])
        labels = _labels(fields, len(starts))
        recording.events.append(Events(path, starts, ends, labels))
    elif "data" in fields and _is_signal(fields["data"]):
        signal = _nwb_signal(_join(path, "data"), fields)
        if signal is not None:
            recording.signals.append(signal)


def _nwb_session(recording: Recording, file: h5py.File) -> None:
    """Add what an NWB file says of the session, the electrodes and the subject."""
    skipped = {"namespace", "neurodata_type", "object_id", ".specloc"}
    _about(recording, "", file, skipped)
    electrodes = file.get("general/extracellular_ephys/electrodes/id")
    if electrodes is not None:
        recording.n_channels = len(electrodes)
    subject = file.get("general/subject")
    if isinstance(subject, h5py.Group):
        told = {k: _text(v[()]) for k, v in _datasets(subject).items() if not v.shape}
        recording.about["subject"] = {k: v for k, v in told.items() if v}


def _nwb_signal(path: str, fields: dict[str, h5py.Dataset]) -> Signal | None:
    values, unit = fields["data"], unit_of(fields["data"])
    if "starting_time" in fields:
        begin = fields["starting_time"]
        rate_hz = float(begin.attrs.get("rate", 0)) or None
        return Signal(path, values, rate_hz, None, float(begin[()]), unit)
    if "timestamps" in fields:
        _check_times(fields["timestamps"])
    if "timestamps" in fields and len(fields["timestamps"]) == len(values):
        return Signal(path, values, None, fields["timestamps"], 0.0, unit)
    return None


# Plain HDF5


def _plain(recording: Recording, path: str, group: h5py.Group) -> None:
    _about(recording, path, group, set())
    fields = _datasets(group)
    channels = next((fields[n] for n in _CHANNEL_NAMES if n in fields), None)
    for name, values in fields.items():
        rate_hz = _rate(values) or _rate(group)
        if rate_hz and _is_signal(values):
            where = _join(path, name)
            signal = Signal(where, values, rate_hz, unit=unit_of(values))
            if channels is not None and channels.dtype.kind in "SOU":
                if channels.shape == (signal.n_channels,):
                    signal.channels = texts(channels)
            recording.signals.append(signal)
        elif values.ndim == 1 and values.dtype.kind == "f":
            _plain_times(recording, _join(path, name), name, values, fields)


def _count_plain(recording: Recording) -> None:
    """Count channels and units where the file has no table of them."""
    counts = {signal.n_channels for signal in recording.signals}
    if len(counts) == 1:
        [recording.n_channels] = counts
    if recording.spikes:
        recording.n_units = sum(spikes.n_units for spikes in recording.spikes)


def _rate(item: h5py.Dataset | h5py.Group) -> float | None:
    for key in _RATES:
        value = np.asarray(item.attrs.get(key, 0)).ravel()
        if len(value) == 1 and value.dtype.kind in "iuf" and 0 < value[0] < np.inf:
            return float(value[0])
    return None


def _plain_times(
    recording: Recording,
    path: str,
    name: str,
    times: h5py.Dataset,
    fields: dict[str, h5py.Dataset],
) -> None:
    if name in _SPIKE_NAMES:
        known = (fields[n] for n in _UNIT_NAMES if n in fields)
        index = next((i for i in known if i.shape == times.shape), None)
        if index is None:
            units = 1
            numbers: np.ndarray = np.zeros(len(times), int)
        else:
            distinct, numbers = np.unique(index[:], return_inverse=True)
            units = len(distinct)
        recording.spikes.append(Spikes(path, times[:], numbers, units))
    elif name in _EVENT_NAMES:
        recording.events.append(Events(path, times[:]))
