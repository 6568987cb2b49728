"""Make the report of brainsets that have been prepared, as one file."""

import os
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from brainsets.errors import ReportError
from brainsets.report.data.outputs import inspect_outputs, outputs_of
from brainsets.report.page import page
from brainsets.report.records import commit_of, read_facts
from brainsets.shared.files import write_atomically
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.streams import print_to_stderr

__all__ = ["make_report"]

_ROOT = Path(__file__).resolve().parents[2]
_PROGRESS_S = 5.0


def make_report(
    folders: Sequence[BrainsetFolder], target: Path, stylesheet: Path | None = None
) -> None:
    """Write the report.

    Parameters
    ----------
    folders : sequence of BrainsetFolder
        Those of the brainsets, in the order in which they are shown.
    target : Path
        An ``.html`` file, or a ``.zip`` file with the page in it.
    stylesheet : Path, optional
        More CSS for the page.

    Raises
    ------
    ReportError
        The file has another ending, or cannot be written.
    """
    if target.suffix not in (".html", ".zip"):
        raise ReportError(
            f"{target}: a report is a page or an archive with one; "
            "give a name that ends with .html or .zip."
        )
    parts = []
    for folder in folders:
        facts = read_facts(folder)
        outputs = outputs_of(folder, facts.done)
        inspect_outputs(folder, outputs, _Progress(facts.brainset))
        parts.append((facts, outputs))
    try:
        more = stylesheet.read_text(encoding="utf-8") if stylesheet else ""
        text = page(parts, commit=commit_of(_ROOT), stylesheet=more)
        if target.suffix == ".html":
            write_atomically(target, text.encode("utf-8", "backslashreplace"))
        else:
            _write_archive(target, text)
    except UnicodeDecodeError as error:
        raise ReportError(f"{stylesheet} is not UTF-8 text: {error}.") from error
    except OSError as error:
        raise ReportError(
            f"the report cannot be made: {error.filename}: {error.strerror}."
        ) from error
    print_to_stderr(f"report: {target}, {target.stat().st_size / 1e6:.1f} MB")


def _write_archive(target: Path, text: str) -> None:
    partial = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{target.stem}/report.html", text)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


class _Progress:
    """Says on stderr how many outputs have been inspected, every few seconds."""

    def __init__(self, brainset: str) -> None:
        self.brainset, self.said_s = brainset, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.said_s > _PROGRESS_S:
            self.said_s = time.monotonic()
            print_to_stderr(f"report: read {done} of {total} files of {self.brainset}")
