"""Which recordings a project of PhysioNet has, and of whom."""

import pytest

pytest.importorskip("requests", reason="PhysioNet is asked with requests")

from brainsets.archives.physionet import Listing
from brainsets.archives.physionet_projects import recordings, subject_of


def found(records, files, named=None):
    listing = Listing(records, {path: f"sum of {path}" for path in files.split()})
    kept, others, segments = recordings(listing, (named or {}).__getitem__)
    for one in kept:
        assert one.files == {path: f"sum of {path}" for path in one.files}
    return {(one.record, one.form): [*one.files] for one in kept}, others, segments


@pytest.mark.parametrize(
    ("records", "files", "expected"),
    [
        (["a/x.edf"], "a/x.edf", {("a/x.edf", "edf"): ["a/x.edf"]}),
        (["a/X.EDF"], "a/X.EDF", {("a/X.EDF", "edf"): ["a/X.EDF"]}),
        # Named without its ending, as records of WFDB are.
        (["x"], "x.edf x.txt", {("x.edf", "edf"): ["x.edf"]}),
        (["x"], "x.BDF", {("x.BDF", "edf"): ["x.BDF"]}),
        (["x"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        # Twice, by its name and by its header.
        (["x", "x.hea"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        (["x.hea", "x"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        (["x.edf"], "x.edf x.edf.seizures", {("x.edf", "edf"): 2}),
        (["a"], "a/1.hea a/b/2.edf", {("a/1", "wfdb"): 1, ("a/b/2.edf", "edf"): 1}),
        (["100"], "100/100.hea 100/100.atr", {("100/100", "wfdb"): 2}),
        (["x", "y.csv"], "x.hea y.csv", {("x", "wfdb"): 1}),
        (["."], "x.hea a/y.edf a/z.csv", {("x", "wfdb"): 1, ("a/y.edf", "edf"): 1}),
    ],
)
def test_records_are_found_however_they_are_named(records, files, expected):
    kept, others, segments = found(records, files)
    assert others == (["y.csv"] if "y.csv" in records else [])
    assert segments == [] and kept.keys() == expected.keys()
    for key, names in expected.items():
        count = names if isinstance(names, int) else len(names)
        assert len(kept[key]) == count
        assert isinstance(names, int) or kept[key] == names


@pytest.mark.parametrize("folder", ["a", "."])
def test_segments_are_no_recordings_beside_what_they_are_of(folder):
    names = "m m01 m02 32_layout 32_0001 other_0001 chb chb_03"
    files = " ".join(f"a/{name}.hea" for name in names.split())
    # Headers of these alone are asked for: others go on after their names.
    named = {"a/m": ["m01", "m02"], "a/chb": ["chb.dat"]}
    kept, _, segments = found([folder], files, named)
    assert {record for record, _ in kept} == {
        *("a/m", "a/32_layout", "a/other_0001", "a/chb", "a/chb_03")
    }
    assert segments == ["a/m01", "a/m02", "a/32_0001"]
    # What the project lists itself is a recording of it.
    kept, _, segments = found(["a/m", "a/m01"], files)
    assert len(kept) == 2 and segments == []


@pytest.mark.parametrize(
    ("record", "subject"),
    [
        ("S001/S001R03.edf", "S001"),
        ("chb01/chb01_03.edf", "chb01"),
        ("100", "100"),
        ("p00/p000020/p000020-2183-04-28", "p000020"),
        ("Subject00_1.edf", "Subject00"),
        ("rest.edf", "rest"),
        ("_.edf", ""),
    ],
)
def test_subject_is_guessed_from_the_name(record, subject):
    assert subject_of(record) == subject
