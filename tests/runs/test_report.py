"""The report holds the true numbers of a run, with failures in it or not."""

import csv
import hashlib
import json
import os
import re
import shutil
import zipfile
from html import escape

import h5py
import numpy as np
import pytest

from tests.helpers.reports import (
    Page,
    in_each_interpreter,
    report_command,
    snakemake_report,
)

ODD = "<b>&\"'$x$ [red]é\n</script>"
ROWS = [
    *({"id": f"good{n}", "value": n, "seconds": 0.05} for n in range(4)),
    {"id": ODD, "value": 9},
    {"id": "text", "behave": "text"},
    {"id": "bad7", "behave": "raise"},
    {"id": "bad8 <i>", "behave": "raise"},
    {"id": "leaves", "behave": "os._exit"},
    {"id": "unheard", "behave": "no answer"},
]


def summary(workspace):
    with open(workspace.folder().summary, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [*rows]


def assert_megabytes(shown, count):
    """Small files have a size, too, and none is told as 1e-06."""
    if count == "":
        assert shown == ""
        return
    assert float(shown.replace(",", "")) == pytest.approx(int(count) / 1e6, rel=0.05)
    assert "e" not in shown


@pytest.fixture(scope="module")
def reported(module_workspace):
    """A run with failures, and its report."""
    workspace = module_workspace
    workspace.pipeline = workspace.copy_pipeline("recorder")
    workspace.write_rows(ROWS)
    first = workspace.run(str(workspace.pipeline))
    assert first.returncode == 1, first.stdout
    files = workspace.folder().status.glob("[!.]*")
    before = {path: path.stat().st_mtime_ns for path in files}
    run, path = snakemake_report(workspace, str(workspace.pipeline))
    assert run.returncode == 0, run.stdout
    workspace.events()
    workspace.before, workspace.printed, workspace.path = before, run.stdout, path
    return workspace, Page(path)


def test_table_of_assets_is_the_summary(reported):
    workspace, page = reported
    rows, table = summary(workspace), page.tables["b0-assets"]
    assert [row["asset"] for row in table] == [
        " ".join(r["asset"].split()) for r in rows
    ]
    assert len(table) == len(ROWS)
    for row, shown in zip(rows, table):
        assert shown["state"] == row["state"]
        assert shown["error"] == " ".join(row["error"].split())
        for column, title in (
            ("download_wall_s", "download (s)"),
            ("process_wall_s", "process (s)"),
            ("max_rss_mb", "memory (MB)"),
            ("attempts", "attempts"),
            ("host", "host"),
        ):
            assert shown[title] == row[column]
        for column, title in (("bytes_in", "in (MB)"), ("bytes_out", "out (MB)")):
            assert_megabytes(shown[title], row[column])


def test_tiles_count_what_the_sentinels_say(reported):
    workspace, page = reported
    status = workspace.folder().status
    done = [json.loads(path.read_text()) for path in status.glob("*.DONE")]
    failed = [json.loads(path.read_text()) for path in status.glob("*.FAILED")]
    assert page.tiles["assets"] == str(len(ROWS))
    assert page.tiles["done"] == str(len(done)) == "6"
    assert page.tiles["failed"] == str(len(failed)) == "4"
    written = sum(output["bytes"] for d in done for output in d["outputs"])
    assert page.tiles["written"] == f"{written / 1e3:.3g} kB"
    fetched = [json.loads(path.read_text()) for path in status.glob("*.DOWNLOADED")]
    peak = max(record["max_rss_mb"] for record in [*done, *failed, *fetched])
    assert page.tiles["peak memory of a step"] == f"{peak:,.0f} MB"


def test_failures_are_grouped_by_cause(reported):
    workspace, page = reported
    assert len(page.failures) == 3
    [raised] = [text for text in page.failures if "electrode" in text]
    assert raised.startswith("2 × process: ValueError: electrode 7 is missing")
    assert "bad7, bad8 <i>" in raised and "Traceback" in raised
    assert workspace.sentinel("bad7", "FAILED")["log"] in raised
    [unheard] = [text for text in page.failures if "ConnectionError" in text]
    assert unheard.startswith("1 × download") and "may pass when tried again" in unheard


def test_provenance_is_told(reported):
    workspace, page = reported
    done = workspace.sentinel("good0", "DONE")
    for key in ("pipeline", "code", "host"):
        assert escape(done[key]) in page.source
    for package, version in done["versions"].items():
        assert f"{package} {version}" in page.text
    assert "A pipeline for tests" in page.text


def test_every_output_has_its_fields_and_its_size(reported):
    workspace, page = reported
    table = page.tables["b0-data"]
    outputs = [o for r in summary(workspace) for o in r["outputs"].split(";") if o]
    assert [row["file"] for row in table] == outputs and len(outputs) == 6
    for number, path in enumerate(outputs):
        file = workspace.folder().root / path
        assert_megabytes(table[number]["MB"], file.stat().st_size)
        if path.endswith(".txt"):
            assert f"b0-{number}" not in page.fields
            continue
        [field] = page.fields[f"b0-{number}"]
        with h5py.File(file) as opened:
            samples = opened["samples"][:]
        assert field["field"] == "samples" and field["shape"] == "20000"
        assert field["type"] == "float64" and field["missing (%)"] == "0"
        assert float(field["most"].replace(",", "")) == samples.max()
    assert "Not an HDF5 file." in page.source


def test_page_needs_nothing_but_itself(reported):
    _, page = reported
    for link in page.links:
        inside = link.startswith("data:image/png") or link[1:] in page.ids
        assert inside, link[:80]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", page.source)
    assert page.pictures["when each asset ran"][:4] == b"\x89PNG"
    # Nothing of an id is taken for markup.
    assert page.source.count("</script>") == 1
    assert '<b>&"' not in page.source and "<i>" not in page.source


def test_report_runs_nothing_and_changes_nothing(reported):
    workspace, _ = reported
    assert "Job " not in workspace.printed
    assert len(workspace.before) > len(ROWS)
    for path, changed in workspace.before.items():
        assert path.stat().st_mtime_ns == changed
    # A report is no run, and keeps nobody from one.
    again = workspace.run(str(workspace.pipeline), "--dry-run")
    assert again.returncode == 0 and "failed before" in again.stdout


def test_report_of_nothing_says_so(workspace):
    pipeline = workspace.copy_pipeline("recorder")
    run, path = snakemake_report(workspace, str(pipeline))
    assert run.returncode == 0, run.stdout
    assert Page(path).tiles["assets"] == "0"
    assert not workspace.folder().root.exists()


def test_report_of_a_list_that_failed_says_why(recorder):
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    _, path = snakemake_report(recorder, str(recorder.pipeline))
    [failure] = Page(path).failures
    assert failure.startswith("write_manifest failed:") and "rows.json" in failure


def test_report_can_follow_a_run_at_once(recorder):
    recorder.write_rows([{"id": "a"}])
    run, path = snakemake_report(
        recorder, str(recorder.pipeline), "--report-after-run", name="page.html"
    )
    assert run.returncode == 0, run.stdout
    assert Page(path).tiles["done"] == "1"


def digest(seen):
    """Return by what the report knows that it was itself that has seen this."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def test_what_was_seen_is_remembered_until_the_file_changes(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "b"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    arguments = ("--processed-dir", recorder.processed_dir, "--output")
    path = recorder.root / "page.html"
    assert report_command(recorder, *arguments, path).returncode == 0
    remembered = sorted((recorder.folder().workflow / "report").iterdir())
    assert len(remembered) == 2
    for file in remembered:
        seen = json.loads(file.read_text())
        seen["seen"]["n_units"] = 77
        seen["digest"] = digest(seen["seen"])
        file.write_text(json.dumps(seen))
    assert report_command(recorder, *arguments, path).returncode == 0
    assert [r["units"] for r in Page(path).tables["b0-data"]] == ["77", "77"]
    data = recorder.folder().root / "61.h5"
    os.utime(data, ns=(1, 1))
    assert report_command(recorder, *arguments, path).returncode == 0
    assert [r["units"] for r in Page(path).tables["b0-data"]] == ["", "77"]
    # What was remembered is a help, and no more.
    shutil.rmtree(recorder.folder().workflow / "report")
    data.write_bytes(data.read_bytes()[:-9])
    assert report_command(recorder, *arguments, path).returncode == 0
    page = Page(path)
    [hint] = [hint for hint in page.hints if "bytes" in hint]
    assert hint.startswith("it has ") and "when published" in hint
    data.unlink()
    assert report_command(recorder, *arguments, path).returncode == 0
    assert any("cannot be read: No such file" in hint for hint in Page(path).hints)


def test_a_file_that_crashes_its_reader_spoils_nothing(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "b"}, {"id": "c"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    code = """
import os, sys
if any("spawn_main" in word for word in sys.orig_argv):
    import h5py
    real = h5py.is_hdf5
    h5py.is_hdf5 = lambda path: os._exit(139) if path.stem == "62" else real(path)
"""
    path = recorder.root / "page.html"
    arguments = ("--processed-dir", recorder.processed_dir, "--output", path)
    environment = in_each_interpreter(recorder, code)
    done = report_command(recorder, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    page = Page(path)
    assert [h for h in page.hints if "crashed" in h] == [
        "it cannot be read: the process that did so crashed"
    ]
    assert {*page.fields} == {"b0-0", "b0-2"}


@pytest.mark.parametrize("missing", ["matplotlib", "h5py"])
def test_a_missing_library_is_one_sentence(recorder, missing):
    code = f"import sys; sys.modules[{missing!r}] = None"
    recorder.environment = in_each_interpreter(recorder, code)
    run, path = snakemake_report(recorder, str(recorder.pipeline))
    assert run.returncode == 2 and not path.exists()
    [line] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    assert f"needs {missing}," in line and "pip install -e '.[report]'" in line
    assert "Traceback" not in run.stdout


def test_only_pages_and_archives_are_written(recorder):
    recorder.write_rows([{"id": "a"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    path = recorder.root / "report.zip"
    arguments = ("--processed-dir", recorder.processed_dir, "--output")
    assert report_command(recorder, *arguments, path).returncode == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["report/report.html"]
        page = archive.read("report/report.html").decode()
    assert "recorder" in page
    refused = report_command(recorder, *arguments, recorder.root / "report.pdf")
    assert refused.returncode == 2 and ".html or .zip" in refused.stderr
    nowhere = recorder.root / "no" / "such"
    nowhere.parent.write_text("a file")
    refused = report_command(recorder, *arguments, nowhere / "report.html")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr


def test_of_many_outputs_some_are_drawn_and_all_are_told(workspace):
    from brainsets.report.data.outputs import MAX_PICTURES, outputs_of
    from brainsets.report.records import read_facts
    from tests.helpers.sentinel_files import History, Step, write_brainset

    step = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
    count = 3 * MAX_PICTURES
    stories = {
        f"a{n}": History("done", step, step, 1, [(f"a{n}.h5", 1)]) for n in range(count)
    }
    folder = workspace.folder("many")
    write_brainset(folder, stories)
    outputs = outputs_of(folder, read_facts(folder).done)
    drawn = [number for number, output in enumerate(outputs) if output.is_drawn]
    assert len(outputs) == count and len(drawn) == MAX_PICTURES
    assert {*np.diff(drawn)} == {3}
