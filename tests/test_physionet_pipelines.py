"""The two pipelines for archives on PhysioNet, run on real recordings from a server.

An archive where much goes wrong is prepared, mended and prepared again, once for all
tests; they look at what each of these runs printed, asked for and left. What is in the
files is compared with the EDF files taken apart by hand.
"""

import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from archive_server import ArchiveServer
from conftest import ROOT, SHARED_DATA, Workspace
from edf import read_edf, write_edf

pytest.importorskip("h5py", reason="the pipelines write HDF5 files")
pytest.importorskip("temporaldata", reason="the files are temporaldata's")

import h5py
import numpy as np
from temporaldata import Data

SCHALK = "schalk_bci2000_motor_2004"
ZYMA = "zyma_mental_arithmetic_2019"
REAL_RUNS = [f"S001R0{run}" for run in range(3, 9)]
REAL_EEGMAT = [
    *("Subject00_1", "Subject00_2", "Subject01_1"),
    *("Subject01_2", "Subject02_2", "Subject08_2"),
]
MADE_RUNS = ["S001R01", "S088R04"]

# What the archive's page says of T1 and T2; T0 is rest.
ONE_FIST = {"T0": "rest", "T1": "left_fist", "T2": "right_fist"}
BOTH = {"T0": "rest", "T1": "both_fists", "T2": "both_feet"}
TASKS = {
    3: ("move_one_fist", False, ONE_FIST),
    4: ("imagine_one_fist", True, ONE_FIST),
    5: ("move_both_fists_or_feet", False, BOTH),
    6: ("imagine_both_fists_or_feet", True, BOTH),
    7: ("move_one_fist", False, ONE_FIST),
    8: ("imagine_one_fist", True, ONE_FIST),
}

# Evaluates expressions within a pipeline's module, in the pipeline's interpreter.
EVALUATE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from brainsets.jobs.loading import load_pipeline
load_pipeline(Path(sys.argv[2]))
names = vars(sys.modules["pipeline_module"])
results = []
for expression in json.load(sys.stdin):
    try:
        results.append(eval(expression, names))
    except Exception as error:
        results.append(f"{type(error).__name__}: {error}")
print(json.dumps(results, default=str))
"""


class Story:
    """What came of each run, as a folder and a JSON file that all workers can read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)
        self.archive = root / "archive"
        self.told = root / "story.json"
        self.runs: dict[str, dict] = {}
        if self.told.exists():
            self.runs = json.loads(self.told.read_text())

    def tell(self) -> None:
        """Prepare both datasets from a server with troubles, then from a mended one."""
        self.workspace.environment = {
            "BRAINSETS_RETRY_WAIT_S": "0.01",
            "no_proxy": "127.0.0.1",
        }
        self.make_archive()
        with ArchiveServer(self.archive) as server:
            server.answer("eegmat/RECORDS", 503, times=1)
            server.cut("eegmmidb/S001/S001R04.edf", after=600_000, times=4)
            server.answer("eegmmidb/S001/S001R05.edf", 503, times=2)
            server.answer("eegmmidb/S001/S001R06.edf", 404)
            server.flip("eegmmidb/S001/S001R07.edf", at=1_000_000)
            server.answer("eegmat/Subject02_2.edf", 500)
            schalk = {
                "pipeline": SCHALK,
                "args": ["--base-url", f"{server.url}eegmmidb"],
            }
            zyma = {"pipeline": ZYMA, "args": ["--base-url", f"{server.url}eegmat/"]}
            self.run("troubled", server, [schalk, zyma])
            server.mend()
            self.run("mended", server, [schalk, zyma])
            self.run("again", server, [schalk, zyma])
            # Of one brainset with the flag, of the other without.
            schalk["assets"], zyma["assets"] = ["S001R03"], ["Subject00_2"]
            zyma["args"].append("--redownload")
            self.run("forced", server, [schalk, zyma], "--forcerun", "download_asset")
            self.evaluate(server)
        for brainset in (SCHALK, ZYMA):
            # Large, and no longer needed.
            shutil.rmtree(self.workspace.folder(brainset).environment)
        self.told.write_text(json.dumps(self.runs))

    def make_archive(self) -> None:
        """Mirror the real recordings, and add two that none of them stands for."""
        source = SHARED_DATA / "physionet"
        shutil.copytree(source / "eegmat", self.archive / "eegmat")
        target = self.archive / "eegmmidb"
        shutil.copytree(source / "eegmmidb", target)
        for folder in (target, target / "S001"):
            folder.chmod(0o755)
        real = read_edf(target / "S001" / "S001R03.edf")
        baseline = [(0.0, 61.0, "T0")]
        write_edf(target / "S001" / "S001R01.edf", real, 61, 160, baseline)
        # Another rate, a trial that runs into the next one, and one that has no end.
        trials = [(0.0, 5.0, "T0"), (4.2, 4.1, "T2"), (8.3, 4.2, "T0")]
        write_edf(target / "S088" / "S088R04.edf", real, 10, 128, trials)
        records, sums = target / "RECORDS", target / "SHA256SUMS.txt"
        for path in (records, sums):
            path.chmod(0o644)
        added = ["S001/S001R01.edf", "S088/S088R04.edf"]
        records.write_text(records.read_text() + "".join(f"{p}\n" for p in added))
        lines = [x for x in sums.read_text().splitlines() if not x.endswith("RECORDS")]
        for path in ["RECORDS", *added]:
            digest = hashlib.sha256((target / path).read_bytes()).hexdigest()
            lines.append(f"{digest}  {path}")
        sums.write_text("".join(f"{line}\n" for line in lines))
        lists = {folder: [record] for folder, (record, _, _) in ODD_LISTS.items()}
        for folder, named in {**lists, "all": ALL_RUNS}.items():
            made = self.archive / folder
            made.mkdir()
            (made / "RECORDS").write_text("".join(f"{path}\n" for path in named))
            sums = "".join(f"{'0' * 64}  {path}\n" for path in named)
            (made / "SHA256SUMS.txt").write_text(sums)
            shutil.copy(source / "eegmat" / "subject-info.csv", made)

    def run(self, name: str, server: ArchiveServer, brainsets, *arguments: str) -> None:
        server.forget()
        run = self.workspace.run(brainsets, *arguments, cores=2)
        self.runs[name] = {
            "status": run.returncode,
            "printed": run.stdout,
            "requests": [(r.path, r.start, r.status) for r in server.requests],
            "raw": self.files(self.workspace.raw_dir),
            "outputs": [
                path
                for path in self.files(self.workspace.processed_dir)
                if "/_workflow/" not in path
            ],
            "states": {
                brainset: {
                    path.name: json.loads(path.read_text())
                    for path in self.workspace.folder(brainset).status.iterdir()
                }
                for brainset in (SCHALK, ZYMA)
            },
        }

    def files(self, folder: Path) -> list[str]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return sorted(path.relative_to(folder).as_posix() for path in found)

    def asked(self, name: str) -> Counter:
        return Counter(path for path, _, _ in self.runs[name]["requests"])

    def evaluate(self, server: ArchiveServer) -> None:
        for brainset, expressions in EXPRESSIONS.items():
            folder = self.workspace.folder(brainset)
            pipeline = ROOT / "brainsets" / "pipelines" / brainset / "pipeline.py"
            python = folder.environment / "bin" / "python"
            done = subprocess.run(
                [python, "-c", EVALUATE, ROOT, pipeline],
                input=json.dumps([self.placed(e, server) for e in expressions]),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            results = json.loads(done.stdout.splitlines()[-1])
            self.runs[brainset] = dict(zip(expressions, results))

    def placed(self, expression: str, server: ArchiveServer) -> str:
        named = expression.replace("{root}", str(self.root))
        return named.replace("{url}", server.url)

    def result(self, brainset: str, expression: str):
        return self.runs[brainset][expression]

    def data(self, brainset: str, session: str) -> Data:
        path = self.workspace.processed_dir / brainset / f"{session}.h5"
        with h5py.File(path) as file:
            data = Data.from_hdf5(file, lazy=False)
        return data

    def edf(self, session: str):
        [path] = self.archive.rglob(f"{session}.edf")
        return read_edf(path)


def dividing(labels):
    """Return an expression for the labels in each part of such trials."""
    start = f"np.arange({len(labels)}.0)"
    trials = f"Interval(start={start}, end={start} + 1, label=np.array({labels!r}))"
    return f"[part.label.tolist() for part in split_trials({trials}, 160.0)]"


def processing(flags, looking):
    """Return an expression for what becomes of an output that is there already."""
    output = "Path('{root}/S001R03.h5')"
    return (
        f"[{output}.write_text('finished earlier'), "
        f"Pipeline(None, Path('{{root}}'), Pipeline.parser.parse_args({flags}))"
        f".process(Path('{EDF}')), {looking}({output})][-1]"
    )


def listing(folder):
    """Return an expression for what an archive lists."""
    args = f"Pipeline.parser.parse_args(['--base-url', '{{url}}{folder}/'])"
    return f"Pipeline.get_manifest(Path('{{root}}/lists'), {args}).index.tolist()"


EDF = "{root}/archive/eegmmidb/S001/S001R03.edf"
# How many trials of a label are to train, validate and test with.
SIZES = {
    2: [1, 0, 1],
    3: [1, 1, 1],
    7: [5, 1, 1],
    8: [5, 1, 2],
    15: [10, 2, 3],
    40: [28, 4, 8],
}
DIVIDED = {count: dividing(["rest"] * count + ["left_fist"]) for count in SIZES}
MEANINGLESS = f"read_trials(Path('{EDF}'), TASKS[1], 125.0)"
OUTSIDE = f"read_trials(Path('{EDF}'), TASKS[3], 0.0)"
KEPT = processing("[]", "Path.read_text")
REPROCESSED = processing("['--reprocess']", "h5py.is_hdf5")
# As many as the archive's page speaks of.
ALL_RUNS = [
    f"S{s:03}/S{s:03}R{run:02}.edf" for s in range(1, 110) for run in range(1, 15)
]
# The lists of archives that are not as they should be, by folder of the server.
ODD_LISTS = {
    "run_15": ("S001/S001R15.edf", SCHALK, "no recording of the form S001/S001R01.edf"),
    "nobody": ("Subject99_1.edf", ZYMA, "has no line for Subject99"),
    "third": ("Subject00_3.edf", ZYMA, "no recording of the form Subject00_1.edf"),
}
OTHER_ELECTRODES = "read_eeg(Path('{root}/archive/eegmat/Subject00_1.edf'))"
OTHER_CHANNELS = f"read_signals(Path('{EDF}'))"
OTHER_TABLE = "read_subjects(Path('{root}/archive/eegmat/RECORDS'))"
EXPRESSIONS = {
    SCHALK: [
        *DIVIDED.values(),
        *(MEANINGLESS, OUTSIDE, OTHER_ELECTRODES, KEPT, REPROCESSED),
        *(listing("run_15"), listing("all")),
    ],
    ZYMA: [OTHER_CHANNELS, OTHER_TABLE, listing("nobody"), listing("third")],
}


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """What came of preparing both datasets; prepared by the first worker that asks."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    with open(base / "physionet.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = base / "people é of physionet"
        if not (root / "story.json").exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            Story(root).tell()
    return Story(root)


def test_what_can_be_had_is_done_and_the_rest_is_told(story):
    run = story.runs["troubled"]
    assert run["status"] == 1
    failed = {"S001R06", "S001R07", "Subject02_2"}
    everything = {*REAL_RUNS, *MADE_RUNS, *REAL_EEGMAT}
    states = {**run["states"][SCHALK], **run["states"][ZYMA]}
    assert {s.removesuffix(".DONE") for s in states if s.endswith(".DONE")} == (
        everything - failed
    )
    assert {
        s.removesuffix(".FAILED") for s in states if s.endswith(".FAILED")
    } == failed
    assert [Path(path).stem for path in run["outputs"]] == sorted(
        everything - failed, key=lambda s: (s.startswith("Subject"), s)
    )


def failure(story, brainset, asset):
    [attempt] = story.runs["troubled"]["states"][brainset][f"{asset}.FAILED"][
        "attempts"
    ]
    [told] = [
        line
        for line in story.runs["troubled"]["printed"].splitlines()
        if f"FAILED {brainset} {asset} (download)" in line
    ]
    assert "DownloadError" in told
    assert attempt["error"] == "DownloadError" and not attempt["traceback"]
    return attempt


def test_missing_file_is_one_sentence_and_asked_for_once(story):
    attempt = failure(story, SCHALK, "S001R06")
    assert "/eegmmidb/S001/S001R06.edf: the server answers 404" in attempt["message"]
    assert not attempt["transient"]
    assert story.asked("troubled")["eegmmidb/S001/S001R06.edf"] == 1


def test_flipped_byte_leaves_nothing_that_looks_like_the_file(story):
    attempt = failure(story, SCHALK, "S001R07")
    assert "SHA-256" in attempt["message"] and "S001R07.edf" in attempt["message"]
    assert not attempt["transient"]
    assert story.asked("troubled")["eegmmidb/S001/S001R07.edf"] == 2
    run = story.runs["troubled"]
    assert not [path for path in run["raw"] if "S001R07" in path or ".part" in path]
    assert not [path for path in run["outputs"] if "S001R07" in path]


def test_server_that_stays_broken_may_pass(story):
    attempt = failure(story, ZYMA, "Subject02_2")
    assert "answers 500" in attempt["message"] and attempt["transient"]
    assert story.asked("troubled")["eegmat/Subject02_2.edf"] == 7


def test_cut_and_busy_connections_do_no_harm(story):
    requests = story.runs["troubled"]["requests"]
    cut = [start for path, start, _ in requests if path.endswith("S001R04.edf")]
    assert len(cut) == 5 and cut == sorted(set(cut))
    busy = [status for path, _, status in requests if path.endswith("S001R05.edf")]
    assert busy == [503, 503, 200]
    log = story.workspace.folder(SCHALK).log("download_asset", "S001R04").read_text()
    assert log.count(" s: the connection was cut") == 4
    lists = [status for path, _, status in requests if path == "eegmat/RECORDS"]
    assert lists == [503, 200]


def test_nothing_else_is_asked_for(story):
    troubles = ("R04.edf", "R05.edf", "R07.edf", "Subject02_2.edf", "eegmat/RECORDS")
    for path, count in story.asked("troubled").items():
        assert count == 1 or path.endswith(troubles)
        assert not path.endswith(".event")


def test_next_run_fetches_what_failed_and_nothing_else(story):
    run = story.runs["mended"]
    assert run["status"] == 0, run["printed"]
    assert story.asked("mended") == {
        "eegmmidb/S001/S001R06.edf": 1,
        "eegmmidb/S001/S001R07.edf": 1,
        "eegmat/Subject02_2.edf": 1,
    }
    assert len(run["outputs"]) == len({*REAL_RUNS, *MADE_RUNS, *REAL_EEGMAT})
    assert not [s for states in run["states"].values() for s in states if "FAILED" in s]


def test_raw_files_are_where_the_archive_has_them(story):
    lists = {"RECORDS", "SHA256SUMS.txt"}
    runs = {f"{s[:4]}/{s}.edf" for s in [*REAL_RUNS, *MADE_RUNS]}
    people = {*(f"{s}.edf" for s in REAL_EEGMAT), "subject-info.csv"}
    expected = {f"{SCHALK}/{path}" for path in runs | lists}
    expected |= {f"{ZYMA}/{path}" for path in people | lists}
    assert {*story.runs["mended"]["raw"]} == expected


def test_run_with_nothing_to_do_asks_for_nothing(story):
    run = story.runs["again"]
    assert run["status"] == 0 and "Nothing to be done" in run["printed"]
    assert run["requests"] == []


def test_whole_files_are_fetched_again_with_redownload_alone(story):
    run = story.runs["forced"]
    assert run["status"] == 0, run["printed"]
    for asset in ("S001R03", "Subject00_2"):
        assert re.search(rf"download \S+ {asset} ", run["printed"])
    assert story.asked("forced") == {"eegmat/Subject00_2.edf": 1}


def test_environments_are_built_once(story):
    for brainset in (SCHALK, ZYMA):
        line = f"build the environment of {brainset}"
        assert story.runs["troubled"]["printed"].count(line) == 1
        for later in ("mended", "again", "forced"):
            assert line not in story.runs[later]["printed"]


def test_output_that_is_there_is_kept_unless_reprocess_is_asked_for(story):
    assert story.result(SCHALK, KEPT) == "finished earlier"
    assert story.result(SCHALK, REPROCESSED) is True


@pytest.mark.parametrize("folder", ODD_LISTS)
def test_list_that_does_not_fit_is_refused(story, folder):
    record, brainset, sentence = ODD_LISTS[folder]
    refusal = story.result(brainset, listing(folder))
    assert refusal.startswith("ValueError: ")
    assert repr(record) in refusal and sentence in refusal


def test_whole_archive_has_an_asset_for_each_run(story):
    listed = story.result(SCHALK, listing("all"))
    assert len(listed) == 1526 and listed == [Path(path).stem for path in ALL_RUNS]


@pytest.mark.parametrize(
    "brainset, expression, sentence",
    [
        (SCHALK, MEANINGLESS, "['T1', 'T2'] mean nothing in the task eyes_open"),
        (SCHALK, OUTSIDE, "none of its trials is within the recording"),
        (SCHALK, OTHER_ELECTRODES, "not the 64 electrodes of this dataset"),
        (ZYMA, OTHER_TABLE, "instead of ['Subject', 'Age', 'Gender'"),
        (ZYMA, OTHER_CHANNELS, "not the channels of this dataset"),
    ],
)
def test_file_of_another_kind_is_refused(story, brainset, expression, sentence):
    refusal = story.result(brainset, expression)
    assert refusal.startswith("ValueError: ") and sentence in refusal


@pytest.mark.parametrize("count", SIZES)
def test_every_label_is_in_each_part_where_it_can_be(story, count):
    divided = story.result(SCHALK, DIVIDED[count])
    assert [part.count("rest") for part in divided] == SIZES[count]
    # A label that is there once can only be trained with.
    assert [part.count("left_fist") for part in divided] == [1, 0, 0]


def manifest(story, brainset):
    text = story.workspace.folder(brainset).manifest.read_text()
    lines = [line.split("\t") for line in text.splitlines()]
    return {line[0]: dict(zip(lines[0], line)) for line in lines[1:]}


def test_manifests_list_what_the_archive_lists(story):
    rows = manifest(story, SCHALK)
    assert [*rows] == [*REAL_RUNS, *MADE_RUNS]
    assert rows["S001R05"] == {
        "session_id": "S001R05",
        "subject": "S001",
        "run": "5",
        "task": "move_both_fists_or_feet",
        "path": "S001/S001R05.edf",
        "sha256": "8828f4b97931100af136cebf27838248b82f69cf359f7e6c3146a1970a8fb8d9",
    }
    rows = manifest(story, ZYMA)
    assert [*rows] == REAL_EEGMAT
    assert {k: v for k, v in rows["Subject08_2"].items() if k != "sha256"} == {
        "session_id": "Subject08_2",
        "subject": "Subject08",
        "task": "mental_arithmetic",
        "path": "Subject08_2.edf",
        "age_years": "26",
        "sex": "MALE",
        "recording_year": "2011",
        "subtractions": "18.24",
        "count_quality": "good",
    }


def assert_volts(signal, edf, numbers, scale):
    """Whether a signal is what the file's integers mean, within what float32 holds."""
    assert signal.dtype == np.float32 and signal.shape[1] == len(numbers)
    for column, number in enumerate(numbers):
        expected = edf.physical(number)[: len(signal)] * scale[column]
        assert np.allclose(signal[:, column], expected, rtol=1e-6, atol=1e-12)


def in_ten_ten(label):
    """Return an electrode's name as the 10-10 system writes it: "Fp1", "FCz", "AF7"."""
    name = label.rstrip(".").upper().replace("FP", "Fp")
    return name[:-1] + "z" if name.endswith("Z") else name


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_eeg_is_what_the_file_holds_in_volts(story, session):
    data, edf = story.data(SCHALK, session), story.edf(session)
    numbers = edf.numbers()
    assert len(numbers) == 64
    assert {edf.signals[n]["unit"] for n in numbers} == {"uV"}
    # The last half second is filled up with zeros, and not kept.
    assert len(edf.digital(0)) == 125 * 160 and len(data.eeg) == 124.5 * 160
    assert not any(edf.digital(n)[len(data.eeg) :].any() for n in numbers)
    assert any(edf.digital(n)[len(data.eeg) - 1] for n in numbers)
    assert_volts(data.eeg.signal, edf, numbers, np.full(64, 1e-6))
    assert data.eeg.sampling_rate == 160
    assert data.domain.start.tolist() == [0] and data.domain.end.tolist() == [124.5]
    names = data.channels.id.tolist()
    assert names == [in_ten_ten(edf.signals[n]["label"]) for n in numbers]
    assert {"FCz", "Fp1", "Fpz", "AF7", "T10", "Iz"} < {*names}
    assert {*data.channels.type} == {"eeg"} and {*data.channels.unit} == {"V"}


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_trials_are_the_files_annotations(story, session):
    data, edf = story.data(SCHALK, session), story.edf(session)
    task, is_imagined, meaning = TASKS[int(session[-2:])]
    annotations = edf.annotations()
    assert len(annotations) == 30
    trials = data.trials
    onset, duration, code = zip(*annotations)
    assert trials.code.tolist() == [*code]
    assert np.allclose(trials.start, onset, atol=1e-6)
    assert np.allclose(trials.end - trials.start, duration, atol=1e-6)
    assert trials.is_disjoint() and trials.is_sorted()
    assert trials.label.tolist() == [meaning[c] for c in code]
    assert {*trials.is_imagined} == {is_imagined}
    # The archive's own other copy of the same.
    events = (story.archive / f"eegmmidb/S001/{session}.edf.event").read_bytes()
    other = re.findall(rb"(T[012]) duration: ([0-9.]+)", events)
    assert [(c.decode(), float(d)) for c, d in other] == [*zip(code, duration)]
    assert (data.session.id, data.session.task) == (session, task)
    assert (data.session.run, data.subject.id) == (int(session[-2:]), "S001")
    assert data.brainset.id == SCHALK and data.subject.species == "HOMO_SAPIENS"


def test_labels_have_one_number_in_all_recordings(story):
    numbers = {
        (label, number)
        for session in [*REAL_RUNS, *MADE_RUNS]
        for trials in [story.data(SCHALK, session).trials]
        for label, number in zip(trials.label.tolist(), trials.label_id.tolist())
    }
    assert numbers == {
        *(("rest", 0), ("left_fist", 1), ("right_fist", 2)),
        *(("both_fists", 3), ("both_feet", 4), ("eyes_open", 5)),
    }


def parts(data):
    return data.train_domain, data.valid_domain, data.test_domain


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_splits_are_whole_trials_of_every_label(story, session):
    data = story.data(SCHALK, session)
    trials = [*zip(data.trials.start, data.trials.end, data.trials.label)]
    split = [[*zip(part.start, part.end, part.label)] for part in parts(data)]
    assert sorted(sum(split, [])) == sorted(trials)
    for label in {*data.trials.label}:
        starts = [[start for start, _, name in part if name == label] for part in split]
        assert all(starts)
        assert max(starts[0]) < min(starts[1]) and max(starts[1]) < min(starts[2])
    assert [len(part) for part in split] == [20, 4, 6]


def test_baseline_is_one_trial_that_is_cut_in_time(story):
    data = story.data(SCHALK, "S001R01")
    assert data.session.task == "eyes_open"
    assert data.trials.label.tolist() == ["eyes_open"]
    assert (data.trials.start[0], data.trials.end[0]) == (0, 61)
    # 70 and 80 % of 61 s, at the nearest of 160 samples a second.
    edges = [(part.start.tolist(), part.end.tolist()) for part in parts(data)]
    assert edges == [([0], [42.7]), ([42.7], [48.8]), ([48.8], [61])]
    assert data.test_domain.label.tolist() == ["eyes_open"]


def test_rate_and_lengths_are_those_of_the_file(story):
    data, edf = story.data(SCHALK, "S088R04"), story.edf("S088R04")
    assert data.eeg.sampling_rate == 128 and len(data.eeg) == 1280
    assert_volts(data.eeg.signal, edf, edf.numbers(), np.full(64, 1e-6))
    assert data.subject.id == "S088" and data.domain.end[0] == 10
    assert data.trials.start.tolist() == [0, 4.2, 8.3]
    assert data.trials.end.tolist() == [4.2, 8.3, 10]
    assert data.trials.label.tolist() == ["rest", "right_fist", "rest"]
    log = story.workspace.folder(SCHALK).log("process_asset", "S088R04").read_text()
    assert "cut: trial 1 of 3 (T0, from 0 s) ends at 4.2 s instead of 5 s" in log
    assert "cut: trial 3 of 3 (T0, from 8.3 s) ends at 10 s instead of 12.5 s" in log


@pytest.mark.parametrize("session", REAL_EEGMAT)
def test_arithmetic_eeg_and_ecg_are_what_the_file_holds_in_volts(story, session):
    data, edf = story.data(ZYMA, session), story.edf(session)
    labels = {s["label"]: n for n, s in enumerate(edf.signals)}
    scale = {"uV": 1e-6, "mV": 1e-3}
    numbers = [n for label, n in labels.items() if label.startswith("EEG ")]
    assert len(numbers) == 20 and len(edf.numbers()) == 21
    factors = [scale[edf.signals[n]["unit"]] for n in numbers]
    assert_volts(data.eeg.signal, edf, numbers, factors)
    assert data.channels.id.tolist() == [
        edf.signals[n]["label"].removeprefix("EEG ") for n in numbers
    ]
    assert {*data.channels.type} == {"eeg"} and {*data.channels.unit} == {"V"}
    reference = dict(zip(data.channels.id.tolist(), data.channels.reference.tolist()))
    assert reference.pop("A2-A1") == "A1" and {*reference.values()} == {"A1+A2"}
    ecg = labels["ECG ECG"]
    assert edf.signals[ecg]["unit"] == "mV"
    assert_volts(data.ecg.signal, edf, [ecg], [1e-3])
    assert data.eeg.sampling_rate == data.ecg.sampling_rate == 500
    seconds = 182 if session.endswith("_1") else 62
    assert data.domain.end.tolist() == [seconds] and len(data.ecg) == 500 * seconds


@pytest.mark.parametrize("session", REAL_EEGMAT)
def test_arithmetic_people_and_splits(story, session):
    data = story.data(ZYMA, session)
    [row] = [r for r in people() if r["Subject"] == session[:9]]
    assert data.subject.id == session[:9] and data.session.id == session
    tasks = {"1": "rest", "2": "mental_arithmetic"}
    assert data.session.task == tasks[session[-1]]
    assert data.session.recording_year == int(row["Recording year"])
    assert data.subject.age_years == int(row["Age"])
    assert data.subject.age == 365.25 * int(row["Age"])
    assert data.subject.sex == {"F": "FEMALE", "M": "MALE"}[row["Gender"]]
    assert data.subject.subtractions == float(row["Number of subtractions"])
    assert data.subject.count_quality == ["bad", "good"][int(row["Count quality"])]
    end = data.domain.end[0]
    edges = [0, *(part.end[0] for part in parts(data))]
    assert np.allclose(edges, np.array([0, 0.7, 0.8, 1]) * end, atol=1 / 500)
    assert edges[1:] == [part.end[0] for part in parts(data)] and edges[-1] == end
    assert edges[:-1] == [part.start[0] for part in parts(data)]


def people():
    with open(SHARED_DATA / "physionet/eegmat/subject-info.csv", newline="") as file:
        return [*csv.DictReader(file)]


def test_what_the_docstring_says_of_the_files_is_so(story):
    assert len(people()) == 36
    assert Counter(r["Count quality"] for r in people()) == {"1": 26, "0": 10}
    patients = {s: story.edf(s).patient.split()[1] for s in REAL_EEGMAT[:2]}
    assert patients == {"Subject00_1": "M", "Subject00_2": "F"}
    assert people()[0]["Gender"] == "F"
    filters = {s["filters"] for x in REAL_EEGMAT for s in story.edf(x).signals}
    assert filters == {"", "HP:0.500000Hz LP:45.000000Hz RF:50Hz"}
    dates = {story.edf(s).fixed[168:173] for s in REAL_EEGMAT}
    assert dates == {b"01.01"}
    assert {story.edf(s).fixed[168:176] for s in REAL_RUNS} == {b"12.08.09"}
