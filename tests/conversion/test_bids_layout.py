"""Recordings of BIDS trees: real ones, made ones, and traps, by their paths alone."""

from collections import Counter
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion.bids.layout import OTHERS, layout_of, recordings
from tests.helpers.workspace import SHARED_DATA

EEG = "sub-01/eeg/sub-01_task-rest"


def names(paths):
    return [PurePosixPath(path).name for path in paths]


def only(paths):
    [found] = recordings(paths)
    return found


# Real trees


TREES = {
    "bids/gripforce": 1,
    "bids/eeg_cbm": 2,
    "bids/eeg_matchingpennies": 2,
    "bids/emg_Multimodal": 2,
    "zoo/bids/ds000117": 6,
    "zoo/bids/eeg_ds003645s_hed_demo": 4,
    "zoo/bids/emg_ConcurrentIndependentUnits": 2,
    "zoo/bids/ieeg_bids": 1,
    "zoo/bids/tiny_bids": 1,
}


@pytest.mark.parametrize("tree", TREES)
def test_real_tree_is_told_apart_completely(tree, shared_data):
    root = shared_data / tree
    paths = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    layout = layout_of(paths)
    assert len(layout.recordings) == TREES[tree]
    of_recordings = [f for one in layout.recordings for f in one.files]
    assert len(of_recordings) == len({*of_recordings})
    described = {path for one in layout.recordings for path in one.sidecars}
    # Each file is one thing alone.
    assert {*of_recordings} | described | {*layout.others} == paths
    assert not {*of_recordings} & described
    assert not ({*of_recordings} | described) & {*layout.others}
    assert {*layout.others.values()} <= {*OTHERS}
    assert "unknown" not in layout.others.values()


def test_ds000117_has_runs_and_an_empty_room(shared_data):
    root = shared_data / "zoo/bids/ds000117"
    layout = layout_of(str(p.relative_to(root)) for p in root.rglob("*.*"))
    assert [one.entities["run"] for one in layout.recordings] == [
        f"0{n}" for n in range(1, 7)
    ]
    first = layout.recordings[0]
    # Channels and the text lie two folders above, events are its own.
    assert first.described_by("channels", ".tsv") == [
        "sub-01/ses-meg/sub-01_ses-meg_task-facerecognition_channels.tsv"
    ]
    [events] = first.described_by("events", ".tsv")
    assert "run-01" in events
    assert first.described_by("meg", ".json") == [
        "sub-01/ses-meg/sub-01_ses-meg_task-facerecognition_meg.json"
    ]
    rooms = [p for p, why in layout.others.items() if why == "empty room"]
    assert names(rooms) == ["sub-emptyroom_ses-20090409_task-noise_meg.fif"]


def test_tables_of_one_recording_are_not_those_of_the_one_beside_it(shared_data):
    root = shared_data / "zoo/bids/emg_ConcurrentIndependentUnits"
    paths = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    bipolar, dense = recordings(paths)
    assert bipolar.entities["recording"] == "bipolar"
    assert bipolar.described_by("electrodes", ".tsv") == []
    assert len(dense.described_by("electrodes", ".tsv")) == 1
    assert len(dense.described_by("coordsystem", ".json")) == 4
    for one in (bipolar, dense):
        [channels] = one.described_by("channels", ".tsv")
        assert one.entities["recording"] in channels
        assert names(one.described_by("events", ".tsv")) == [
            "sub-01_task-jumping_events.tsv"
        ]


# Traps


@pytest.mark.parametrize(
    "key", ["run", "proc", "split", "acq", "rec", "recording", "desc", "echo", "what"]
)
def test_recordings_that_differ_in_one_entity_stay_apart(key):
    paths = [f"{EEG}_{key}-{value}_eeg.edf" for value in ("1", "2")]
    found = recordings([*paths, f"{EEG}_{key}-2_channels.tsv"])
    assert [one.entities[key] for one in found] == ["1", "2"]
    assert [list(one.entities) for one in found] == [["sub", "task", key]] * 2
    assert [len(one.sidecars) for one in found] == [0, 1]


def test_companions_go_with_their_header():
    found = recordings(
        [f"{EEG}_eeg{end}" for end in (".vhdr", ".eeg", ".vmrk")]
        + [f"{EEG}_run-2_eeg{end}" for end in (".set", ".fdt")]
        + [f"{EEG}_run-3_eeg{end}" for end in (".VHDR", ".EEG", ".vmrk")]
        + [f"{EEG}_run-4_eeg.EDF", f"{EEG}_run-5_eeg{'.vhdr'}", f"{EEG}_run-5_eeg.dat"]
    )
    assert [names(one.files) for one in found] == [
        [f"sub-01_task-rest_eeg{end}" for end in (".vhdr", ".eeg", ".vmrk")],
        [f"sub-01_task-rest_run-2_eeg{end}" for end in (".set", ".fdt")],
        [f"sub-01_task-rest_run-3_eeg{end}" for end in (".VHDR", ".EEG", ".vmrk")],
        ["sub-01_task-rest_run-4_eeg.EDF"],
        [f"sub-01_task-rest_run-5_eeg{end}" for end in (".vhdr", ".dat")],
    ]
    assert {one.path for one in found} == {one.files[0] for one in found}


def test_parts_of_a_fif_file_are_one_recording():
    stem = "sub-01/meg/sub-01_task-rest"
    one = only(
        [f"{stem}_split-{n:02}_meg.fif" for n in (2, 1, 10, *range(3, 10))]
        + [f"{stem}_meg.json", f"{stem}_split-01_channels.tsv"]
    )
    assert one.path == f"{stem}_split-01_meg.fif"
    assert names(one.files) == [
        f"sub-01_task-rest_split-{n:02}_meg.fif" for n in range(1, 11)
    ]
    assert dict(one.entities) == {"sub": "01", "task": "rest"}
    assert one.stem == "sub-01_task-rest_meg"
    assert names(one.sidecars) == [
        "sub-01_task-rest_meg.json",
        "sub-01_task-rest_split-01_channels.tsv",
    ]
    assert one.notes == ()


def test_parts_as_mne_names_them_are_one_recording():
    stem = "sub-01/meg/sub-01_task-rest_meg"
    one = only([f"{stem}-1.fif", f"{stem}.fif", f"{stem}-2.fif"])
    assert names(one.files) == [
        f"sub-01_task-rest_meg{n}.fif" for n in ("", "-1", "-2")
    ]


def test_a_part_of_a_fif_file_that_lacks_is_told():
    stem = "sub-01/meg/sub-01_task-rest"
    one = only([f"{stem}_split-{n}_meg.fif" for n in ("01", "03")])
    assert one.notes == ("part 2 of it is not there",)
    assert only([f"{stem}_split-02_meg.fif"]).notes == ("part 1 of it is not there",)


def test_a_folder_is_one_recording():
    ctf = "sub-01/meg/sub-01_task-rest_meg.ds"
    bti = "sub-01/meg/sub-01_task-rest_run-2_meg"
    kit = "sub-01/meg/sub-01_task-rest_run-3_meg"
    found = recordings(
        [f"{ctf}/sub-01_task-rest_meg.{end}" for end in ("meg4", "res4", "acq", "hc")]
        + [f"{ctf}/hz.ds/hz.meg4", f"{bti}/config", f"{bti}/c,rfDC", f"{bti}/hs_file"]
        + [f"{kit}/{PurePosixPath(kit).name}.con"]
        + ["sub-01/meg/sub-01_task-rest_channels.tsv"]
    )
    by_path = {one.path: one for one in found}
    assert {*by_path} == {ctf, bti, f"{kit}/{PurePosixPath(kit).name}.con"}
    assert len(by_path[ctf].files) == 5
    assert len(by_path[bti].files) == 3
    assert by_path[ctf].stem == "sub-01_task-rest_meg"
    assert len(by_path[ctf].sidecars) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("derivatives/x/sub-01/eeg/sub-01_task-rest_eeg.edf", "derivatives"),
        ("sub-01/derivatives/sub-01_task-rest_eeg.edf", "derivatives"),
        ("sourcedata/sub-01/eeg/sub-01_task-rest_eeg.edf", "source data"),
        ("code/sub-01_task-rest_eeg.edf", "code"),
        ("stimuli/one.wav", "stimuli"),
        (".git/annex/objects/sub-01_task-rest_eeg.edf", "hidden"),
        ("sub-01/eeg/._sub-01_task-rest_eeg.edf", "hidden"),
        ("sub-01/anat/sub-01_T1w.nii.gz", "images"),
        ("sub-01/beh/sub-01_task-rest_events.tsv", "behaviour"),
        ("sub-01/motion/sub-01_task-x_tracksys-a_motion.tsv", "motion"),
        ("sub-01/nirs/sub-01_task-rest_nirs.snirf", "nirs"),
        ("sub-01/eeg/sub-01_task-rest_physio.tsv.gz", "physiology"),
        ("sub-emptyroom/meg/sub-emptyroom_task-noise_meg.fif", "empty room"),
        ("sub-01/meg/sub-01_task-noise_meg.fif", "empty room"),
        ("sub-01/meg/sub-01_acq-crosstalk_meg.fif", "calibration"),
        ("sub-01/meg/sub-01_acq-calibration_meg.dat", "calibration"),
        ("sub-01/eeg/sub-01_task-rest_eeg.vmrk", "no header"),
        ("sub-01/eeg/sub-01_task-rest_eeg.fdt", "no header"),
        ("sub-01/ieeg/sub-01_task-rest_ieeg.nwb", "format"),
        ("sub-01/ieeg/sub-01_task-rest_ieeg.mefd/a.timd/b.tdat", "format"),
        ("sub-01/eeg/task-rest_eeg.edf", "no subject"),
        ("sub-01/eeg/sub-01_task-other_channels.tsv", "sidecar"),
        ("README", "documents"),
        ("sub-01/eeg/notes about it.txt", "unknown"),
        ("sub-01/eeg/sub-01_photo.jpg", "other"),
    ],
)
def test_what_is_no_recording_says_why(path, reason):
    layout = layout_of([path])
    assert layout.recordings == []
    assert layout.others == {path: reason}


def test_noise_is_a_task_of_eeg():
    assert only(["sub-01/eeg/sub-01_task-noise_eeg.edf"]).entities["task"] == "noise"


def test_a_recording_in_two_formats_is_one():
    layout = layout_of([f"{EEG}_eeg.edf", f"{EEG}_eeg.set", f"{EEG}_eeg.fdt"])
    assert [one.path for one in layout.recordings] == [f"{EEG}_eeg.edf"]
    assert layout.others[f"{EEG}_eeg.set"] == "another format"


def test_endings_that_differ_in_capitals_are_not_lost():
    layout = layout_of([f"{EEG}_eeg.edf", f"{EEG}_eeg.EDF"])
    [one] = layout.recordings
    assert {*one.files, *layout.others} == {f"{EEG}_eeg.edf", f"{EEG}_eeg.EDF"}
    assert [*layout.others.values()] == ["another format"]


def test_positions_in_several_spaces_all_apply():
    folder = "sub-01/ieeg/sub-01"
    paths = [f"{folder}_{space}electrodes.tsv" for space in ("", "space-a_")]
    paths += [f"{folder}_{space}coordsystem.json" for space in ("", "space-a_")]
    one = only([f"{folder}_task-rest_ieeg.edf", *paths])
    assert sorted(one.sidecars) == sorted(paths)


def test_texts_are_in_order_and_of_tables_the_nearest_is_there():
    one = only(
        [
            f"{EEG}_eeg.edf",
            "task-rest_eeg.json",
            "sub-01/sub-01_task-rest_eeg.json",
            f"{EEG}_eeg.json",
            "task-rest_events.tsv",
            "sub-01/sub-01_events.tsv",
            "task-rest_channels.tsv",
            f"{EEG}_channels.tsv",
            "sub-02/sub-02_events.tsv",
            "sub-01/emg/sub-01_task-rest_channels.tsv",
            "task-rest_emg.json",
            "dataset_description.json",
            "participants.tsv",
        ]
    )
    assert one.described_by("eeg", ".json") == [
        "task-rest_eeg.json",
        "sub-01/sub-01_task-rest_eeg.json",
        f"{EEG}_eeg.json",
    ]
    assert one.described_by("events", ".tsv") == ["sub-01/sub-01_events.tsv"]
    assert one.described_by("channels", ".tsv") == [f"{EEG}_channels.tsv"]
    assert one.described_by("emg", ".json") == []
    assert one.described_by("participants", ".tsv") == ["participants.tsv"]
    assert one.described_by("dataset_description", ".json") != []


def test_a_name_that_contradicts_its_folder_is_told():
    one = only(["sub-01/eeg/sub-02_task-rest_eeg.edf"])
    assert one.notes == ("its name says sub-02, its folder sub-01",)


def test_a_session_that_the_folder_alone_says_is_known():
    found = recordings(f"sub-1/ses-{s}/eeg/sub-1_task-x_eeg.edf" for s in "ab")
    assert [dict(one.entities) for one in found] == [
        {"sub": "1", "ses": s, "task": "x"} for s in "ab"
    ]
    assert found[0].notes == ("its name does not say ses-a, as its folder does",)


# Made trees, against an inheritance worked out from the words of the standard alone

VALUES = {
    "sub": ["01", "02"],
    "ses": ["a", "b"],
    "task": ["rest", "go"],
    "acq": ["x"],
    "run": ["1", "01"],
    "proc": ["p"],
}


@st.composite
def bids_names(draw, *, of=("sub", "ses", "task", "acq", "run", "proc")):
    return {
        key: draw(st.sampled_from(VALUES[key])) for key in of if draw(st.booleans())
    }


def joined(entities, ending):
    return "_".join([*(f"{k}-{v}" for k, v in entities.items()), ending])


@st.composite
def trees(draw):
    paths = set()
    for _ in range(draw(st.integers(1, 5))):
        entities = {"sub": draw(st.sampled_from(VALUES["sub"])), "task": "rest"}
        entities = {**entities, **draw(bids_names())}
        entities = {key: entities[key] for key in VALUES if key in entities}
        folder = f"sub-{entities['sub']}/"
        if "ses" in entities:
            folder += f"ses-{entities['ses']}/"
        kind = draw(st.sampled_from(["eeg", "ieeg"]))
        paths.add(f"{folder}{kind}/{joined(entities, kind)}.edf")
    recorded = sorted(paths)
    for _ in range(draw(st.integers(0, 12))):
        near = draw(st.sampled_from(recorded))
        depth = draw(st.integers(0, near.count("/")))
        folder = "/".join(near.split("/")[:depth])
        ending = draw(
            st.sampled_from(
                ["channels.tsv", "events.tsv", "events.json", "eeg.json", "ieeg.json"]
            )
        )
        name = joined(draw(bids_names()), ending)
        paths.add(f"{folder}/{name}" if folder else name)
    return recorded, sorted(paths)


def expected_sidecars(recording, paths):
    """Work out what applies by comparing all files with a recording."""
    where, _, own = recording.rpartition("/")
    *said, kind = own.removesuffix(".edf").split("_")
    found = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        *pairs, ending = name.split("_")
        is_above = folder == "" or f"{where}/".startswith(f"{folder}/")
        if path == recording or not is_above or not {*pairs} <= {*said}:
            continue
        if ending.endswith(".edf") or ending in {"eeg.json", "ieeg.json"} - {
            f"{kind}.json"
        }:
            continue
        rank = (len(folder), len(pairs))
        found.setdefault(ending, []).append((rank, path))
    return found


@settings(max_examples=300, deadline=None)
@given(trees())
def test_sidecars_are_those_that_the_standard_says(tree):
    recorded, paths = tree
    layout = layout_of(paths)
    assert [one.path for one in layout.recordings] == recorded
    for one in layout.recordings:
        expected = expected_sidecars(one.path, paths)
        for ending, ranked in expected.items():
            suffix, dot, extension = ending.partition(".")
            ours = one.described_by(suffix, dot + extension)
            ranked.sort(key=lambda pair: pair[0])
            if extension == "json":
                assert sorted(ours) == sorted(path for _, path in ranked)
                ranks = dict((path, rank) for rank, path in ranked)
                order = [ranks[path] for path in ours]
                assert order == sorted(order)
            else:
                best = [path for rank, path in ranked if rank == ranked[-1][0]]
                assert len(ours) == 1 and ours[0] in best
                assert (len(best) > 1) == any(suffix in n for n in one.notes)
        assert Counter(
            PurePosixPath(path).name.rpartition("_")[2] for path in one.sidecars
        ).keys() == {*expected}


@settings(max_examples=100, deadline=None)
@given(tree=trees())
def test_a_recording_is_known_again_by_its_own_files(tree):
    for one in recordings(tree[1]):
        [again] = recordings([*one.files, *one.sidecars])
        assert (again.path, again.files) == (one.path, one.files)
        assert again.sidecars == one.sidecars
        assert again.entities == one.entities


@settings(max_examples=40, deadline=None)
@given(tree=trees())
def test_recordings_are_those_that_mne_bids_finds(tree, tmp_path_factory):
    mne_bids = pytest.importorskip("mne_bids")
    recorded, paths = tree
    root = tmp_path_factory.mktemp("tree")
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    theirs = mne_bids.find_matching_paths(
        root, suffixes=["eeg", "ieeg"], extensions=[".edf"]
    )
    expected = {str(path.fpath.relative_to(root)) for path in theirs}
    assert {one.path for one in recordings(paths)} == expected == {*recorded}


def test_shared_data_has_all_trees():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    found = {
        str(p.parent.relative_to(SHARED_DATA))
        for p in SHARED_DATA.glob("**/dataset_description.json")
    }
    assert found == {*TREES}
