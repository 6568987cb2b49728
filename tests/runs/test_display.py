"""What a run shows: on a terminal, in a pipe, and where Snakemake itself speaks."""

import os
import re
import signal

import pytest
from rich.cells import cell_len

from tests.helpers.dry_runs import planned_assets
from tests.helpers.small_pipeline import write
from tests.helpers.terminal import Terminal
from tests.helpers.waiting import wait_for
from tests.helpers.workspace import ROOT

TIMED = re.compile(r"^\d\d:\d\d:\d\d ")
SLOW = """
    assets = ["a", "b", "c"]

    def process(self, row):
        self.update_status("SORTING block 2 of 7")
        go = self.raw_dir / "go"
        while not go.exists():
            time.sleep(0.05)
        if row.Index == "c":
            raise ValueError("electrode 7 is [red]missing[/]")
        super().process(row)
"""


def timed(run):
    return [
        TIMED.sub("", line) for line in run.stdout.splitlines() if TIMED.match(line)
    ]


def started(workspace, *arguments, columns=80, environment=None, body=SLOW, **settings):
    """Start a run in a terminal, and wait until it shows an asset at work."""
    command = workspace.command(str(write(workspace, body)), *arguments, **settings)
    return Terminal(command, columns=columns, environment=environment, cwd=ROOT)


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_bars_assets_and_failures(workspace, columns):
    terminal = started(workspace, columns=columns)
    try:
        wait_for(lambda: "SORTING block 2 of 7" in terminal.shown)
        assert "FAILED" not in terminal.shown
        (workspace.raw_dir / "recorder" / "go").touch()
        assert terminal.wait() == 1
    finally:
        terminal.process.kill()
    shown = terminal.shown
    assert "0 of 3 done" in shown and "listing its assets" in shown
    lines = shown.splitlines()
    assert re.search(r"^  [abc] +process +SORTING block 2 of 7 +0:\d\d$", shown, re.M)
    bars = [line for line in lines if line.startswith("recorder ") and " done" in line]
    assert bars and max(map(len, lines)) <= max(columns, 120)
    assert max(map(len, bars)) < columns
    # At once, above the picture, and again in the table at the end.
    failure = "FAILED recorder c (process): ValueError: electrode 7 is [red]missing[/]"
    assert shown.count(failure) == 2
    assert re.search(r"recorder +2 +1 +0 +0 +0 +3", shown)
    assert shown.rindex(" of 3 done") < shown.index(" brainset ")
    for words in ("Job ", "Error in rule", "Finished jobid", "Select jobs"):
        assert words not in shown
    # Whatever ends it, nobody is left without a cursor.
    assert terminal.raw.rfind("\x1b[?25l") < terminal.raw.rfind("\x1b[?25h")


def test_no_color_means_none(workspace):
    waits = "while not go.exists()"
    body = SLOW.replace(waits, waits.replace("not", 'row.Index != "c" and not'))
    terminal = started(workspace, environment={"NO_COLOR": "1"}, body=body)
    try:
        wait_for(lambda: "1 failed" in terminal.shown)
        (workspace.raw_dir / "recorder" / "go").touch()
        assert terminal.wait() == 1
    finally:
        terminal.process.kill()
    # What comes before is said while Snakemake reads the settings.
    ours = terminal.raw.partition("Building DAG")[2]
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", ours)
    # Failed assets are told from finished ones by their marks.
    assert re.search(r"recorder +━*×+╌", terminal.shown)


def test_a_dumb_terminal_gets_plain_lines(workspace):
    body = 'assets = ["a"]'
    terminal = started(workspace, environment={"TERM": "dumb"}, body=f"    {body}")
    assert terminal.wait() == 0
    # The table at the end is rich's own.
    during = terminal.raw.partition(" brainset ")[0]
    assert "recorder a: done (1 of 1 done)" in during and "\x1b[" not in during


def test_ctrl_c_ends_the_picture_and_shows_the_table(workspace):
    terminal = started(workspace)
    try:
        wait_for(lambda: "SORTING" in terminal.shown)
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.wait() == 1
    finally:
        terminal.process.kill()
    shown = terminal.shown
    assert "INTERRUPTED recorder" in shown[shown.index(" brainset ") :]
    assert shown.rindex(" of 3 done") < shown.index(" brainset ")
    # Once is enough.
    assert "without saying why" not in shown


def test_a_run_that_is_told_to_end_says_so_once(workspace):
    body = SLOW.replace('row.Index == "c"', "False")
    run = workspace.start(str(write(workspace, body)))

    def processing(asset):
        return (workspace.sentinel(asset, "RUNNING") or {}).get("step") == "process"

    wait_for(lambda: all(map(processing, "abc")))
    os.kill(run.pid, signal.SIGTERM)
    (workspace.raw_dir / "recorder" / "go").touch()
    ended = workspace.finish(run)
    assert ended.returncode == 1
    assert "(3 of 3 done)" in ended.stdout
    assert ended.stdout.count("Will exit after finishing") == 1


def test_a_pipe_gets_one_plain_line_per_event(workspace):
    rows = [{"id": "good"}, {"id": "tab\there", "behave": "raise"}]
    workspace.write_rows(rows)
    run = workspace.run(str(workspace.copy_pipeline()), "--retries", "1")
    assert run.returncode == 1
    lines = timed(run)
    assert lines[:2] == [
        "list the assets of recorder (new)",
        "recorder: its assets are listed",
    ]
    log = workspace.folder().log("process_asset", "tab%09here")
    failure = r"recorder tab\there: process FAILED: ValueError: electrode 7 is missing"
    failures = [line for line in lines if line.startswith(failure)]
    # Each attempt.
    assert len(failures) == 2 and all(f"; log: {log} (" in line for line in failures)
    assert r"recorder tab\there: is tried again" in lines
    assert sum(line.startswith("recorder good: done (") for line in lines) == 1
    assert sum(line.startswith("recorder good: downloaded (") for line in lines) == 1
    counts = {m[0] for m in re.findall(r"\((\d of 2 done(, 1 failed)?)\)", run.stdout)}
    assert counts <= {"0 of 2 done", "1 of 2 done"} | {
        f"{n} of 2 done, 1 failed" for n in (0, 1)
    }
    assert "\x1b" not in run.stdout and "Job " not in run.stdout
    # Snakemake's own log is whole.
    [first, *_] = sorted((workspace.root / ".snakemake" / "log").iterdir())
    assert "Error in rule process_asset:" in first.read_text()


def test_assets_of_batches_are_told_one_by_one(recorder):
    rows = [{"id": f"s{number}"} for number in range(5)]
    rows[1]["behave"] = "raise"
    recorder.write_rows(rows)
    run = recorder.run(str(recorder.pipeline), batch_size=3)
    assert run.returncode == 1
    told = timed(run)
    for number in (0, 2, 3, 4):
        assert sum(f"recorder s{number}: done (" in line for line in told) == 1
    assert sum("recorder s1: process FAILED: " in line for line in told) == 1
    assert any("(4 of 5 done, 1 failed)" in line for line in told)
    # What failed before is no news, and what is done counts.
    again = timed(recorder.run(str(recorder.pipeline), batch_size=3))
    assert [line for line in again if " FAILED: " in line] == [
        line for line in again if "recorder s1: process FAILED: " in line
    ]
    assert any("(4 of 5 done, 1 failed)" in line for line in again)


def test_outdated_results_do_not_count_before_they_are_made_anew(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "b"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    run = recorder.run(str(recorder.pipeline), "--forcerun", "process_asset", cores=1)
    assert run.returncode == 0
    told = [line.partition(": ")[2] for line in timed(run) if ": done (" in line]
    assert told == ["done (1 of 2 done)", "done (2 of 2 done)"]


def test_a_failed_list_is_told_at_once(workspace):
    broken = """
    @classmethod
    def get_manifest(cls, raw_dir, args):
        raise SystemExit("the archive is closed today")
"""
    run = workspace.run(str(write(workspace, broken)))
    assert run.returncode == 1
    log = workspace.folder().log("write_manifest")
    words = "recorder write_manifest: FAILED: the archive is closed today"
    assert f"{words}; log: {log}" in timed(run)


def test_nothing_to_do_is_said_and_imports_nothing_to_draw_with(recorder):
    recorder.write_rows([{"id": "a"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    run = recorder.run(str(recorder.pipeline))
    assert run.returncode == 0 and "Nothing to be done" in run.stdout


def test_what_snakemake_warns_of_is_shown(workspace):
    run = workspace.run(str(write(workspace, "")), "no/such/target")
    assert run.returncode == 1 and "MissingRuleException" in run.stdout


@pytest.mark.parametrize(
    "options, settings",
    [
        ((), {"display": "snakemake"}),
        (("--verbose",), {}),
        (("--printshellcmds",), {}),
        (("--quiet", "progress"), {}),
    ],
    ids=["setting", "verbose", "printshellcmds", "quiet"],
)
def test_snakemakes_own_output_is_back_where_it_is_asked_for(
    workspace, options, settings
):
    pipeline = str(write(workspace, ""))
    run = workspace.run(pipeline, *options, **settings)
    assert run.returncode == 0 and "Job " in run.stdout and not timed(run)


def test_quiet_all_says_nothing(workspace):
    run = workspace.run(str(write(workspace, "")), "--quiet", "all")
    assert run.returncode == 0
    said = run.stdout.splitlines()
    # What Snakemake says before it has read its own options.
    assert all(line.startswith("Using ") for line in said), run.stdout


def test_a_logger_plugin_gets_its_way(workspace):
    """A plugin on the path is what --logger names; the display stays away."""
    plugin = workspace.root / "snakemake_logger_plugin_mine"
    plugin.mkdir()
    plugin.joinpath("__init__.py").write_text(
        "from snakemake_interface_logger_plugins.base import LogHandlerBase\n"
        "class LogHandler(LogHandlerBase):\n"
        "    writes_to_stream = True\n"
        "    writes_to_file = has_filter = has_formatter = needs_rulegraph = False\n"
        "    def emit(self, record):\n"
        '        print("MINE", getattr(record, "event", None), flush=True)\n'
    )
    command = workspace.command(str(write(workspace, "")), "--logger", "mine")
    workspace.environment = {"PYTHONPATH": str(workspace.root)}
    run = workspace.finish(workspace.start_command(command))
    assert run.returncode == 0, run.stdout
    assert "MINE job_finished" in run.stdout and not timed(run)


def test_dry_run_counts_what_is_to_be_done(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "b", "behave": "raise"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    recorder.write_rows([{"id": asset} for asset in ("a", "b", "new one")])
    target = ("--forcerun", "write_manifest", "--until", "write_manifest")
    assert recorder.run(str(recorder.pipeline), *target).returncode == 0
    dry = recorder.run(str(recorder.pipeline), "--dry-run")
    found = planned_assets(dry.stdout)
    assert {asset: (x.steps, x.reason) for asset, x in found.items()} == {
        "b": ("download, process", "its row changed"),
        "new one": ("download, process", "new"),
    }
    assert "2 assets to run: 2 to download, 2 to process." in dry.stdout


def test_dry_run_lines_up_letters_of_two_columns(recorder):
    recorder.write_rows([{"id": asset} for asset in ("ascii", "東京")])
    list_them = ("--until", "write_manifest")
    assert recorder.run(str(recorder.pipeline), *list_them).returncode == 0
    dry = recorder.run(str(recorder.pipeline), "--dry-run")
    rows = [line for line in dry.stdout.splitlines() if "  download, process" in line]
    assert len(rows) == 2
    assert len({cell_len(line.partition("download")[0]) for line in rows}) == 1
