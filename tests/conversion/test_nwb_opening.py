"""What is no NWB file is told in one sentence; so is a name or kind that is wrong."""

import io

import h5py
import numpy as np
import pytest

from brainsets.conversion.nwb import look, open_nwb, read_nwb
from brainsets.errors import SettingsError
from brainsets.pipeline import SkipAsset

ABOUT = {"namespace": "core", "object_id": "0"}


def write(path, series=("a",), version="2.7.0"):
    """Write a file with some series in /acquisition, as NWB lays them out."""
    with h5py.File(path, "w") as file:
        file.attrs.update(ABOUT, neurodata_type="NWBFile", nwb_version=version)
        for place in series:
            add_series(file, f"acquisition/{place}")
    return path


def add_series(file, place, **times):
    group = file.create_group(place)
    group.attrs.update(ABOUT, neurodata_type="TimeSeries")
    group["data"] = np.arange(20.0)
    group["data"].attrs.update(unit="V", conversion=1.0)
    group["starting_time"] = 0.0
    group["starting_time"].attrs.update(rate=10.0, unit="seconds")
    return group


def names(recording):
    return [part.name for part in recording.parts]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a.nwb is empty"),
        (b"<html>", "a.nwb is no HDF5 file"),
    ],
)
def test_other_files_are_refused(tmp_path, content, sentence):
    path = tmp_path / "a.nwb"
    path.write_bytes(content)
    with pytest.raises(SkipAsset, match=sentence):
        open_nwb(path)
    with pytest.raises(SkipAsset):
        open_nwb(io.BytesIO(content))


def test_truncated_file_is_refused(tmp_path):
    path = write(tmp_path / "a.nwb")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(SkipAsset, match="a.nwb is truncated"):
        open_nwb(path)


def test_folder_of_zarr_is_refused(tmp_path):
    with pytest.raises(SkipAsset, match="Zarr"):
        open_nwb(tmp_path)


def test_file_that_is_not_there_is_no_broken_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_nwb(tmp_path / "a.nwb")


def test_old_version_and_plain_hdf5_are_refused(tmp_path):
    with pytest.raises(SkipAsset, match="of NWB version 1.0.6"):
        open_nwb(write(tmp_path / "a.nwb", version="1.0.6"))
    with h5py.File(tmp_path / "old.nwb", "w") as file:
        file["nwb_version"] = "NWB-1.0.5"
    with pytest.raises(SkipAsset, match="of NWB version NWB-1.0.5"):
        open_nwb(tmp_path / "old.nwb")
    with h5py.File(tmp_path / "b.nwb", "w"):
        pass
    with pytest.raises(SkipAsset, match="without nwb_version"):
        open_nwb(tmp_path / "b.nwb")


def test_object_that_reads_and_seeks_is_enough(tmp_path):
    stream = io.BytesIO(write(tmp_path / "a.nwb").read_bytes())
    with open_nwb(stream) as file:
        [signal] = read_nwb(file, id="x").parts
        assert signal.read(3, 5).tolist() == [3, 4]
        [series] = [row for row in look(file) if row["type"] == "TimeSeries"]
    assert series["shape"] == [20] and series["rate"] == 10 and series["unit"] == "V"
    assert series["name"] == "a" and series["kind"] == "other"


def test_names_that_clash_have_their_holders_before(tmp_path):
    places = ("Speed", "eyes/speed", "domain", "LFP-1", "LFP_1")
    with open_nwb(write(tmp_path / "a.nwb", places)) as file:
        found = names(read_nwb(file, id="x"))
    assert len(set(found)) == 5
    assert {"acquisition_speed", "eyes_speed", "acquisition_domain"} <= set(found)


def test_parts_are_renamed_by_name_or_path(tmp_path):
    with open_nwb(write(tmp_path / "a.nwb", ("a", "b"))) as file:
        changes = {"a": "wheel", "/acquisition/b": "lick"}
        assert names(read_nwb(file, id="x", rename=changes)) == ["wheel", "lick"]
        # Two may change their names with each other.
        recording = read_nwb(file, id="x", rename={"a": "b", "b": "a"})
        assert names(recording) == ["b", "a"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"c": "d"}, r"Nothing of the recording 'x' is named 'c'.*: it has a, b\."),
        ({"a": "b"}, "would be named 'b': /acquisition/a and /acquisition/b"),
        ({"a": "domain"}, "cannot be renamed to 'domain'"),
        ({"a": "1 st"}, "cannot be renamed to '1 st'"),
    ],
)
def test_wrong_names_are_refused(tmp_path, changes, sentence):
    with open_nwb(write(tmp_path / "a.nwb", ("a", "b"))) as file:
        with pytest.raises(SettingsError, match=sentence):
            read_nwb(file, id="x", rename=changes)


def test_unknown_kind_is_refused(tmp_path):
    with open_nwb(write(tmp_path / "a.nwb")) as file:
        with pytest.raises(SettingsError, match="no kind of signal 'ecg'"):
            read_nwb(file, id="x", signals={"ecg"})
        with pytest.raises(SkipAsset, match="/acquisition/a is other: 160 bytes"):
            read_nwb(file, id="x", signals={"spikes"})


def test_events_of_extensions_are_taken(tmp_path):
    path = write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        group = file.create_group("acquisition/licks")
        group.attrs.update(ABOUT, neurodata_type="LabeledEvents")
        group["timestamps"] = [3.0, 1.0, np.nan, 2.0]
        group["data"] = np.array([1, 0, 1, 0], dtype=np.uint8)
        group["data"].attrs["labels"] = ["left", "right"]
        table = file.create_group("acquisition/pulses")
        table.attrs.update(ABOUT, neurodata_type="TtlsTable", colnames=["timestamp"])
        for name, values, kind in (
            ("id", [0, 1], "ElementIdentifiers"),
            ("timestamp", [5.0, 4.0], "TimestampVectorData"),
            ("value", [7, 8], "VectorData"),
        ):
            table[name] = values
            table[name].attrs.update(ABOUT, neurodata_type=kind)
        file["specifications/ndx-events/0.4.0/ndx-events"] = (
            '{"groups": [{"neurodata_type_def": "TtlsTable", '
            '"neurodata_type_inc": "DynamicTable"}]}'
        )
    with open_nwb(path) as file:
        parts = {part.name: part for part in read_nwb(file, id="x").parts}
    assert parts["licks"].timestamps.tolist() == [1, 2, 3]
    assert parts["licks"].columns["label"].tolist() == ["left", "left", "right"]
    assert parts["pulses"].timestamps.tolist() == [4, 5]
    assert parts["pulses"].columns["value"].tolist() == [8, 7]


def test_data_that_end_early_are_told_by_their_path(tmp_path):
    path = tmp_path / "a.nwb"
    with h5py.File(write(path, ()), "r+") as file:
        group = add_series(file, "acquisition/a")
        del group["data"]
        data = group.create_dataset(
            "data", (20,), "f8", chunks=(10,), fletcher32=True, data=np.arange(20.0)
        )
        data.attrs.update(unit="V", conversion=1.0)
        place = data.id.get_chunk_info(1).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 0xFF
    path.write_bytes(content)
    with open_nwb(path) as file:
        with pytest.raises(SkipAsset, match=r"/acquisition/a \(it cannot be read\)"):
            read_nwb(file, id="x")


def test_times_that_may_be_sample_numbers_are_doubted(tmp_path):
    path = tmp_path / "a.nwb"
    with h5py.File(write(path, ()), "r+") as file:
        group = add_series(file, "acquisition/a")
        del group["data"], group["starting_time"]
        group["data"] = np.zeros(2000)
        group["timestamps"] = np.arange(2000.0)
    with open_nwb(path) as file:
        recording = read_nwb(file, id="x")
    assert recording.parts[0].sampling_rate == 1
    [note] = [item.note for item in recording.inventory.items if item.type[0] == "T"]
    assert "doubt: its times are a second apart" in note


def test_event_decades_ago_is_kept_and_no_part_of_the_domain(tmp_path):
    path = tmp_path / "a.nwb"
    times = np.append(-1.5e9, np.cumsum(np.random.default_rng(0).exponential(size=30)))
    with h5py.File(write(path), "r+") as file:
        group = add_series(file, "acquisition/licks")
        del group["data"], group["starting_time"]
        group["data"] = np.zeros(31)
        group["timestamps"] = times
    with open_nwb(path) as file:
        recording = read_nwb(file, id="x")
    licks = next(part for part in recording.parts if part.name == "licks")
    assert licks.timestamps[0] == -1.5e9
    assert 0 <= recording.domain[0][0] < recording.domain[1][-1] < 100
    notes = [item.note for item in recording.inventory.items]
    assert "doubt: 1 of its times lie days off, outside of the domain" in notes


def test_nothing_in_a_series_is_left_out_in_silence(tmp_path):
    path = write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        group = file["acquisition/a"]
        group["sync"] = np.arange(3)
        group["control"] = np.arange(20)
        group["said"] = "x"
    with open_nwb(path) as file:
        recording = read_nwb(file, id="a")
        [item] = [i for i in recording.inventory.items if i.path == "/acquisition/a"]
    assert item.note == "control is in a_control; sync is left out: int64 of shape (3,)"
    assert recording.parts[0].attributes["said"] == "x"


@pytest.mark.parametrize("link", [h5py.ExternalLink("b.h5", "/x"), h5py.SoftLink("/x")])
@pytest.mark.parametrize("kind", ["TimeSeries", "SeriesOfAnExtension"])
def test_times_of_data_that_are_elsewhere_are_no_events(tmp_path, link, kind):
    path = write(tmp_path / "a.nwb", ["a", "b"])
    with h5py.File(path, "r+") as file:
        group = file["acquisition/a"]
        group.attrs["neurodata_type"] = kind
        del group["data"], group["starting_time"]
        group["timestamps"] = np.arange(20.0)
        group["data"] = link
    with open_nwb(path) as file:
        recording = read_nwb(file, id="a")
    told = {item.path: item.reason for item in recording.inventory.items}
    reason = "external" if isinstance(link, h5py.ExternalLink) else "broken"
    assert told["/acquisition/a"] == told["/acquisition/a/data"] == reason
    assert names(recording) == ["b"]


def test_nothing_in_a_table_or_a_group_is_left_out_in_silence(tmp_path):
    path = write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        table = file.create_group("intervals/trials")
        table.attrs.update(ABOUT, neurodata_type="TimeIntervals")
        table.attrs["colnames"] = ["start_time", "stop_time"]
        table["id"] = np.arange(3)
        table["start_time"], table["stop_time"] = np.arange(3.0), np.arange(1.0, 4.0)
        table["unlisted"] = np.arange(3)
        file["acquisition/a/untyped/inner"] = np.arange(7)
        events = file.create_group("processing/m/events")
        events.attrs.update(ABOUT, neurodata_type="EventsOfAnExtension")
        events["timestamps"] = np.arange(3.0)
        events["typed"] = np.arange(3)
        events["typed"].attrs.update(ABOUT, neurodata_type="VectorData")
        file["processing/m"].attrs.update(ABOUT, neurodata_type="ProcessingModule")
    with open_nwb(path) as file:
        items = {i.path: i for i in read_nwb(file, id="a").inventory.items}
    note = items["/intervals/trials"].note
    assert note == "unlisted is left out: the table does not list it as a column"
    assert items["/acquisition/a/untyped/inner"].reason == "unknown type"
    note = items["/processing/m/events"].note
    assert note == "typed is left out: its type is VectorData"
