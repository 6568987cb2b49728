"""Both datasets of PhysioNet, prepared from a server on which much goes wrong.

The archive is prepared, mended and prepared again, once for all tests; they look at
what each of these runs printed, asked for and left.
"""

import hashlib
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.archive_server import ArchiveServer
from tests.helpers.edf import read_edf, write_edf
from tests.helpers.folders import files_below
from tests.helpers.stories import told_once
from tests.helpers.workspace import ROOT, SHARED_DATA, Workspace

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

# Evaluates expressions within a pipeline's module, in the pipeline's interpreter.
EVALUATE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from brainsets.jobs.code.loading import load_pipeline
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
        self.break_files(target / "S001" / "S001R03.edf")

    def break_files(self, whole: Path) -> None:
        """Make of a recording what a library reads all the same, or fails at."""
        content = whole.read_bytes()
        (self.root / "cut.edf").write_bytes(content[:-100_001])
        (self.root / "text.edf").write_bytes(content.replace(b"\n", b"\r\n"))
        (self.root / "gaps.edf").write_bytes(content.replace(b"EDF+C", b"EDF+D"))

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
        found = files_below(folder)
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
BROKEN = {
    name: f"read_eeg(Path('{{root}}/{name}.edf'))" for name in ("cut", "text", "gaps")
}
EXPRESSIONS = {
    SCHALK: [
        *BROKEN.values(),
        *DIVIDED.values(),
        *(MEANINGLESS, OUTSIDE, OTHER_ELECTRODES, KEPT, REPROCESSED),
        *(listing("run_15"), listing("all")),
    ],
    ZYMA: [OTHER_CHANNELS, OTHER_TABLE, listing("nobody"), listing("third")],
}


def told_story(tmp_path_factory):
    """Return what came of the runs."""
    return told_once(tmp_path_factory, "people é of physionet", Story)


def assert_volts(signal, edf, numbers, scale):
    """Whether a signal is what the file's integers mean, within what float32 holds."""
    assert signal.dtype == np.float32 and signal.shape[1] == len(numbers)
    for column, number in enumerate(numbers):
        expected = edf.physical(number)[: len(signal)] * scale[column]
        assert np.allclose(signal[:, column], expected, rtol=1e-6, atol=1e-12)


def parts(data):
    return data.train_domain, data.valid_domain, data.test_domain
