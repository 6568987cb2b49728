"""A test class that authors of pipelines inherit for theirs."""

import fcntl
import inspect
import pickle
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brainsets.shared.manifest import Manifest
from brainsets.shared.text import manifest_cells as cells
from brainsets.testing.contents import differences
from brainsets.testing.trial import Evidence, Failure, Run, Trial

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "brainsets.testing needs pytest; install it with 'pip install pytest'."
    ) from error

__all__ = ["PipelineContract"]

# In the order in which a run can break them.
_PROMISES = (
    "settings",
    "environment",
    "arguments",
    "listing",
    "table",
    "download",
    "processed_dir",
    "process",
    "outputs",
)


class PipelineContract:
    """Tries one asset of a pipeline in the real workflow, and checks what came out.

    Inherit from it in a file ``test_*.py`` and name the pipeline. Each test is one
    promise, so a failing one says what to mend. All of them look at the same few runs
    of Snakemake, made in a temporary folder when the first test asks for them: an
    ordinary one, the same again, one that lists and processes again, and one that
    downloads again over raw files that are cut short. So the archive is asked twice for
    the list and for the asset, and ``process`` runs three times.

    Attributes
    ----------
    pipeline : str or Path
        Its folder or file, relative to the file of the test, or a name.
    args : str or sequence of str
        The pipeline's own arguments. What is known only when tests run, such as the
        address of a local server, can be set by a fixture with the scope of the class.
    asset : str, optional
        The asset to try; by default the first of the manifest. Choose a small one.
    environment : str
        As in the settings: ``isolated``, the environment that the pipeline declares, or
        ``active``, this interpreter.
    may_differ : str
        The reason why processing the same recording twice gives different files, where
        that is right; by default it is not.
    may_be_unfit : str
        The reason why files in the layout of temporaldata need not be fit for training,
        where that is right; by default they have to be, see ``brainsets check``.
    timeout_s : float
        Seconds after which a download, or the processing, is stopped and has failed.

    Examples
    --------
    >>> class TestMine(PipelineContract):
    ...     pipeline = "pipeline.py"
    ...     args = "--base-url https://mirror.example.org/"
    ...     asset = "s01"
    """

    pipeline: str | Path = ""
    args: str | Sequence[str] = ""
    asset: str | None = None
    environment: str = "isolated"
    may_differ: str = ""
    may_be_unfit: str = ""
    timeout_s: float = 3600

    evidence: Evidence

    @pytest.fixture(autouse=True)
    def _gathered(
        self, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
    ) -> None:
        """Have the evidence there; it is gathered once for all tests of the class."""
        cls = type(self)
        if "evidence" not in vars(cls):
            cls._check_attributes()
            shared = tmp_path_factory.getbasetemp()
            if hasattr(pytestconfig, "workerinput"):
                # Each worker of pytest-xdist has a folder of its own inside this one.
                shared = shared.parent
            file = shared / f"{cls.__module__}.{cls.__qualname__}.evidence"
            cls.evidence = _made_once(file, cls._gather)

    @classmethod
    def _gather(cls) -> Evidence:
        beside = Path(inspect.getfile(cls)).parent / Path(cls.pipeline).expanduser()
        # A blank and a letter that is not ASCII, as people's folders have; and not the
        # word "test", which some published pipelines look for in a path.
        root = tempfile.mkdtemp(prefix="brains é ")
        try:
            return Trial(
                Path(root).resolve(),
                pipeline=str(beside.resolve() if beside.exists() else cls.pipeline),
                args=cls.args,
                asset=None if cls.asset is None else str(cls.asset),
                environment=cls.environment,
                timeout_s=cls.timeout_s,
            ).conduct()
        finally:
            shutil.rmtree(root, ignore_errors=True)

    @classmethod
    def _check_attributes(cls) -> None:
        if not cls.pipeline:
            _fail(
                f"{cls.__name__} names no pipeline; set its attribute pipeline to a "
                "folder, a file or a name."
            )

    def test_pipeline_is_found_and_names_its_folder(self) -> None:
        """The file is there, and ``brainset_id`` in it can name a folder."""
        self._kept("settings")

    def test_environment_can_be_built(self) -> None:
        """The packages that the pipeline declares can be installed together."""
        self._kept("environment")

    def test_arguments_are_understood(self) -> None:
        """The pipeline's own parser takes the arguments."""
        self._kept("arguments")

    def test_get_manifest_lists_the_asset(self) -> None:
        """``get_manifest`` ends well, and the asset is in its list."""
        self._kept("listing")

    def test_manifest_is_a_table_of_unique_ids(self) -> None:
        """Each asset has one id, and each cell reads back as it was written."""
        self._kept("table")
        manifest = _manifest(self.evidence.first)
        for asset, fields in manifest.rows.items():
            for column, text in zip(manifest.columns, fields):
                if cells.write(cells.parse(text, column.type), column.type) != text:
                    _fail(
                        f"manifest, asset {asset!r}: column {column.name!r} reads "
                        f"{text!r}, which is not what is read back."
                    )

    def test_download_fetches_the_asset(self) -> None:
        """``download`` ends well."""
        self._kept("download")

    def test_download_leaves_processed_dir_alone(self) -> None:
        """``download`` writes into ``raw_dir`` only."""
        self._kept("processed_dir")

    def test_process_converts_the_asset(self) -> None:
        """``process`` ends well, and the asset is DONE."""
        self._kept("process")
        first = self.evidence.first
        if not first.failure and not first.done:
            _fail(f"{self.evidence.asset!r} is not DONE, although no step failed.")

    def test_outputs_are_whole(self) -> None:
        """Each file can be published, and HDF5 files can be read to their end."""
        self._kept("outputs")
        for path, output in self.evidence.first.outputs.items():
            if output.unreadable:
                _fail(f"{path} cannot be read to its end: {output.unreadable}.")

    def test_outputs_can_be_trained_on(self) -> None:
        """Nothing in files of temporaldata stops a training loop from using them."""
        first = self._prepared()
        if self.may_be_unfit:
            pytest.skip(f"outputs may be unfit for training: {self.may_be_unfit}")
        for path, output in first.outputs.items():
            if output.problems:
                more = len(output.problems) - 1
                rest = f" (and {more} more)" if more else ""
                _fail(
                    f"{path} cannot be trained on: {output.problems[0]}{rest} If that "
                    "is right, set may_be_unfit to the reason."
                )

    def test_outputs_are_listed_with_size_and_checksum(self) -> None:
        """There is an output, and DONE describes each as it is."""
        first = self._prepared()
        if first.done.get("skipped") is not None:
            _fail(
                f"{self.evidence.asset!r} is skipped ({first.done['skipped']}); "
                "try another one as asset."
            )
        if not first.done["outputs"]:
            _fail(
                f"process wrote no file for {self.evidence.asset!r} into "
                "processed_dir; if this recording has none, try another one as asset."
            )
        for listed in first.done["outputs"]:
            found = first.outputs.get(listed["path"])
            if found is None:
                _fail(f"{listed['path']} is listed in DONE, but is not there.")
            elif (found.bytes, found.sha256) != (listed["bytes"], listed["sha256"]):
                _fail(f"{listed['path']} is not the file that DONE describes.")

    def test_each_step_has_its_log(self) -> None:
        """The logs of listing, download and process are there, from start to end."""
        self._prepared()
        logs = self.evidence.logs
        if not logs["write_manifest"]:
            _fail("the log of write_manifest is empty.")
        for step, state in (("download", "DOWNLOADED"), ("process", "DONE")):
            text = logs[f"{step}_asset"]
            for part in (f"{step} ", f"{step}: {state} after "):
                if not any(line.startswith(part) for line in text.splitlines()):
                    _fail(f"the log of {step} has no line {part!r}:\n{text}")

    def test_nothing_is_left_in_staging(self) -> None:
        """What was written on the way is gone."""
        self._prepared()
        for path in self.evidence.leftovers:
            _fail(f"{path} was left behind; can it be removed?")

    def test_nothing_is_written_elsewhere(self) -> None:
        """Files go into ``raw_dir`` and ``processed_dir``, not beside the pipeline."""
        self._prepared()
        strays = self.evidence.strays
        if strays:
            more = f", and {len(strays) - 3} more" if len(strays) > 3 else ""
            _fail(
                f"{', '.join(strays[:3])}{more}; write into self.raw_dir in download, "
                "and into self.processed_dir in process."
            )

    def test_second_run_has_nothing_to_do(self) -> None:
        """A finished asset stays finished."""
        first, second = self._prepared(), self.evidence.second
        self._ended_well(second, "the second run")
        if second.marks != first.marks:
            _fail(
                "a second run, with nothing changed, did this again: "
                f"{'; '.join(second.steps)}. Does the pipeline write into its folder?"
            )

    def test_listing_again_changes_no_row(self) -> None:
        """``get_manifest`` says the same of an asset when it is asked again."""
        first, again = self._prepared(), self.evidence.again
        if _was_not_listed(again):
            _fail(f"the assets could not be listed a second time: {again.failure}")
        before, after = _manifest(first), _manifest(again)
        for asset in {*before.rows} ^ {*after.rows}:
            _fail(
                f"asset {asset!r} is in only one of two lists that were made one after "
                "the other; ids must stay the same."
            )
        for asset in before.rows:
            if before.row_hash(asset) != after.row_hash(asset):
                _fail(
                    f"the row of asset {asset!r} is another one when the assets are "
                    "listed again, so it would be prepared anew each time; leave out "
                    "what changes by itself:\n"
                    f"{before.rows[asset]}\n{after.rows[asset]}"
                )

    def test_processing_again_gives_the_same_outputs(self) -> None:
        """The same recording and code make the same files."""
        first, again = self._prepared(), self.evidence.again
        if self.may_differ:
            pytest.skip(f"outputs may differ: {self.may_differ}")
        if _was_not_listed(again):
            pytest.skip("it was not processed again, as listing again failed")
        self._ended_well(again, "processing a second time")
        self._same(first, again, "processed a second time")

    def test_redownload_mends_truncated_raw_files(self) -> None:
        """With ``--redownload``, files that are cut short are fetched again.

        The workflow sets it after an attempt that was killed or failed half-way.
        """
        first, evidence = self._prepared(), self.evidence
        if not evidence.has_redownload:
            pytest.skip("the pipeline's parser has no flag --redownload")
        if not evidence.raw_bytes:
            pytest.skip("download wrote no file that could be cut short")
        if _was_not_listed(evidence.again):
            pytest.skip("it was not fetched again, as listing again failed")
        self._ended_well(evidence.mended, "with raw files cut short, --redownload")
        for name, size in evidence.raw_bytes.items():
            found = evidence.mended_bytes.get(name, size)
            if found != size:
                _fail(
                    f"{name} was cut to {size // 2} of {size} bytes, and has "
                    f"{found} after --redownload; fetch it again if "
                    "self.args.redownload is set."
                )
        if not self.may_differ:
            self._same(first, evidence.mended, "downloaded a second time")

    def _same(self, first: Run, later: Run, how: str) -> None:
        found = differences(first.outputs, later.outputs)
        if found:
            _fail(
                f"{self.evidence.asset!r} gave other files when it was {how}: "
                f"{'; '.join(found)}. If that is right, set may_differ to the reason."
            )

    def _kept(self, promise: str) -> None:
        """Fail if the first run broke this promise, skip if it did not come so far."""
        failure = self.evidence.first.failure
        broken = _promise(failure)
        if broken == promise:
            _fail(str(failure))
        if failure and _PROMISES.index(broken) < _PROMISES.index(promise):
            pytest.skip(f"not reached: {failure.step} failed")

    def _prepared(self) -> Run:
        """Return the first run; skip if it did not prepare the asset."""
        first = self.evidence.first
        if first.failure:
            pytest.skip(f"not reached: {first.failure.step} failed")
        return first

    def _ended_well(self, run: Run, what: str) -> None:
        if run.failure:
            _fail(f"{what}: {run.failure}")


def _made_once(file: Path, make: Callable[[], Evidence]) -> Evidence:
    """Return what a file holds; whoever is first makes it, the others wait."""
    with open(file.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if file.exists():
            known: Evidence = pickle.loads(file.read_bytes())
            return known
        evidence = make()
        file.write_bytes(pickle.dumps(evidence))
        return evidence


def _promise(failure: Failure | None) -> str:
    """Return which promise a failure breaks, "" if there is none."""
    if failure is None:
        return ""
    if failure.step == "build_environment":
        return "environment"
    if failure.step == "write_manifest":
        kinds = {"UsageError": "arguments", "ManifestError": "table"}
        return kinds.get(failure.error, "listing")
    if failure.step in ("download", "process"):
        # The step itself went well, but the workflow cannot take what it wrote.
        refused = {"download": "processed_dir", "process": "outputs"}
        is_refused = failure.error == "OutputError"
        return refused[failure.step] if is_refused else failure.step
    return "settings"


def _manifest(run: Run) -> Manifest:
    assert run.manifest is not None, "a listing that ended well leaves one"
    return run.manifest


def _was_not_listed(run: Run) -> bool:
    return _promise(run.failure) in ("arguments", "listing", "table")


def _fail(sentence: Any) -> None:
    # The author's code is not in our traceback, so it would only hide the sentence.
    pytest.fail(sentence, pytrace=False)
