"""The comparison of HDF5 files notices whatever is not the same."""

import math
import shutil
import struct

import h5py
import numpy as np
import pytest

from tests.helpers.parity.compare import compare_files, compare_folders

NAN = struct.pack("<d", math.nan)
OTHER_NAN = NAN[:1] + b"\x01" + NAN[2:]


def write(path):
    """Write a file that has every kind of thing that processed files have."""
    with h5py.File(path, "w") as file:
        file.attrs["origin"] = "archive 1.0"
        file.attrs["counts"] = np.array([1, 2, 3])
        file.attrs["names"] = ["Fpz", "Cz"]
        file.attrs["nothing"] = h5py.Empty("f")
        signal = np.linspace(-1, 1, 600).reshape(200, 3)
        signal[7, 2] = math.nan
        signal[8, 0] = 0.0
        eeg = file.create_group("eeg")
        eeg["signal"] = signal
        eeg["signal"].attrs["unit"] = "V"
        eeg.create_dataset("packed", data=signal, chunks=(50, 3), compression="gzip")
        eeg["ids"] = np.array([b"Fpz", b"Cz"])
        eeg["texts"] = np.array(["Fpz-Cz", "é"], dtype=h5py.string_dtype())
        eeg["scalar"] = 160.0
        eeg["empty"] = np.zeros((0, 3))
        eeg["twin"] = eeg["signal"]
        eeg["soft"] = h5py.SoftLink("/eeg/signal")
        eeg["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        spans = np.zeros(4, dtype=[("start", "<f8"), ("name", h5py.string_dtype())])
        spans["name"] = "rest"
        file["spans"] = spans
        ragged = file.create_dataset("ragged", 2, dtype=h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1, 2], [3]
        pointers = file.create_dataset("pointers", 2, dtype=h5py.ref_dtype)
        pointers[0] = eeg.ref
        file["numbers"] = np.arange(3, dtype="i4")
        file["flags"] = np.array([True, False])


@pytest.fixture
def files(tmp_path):
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    write(one)
    shutil.copy(one, other)
    return one, other


def replace(group, name, values, **options):
    del group[name]
    group.create_dataset(name, data=values, **options)


def change(path, index, value):
    def apply(file):
        file[path][index] = value

    return apply


def set_bytes(file):
    signal = file["eeg/signal"][()]
    signal[7, 2] = np.frombuffer(OTHER_NAN)[0]
    file["eeg/signal"][()] = signal


def change_span(file):
    spans = file["spans"][()]
    spans["name"][2] = "task"
    file["spans"][()] = spans


def change_ragged(file):
    file["ragged"][1] = [4]


def break_alias(file):
    signal = file["eeg/signal"][()]
    unit = file["eeg/signal"].attrs["unit"]
    replace(file["eeg"], "twin", signal)
    file["eeg/twin"].attrs["unit"] = unit


def retype(path, dtype):
    def apply(file):
        values = file[path][()].astype(dtype)
        replace(file, path, values)

    return apply


CHANGES = {
    "value": (change("eeg/signal", (5, 1), 9.5), "/eeg/signal", "1 of 600 values"),
    "last bit": (
        lambda f: f["eeg/signal"].write_direct(np.nextafter(f["eeg/signal"][()], 2)),
        "/eeg/signal",
        "599 of 600 values",
    ),
    "packed value": (change("eeg/packed", (5, 1), 9.5), "/eeg/packed", "(5, 1)"),
    "sign of zero": (change("eeg/signal", (8, 0), -0.0), "/eeg/signal", "(8, 0)"),
    "NaN to number": (change("eeg/signal", (7, 2), 1.0), "/eeg/signal", "(7, 2)"),
    "number to NaN": (change("eeg/signal", (9, 2), math.nan), "/eeg/signal", "(9, 2)"),
    "bits of a NaN": (set_bytes, "/eeg/signal", "(7, 2)"),
    "scalar": (change("eeg/scalar", (), 161.0), "/eeg/scalar", "1 of 1 values"),
    "fixed text": (change("eeg/ids", 1, b"Pz"), "/eeg/ids", "1 of 2 values"),
    "text": (change("eeg/texts", 1, "e"), "/eeg/texts", "1 of 2 values"),
    "flag": (change("flags", 1, True), "/flags", "1 of 2 values"),
    "compound": (change_span, "/spans", "1 of 4 values, the first at (2,)"),
    "ragged": (change_ragged, "/ragged", "1 of 2 values"),
    "reference": (
        lambda f: f["pointers"].__setitem__(0, f["flags"].ref),
        "/pointers",
        "1 of 2 values",
    ),
    "width": (retype("numbers", "<i8"), "/numbers", "type"),
    "byte order": (retype("numbers", ">i4"), "/numbers", "type"),
    "sign": (retype("numbers", "u4"), "/numbers", "type"),
    "type of nothing": (retype("eeg/empty", "f4"), "/eeg/empty", "type"),
    "length of text": (retype("eeg/ids", "S9"), "/eeg/ids", "type"),
    "character set": (
        lambda f: replace(
            f["eeg"], "texts", ["Fpz-Cz", "e"], dtype=h5py.string_dtype("ascii")
        ),
        "/eeg/texts",
        "type",
    ),
    "shape": (
        lambda f: replace(f["eeg"], "ids", np.array([[b"Fpz", b"Cz\0"]])),
        "/eeg/ids",
        "shape",
    ),
    "missing": (lambda f: f["eeg"].pop("ids"), "/eeg/ids", "name"),
    "added": (lambda f: f.create_group("eeg/more"), "/eeg/more", "name"),
    "kind": (
        lambda f: (f.pop("flags"), f.create_group("flags")),
        "/flags",
        "kind",
    ),
    "storage": (
        lambda f: replace(f["eeg"], "packed", f["eeg/packed"][()]),
        "/eeg/packed",
        "storage",
    ),
    "attribute": (
        lambda f: f.attrs.__setitem__("origin", "archive 1.1"),
        "/@origin",
        "1 of 1 values",
    ),
    "attribute of a dataset": (
        lambda f: f["eeg/signal"].attrs.__setitem__("unit", "uV"),
        "/eeg/signal@unit",
        "1 of 1 values",
    ),
    "array attribute": (
        lambda f: f.attrs.__setitem__("counts", np.array([1, 2, 4])),
        "/@counts",
        "1 of 3 values, the first at (2,)",
    ),
    "text attribute": (
        lambda f: f.attrs.__setitem__("names", ["Fpz", "Pz"]),
        "/@names",
        "1 of 2 values",
    ),
    "type of an attribute": (
        lambda f: f.attrs.__setitem__("counts", np.array([1, 2, 3], "i4")),
        "/@counts",
        "type",
    ),
    "attribute gone": (lambda f: f.attrs.pop("origin"), "/@origin", "name"),
    "attribute with a value": (
        lambda f: f.attrs.__setitem__("nothing", np.float32(0)),
        "/@nothing",
        "shape",
    ),
    "alias": (break_alias, "/eeg/twin", "is the same object as"),
    "soft link": (
        lambda f: (f["eeg"].pop("soft"), f["eeg"].__setitem__("soft", f["eeg/signal"])),
        "/eeg/soft",
        "link",
    ),
    "external link": (
        lambda f: (
            f["eeg"].__delitem__("elsewhere"),
            f["eeg"].__setitem__("elsewhere", h5py.ExternalLink("third.h5", "/x")),
        ),
        "/eeg/elsewhere",
        "link",
    ),
}


def test_equal_files_have_no_difference(files):
    assert compare_files(*files) == []


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_noticed_where_it_is(files, name):
    apply, path, what = CHANGES[name]
    with h5py.File(files[1], "r+") as file:
        apply(file)
    for pair in (files, files[::-1]):
        differences = compare_files(*pair)
        assert path in {each.path for each in differences}
        assert any(what in str(each) for each in differences if each.path == path)
        # And nothing else is accused: an alias and its link aside.
        assert {each.path for each in differences} <= {path, "/eeg/twin", "/eeg/soft"}


def test_all_differences_are_listed(files):
    with h5py.File(files[1], "r+") as file:
        file["eeg/scalar"][()] = 1.0
        file["flags"][0] = False
        file.attrs["origin"] = "x"
    assert [each.path for each in compare_files(*files)] == [
        "/@origin",
        "/eeg/scalar",
        "/flags",
    ]


def test_exclusion_is_exact_and_has_something_to_excuse(files):
    with h5py.File(files[1], "r+") as file:
        file.attrs["origin"] = "x"
        file["flags"][0] = False
        file["eeg/signal"].attrs["unit"] = "uV"
    assert [each.path for each in compare_files(*files, {"/@origin": "a date"})] == [
        "/eeg/signal@unit",
        "/flags",
    ]
    below = {"/@origin": "a date", "/eeg": "all of it", "/flags": "random"}
    assert compare_files(*files, below) == []
    with pytest.raises(ValueError, match="/flag is excluded, but there is no diff"):
        compare_files(*files, {"/flag": "not there"})


def test_folders_are_compared_by_files_and_content(files, tmp_path):
    left, right = tmp_path / "left", tmp_path / "right"
    for folder in (left, right):
        (folder / "sub").mkdir(parents=True)
        (folder / "_workflow").mkdir()
        (folder / "pipeline_logs").mkdir()
        shutil.copy(files[0], folder / "sub" / "s1.h5")
        (folder / "notes.txt").write_text("same")
        (folder / "_workflow" / "own.txt").write_text(folder.name)
        (folder / "pipeline_logs" / f"{folder.name}.out").write_text("")
    assert compare_folders(left, right) == []
    with h5py.File(right / "sub" / "s1.h5", "r+") as file:
        file["flags"][0] = False
    (right / "notes.txt").write_text("other")
    shutil.copy(files[0], right / "s2.h5")
    shutil.copy(files[0], left / "s3.h5")
    assert [str(each) for each in compare_folders(left, right)] == [
        "s2.h5: file: missing | there",
        "s3.h5: file: there | missing",
        "notes.txt: content: 4 bytes | 5 bytes",
        "sub/s1.h5:/flags: 1 of 2 values, the first at (0,): np.True_ | np.False_",
    ]


def test_truncated_file_is_an_error_and_not_equal(files):
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError):
        compare_files(*files)
