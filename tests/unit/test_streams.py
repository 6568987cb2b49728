"""Whatever a terminal, a pipe or a log is, text is what comes out, and all of it."""

import io
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from brainsets.commands.main import main
from brainsets.display.dry_run import PlannedJobs
from brainsets.display.screens import LineScreen
from brainsets.display.status_table import print_status_table
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.asset_names import AssetNames
from brainsets.shared.text.streams import (
    escape_controls,
    escape_controls_in_parts,
    make_safe,
)
from tests.helpers.sentinel_files import History, Step, write_brainset
from tests.helpers.workspace import ROOT

STEP = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
# A title, the clipboard, clearing, a cursor that moves, a bell, what hides what stands
# before it, C1 controls, an order of letters that is not theirs, a link.
STEERING = (
    "\x1b]0;title\x07\x1b]52;c;cm0=\x07\x1b[2J\x1b[3A\a\b\x9b2J\x9d0;t\x9c\u202egnp."
    "\x1b[?1049h\x1bc\x1b[8m\x0e\x7f\x1b]8;;http://a\x1b\\\\\u2028\x00"
)
ODD_IDS = ["é-µV", "李-01", "\udcfc", "[red]x[/]", f"a{STEERING}", "plain"]
SGR = re.compile(r"\x1b\[[0-9;:]*m")
TEXTS = st.text(st.characters() | st.sampled_from("\x1b[m2J;\r\n\t\x9b")) | st.builds(
    "".join, st.lists(st.sampled_from([STEERING, "\x1b[31m", "é", "\r\n", "\r", "x"]))
)


@given(TEXTS)
@example(STEERING)
@example("10%\r20%\r\ndone\n")
def test_nothing_in_a_text_steers_a_terminal(text):
    plain = escape_controls(text)
    assert all(char.isprintable() or char in "\n\t" for char in plain)
    coloured = escape_controls(text, colours=True)
    assert SGR.sub("", coloured).replace("\n", "").replace("\t", "").isprintable()
    if text.isprintable():
        assert plain == coloured == text
    assert plain.count("\n") == text.count("\n")


@given(st.lists(TEXTS, max_size=5), st.booleans())
@example(["\x1b", "[3", "1mred\r", "\nx\r"], True)
@example(["\x1b[" + "1" * 50 + "m"], True)
def test_a_text_in_parts_is_shown_as_the_whole(parts, colours):
    whole = escape_controls("".join(parts), colours=colours)
    reset = "\x1b[0m" if "\x1b" in whole else ""
    assert "".join(escape_controls_in_parts(parts, colours=colours)) == whole + reset


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Results of assets that are called and fail like nothing that can be printed."""
    root = tmp_path_factory.mktemp("odd")
    folder = BrainsetFolder(root / "odd")
    errors = [("ValueError", f"électrode µV [bold] {STEERING}")]
    kinds = ["not processed", "done", "processing", "processing, interrupted"]
    stories = {
        asset: History(kind, STEP, STEP, 1, [], errors)
        for asset, kind in zip(ODD_IDS, kinds + kinds)
    }
    write_brainset(folder, stories)
    for name in folder.status.glob("*.RUNNING"):
        record = json.loads(name.read_text(encoding="utf-8"))
        odd = {"status": f"läuft {STEERING}", "step": STEERING, "started": STEERING}
        name.write_text(json.dumps({**record, **odd}), encoding="utf-8")
    log = folder.log("process_asset", "plain")
    log.parent.mkdir(parents=True)
    log.write_bytes(f"{STEERING}µ\x1b[31mred\r\n".encode() + b"\xff\x9b2J\rend")
    folder.listing_failure.write_text(json.dumps({"step": STEERING}))
    return folder


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--failed"],
        ["--asset", "*"],
        ["--json"],
        ["--log", "plain"],
        ["--log", "\udcfc\x1b[2J"],
    ],
    ids=lambda options: " ".join(options) or "table",
)
def test_status_shows_all_on_any_stream(prepared, monkeypatch, encoding, options):
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
        for _ in range(2)
    ]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    told = ["status", "--processed-dir", str(prepared.root.parent), *options]
    code = main(told)
    output, errors = (stream.buffer.getvalue() for stream in streams)
    text = (output + errors).decode(encoding)
    assert all(char.isprintable() or char == "\n" for char in text)
    if options[:1] == ["--log"]:
        assert code == (0 if options[1] == "plain" else 2)
        assert "Traceback" not in text
        if code == 0:
            assert "red" in text and "\\xff\\x9b2J\\rend" in text
        return
    assert code == 1
    if options == ["--json"]:
        [told] = json.loads(text)["brainsets"]
        assert told["total"] == len(ODD_IDS)
        assert {"é-µV", "a" + STEERING} == {each["asset"] for each in told["failed"]}
        return
    assert "FAILED odd" in text and "\\x1b]52;c;cm0=\\x07" in text and "[bold]" in text
    assert "électrode µV" in text or encoding == "ascii"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_lines_of_a_run_are_text_on_any_stream(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    LineScreen(stream).tell(f"FAILED 李 µ: {STEERING}")
    text = stream.buffer.getvalue().decode(encoding)
    assert text.endswith("\n") and text[:-1].isprintable()
    assert text.startswith("FAILED \\u674e ") and "\\x1b[2J" in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_columns_of_a_dry_run_stay_in_line(encoding):
    names = AssetNames(dict.fromkeys(["é", "李李", "plain", "\udcfc"]))
    run = SimpleNamespace(
        brainsets={"apple": None},
        manifest=lambda brainset: SimpleNamespace(rows=list(names), names=names),
        reason_of=lambda brainset, asset: "new",
    )
    jobs = PlannedJobs(run)
    for name in names.values():
        wildcards = {"brainset": "apple", "asset": name}
        jobs.add(SimpleNamespace(rule_name="process_asset", wildcards=wildcards))
    lines = [line for line in jobs.lines(encoding) if line.endswith("  new")]
    assert len(lines) == 4
    for line in lines:
        line.encode(encoding)
    assert len({cell_len(line.partition("process")[0]) for line in lines}) == 1


def test_the_closing_table_is_no_trouble_where_nobody_reads(prepared, monkeypatch):
    class Gone(io.TextIOWrapper):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone(io.BytesIO(), encoding="ascii"))
    print_status_table([type("Brainset", (), {"folder": prepared})])


def test_streams_that_are_no_files_stay_as_they_are():
    make_safe(io.StringIO(), object())


def status(prepared, **options):
    command = [sys.executable, "-m", "brainsets", "status", "--processed-dir"]
    return subprocess.run(
        [*command, prepared.root.parent],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        **options,
    )


def test_output_that_cannot_be_written_is_one_sentence_or_silence(prepared):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        gone = status(prepared, stdout=pipe)
    assert gone.returncode == 141 and gone.stderr == ""
    with open("/dev/full", "w") as full:
        full = status(prepared, stdout=full)
    assert full.returncode == 2
    assert full.stderr.startswith("brainsets: ") and full.stderr.count("\n") == 1
    assert "No space left" in full.stderr
    closed = status(prepared, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 1 and closed.stderr == ""
