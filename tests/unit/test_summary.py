"""summary.tsv says what the sentinels say, and nothing else."""

import os
import socket
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.summary import COLUMNS, summarize_run, write_summary
from brainsets.shared.text.escapes import escape
from tests.helpers.sentinel_files import STORIES, TEXTS, write_brainset

STATES = {
    "nothing": "PENDING",
    "fetching": "RUNNING",
    "fetching, interrupted": "INTERRUPTED",
    "not fetched": "FAILED",
    "fetched": "DOWNLOADED",
    "processing": "RUNNING",
    "processing, interrupted": "INTERRUPTED",
    "not processed": "FAILED",
    "done": "DONE",
}
# How far an asset must have come for a step to have ended, one way or the other.
FETCHED = {"fetched", "processing", "processing, interrupted", "not processed", "done"}
PROCESSED = {"not processed", "done"}


class Brainset:
    def __init__(self, root):
        self.folder = BrainsetFolder(Path(root))


def read(folder):
    """Return the table, a mapping of texts per line."""
    lines = folder.summary.read_bytes().decode().split("\n")
    assert lines.pop() == "" and lines[0].split("\t") == [*COLUMNS]
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines[1:]]


def number(text):
    return float(text) if text else None


@given(st.dictionaries(TEXTS.filter(bool), STORIES, max_size=6))
def test_summary_agrees_with_the_sentinels(stories):
    with tempfile.TemporaryDirectory() as root:
        folder = BrainsetFolder(Path(root))
        write_brainset(folder, stories)
        write_summary(folder)
        rows = read(folder)
    assert [row["asset"] for row in rows] == [escape(a) for a in stories]
    for row, story in zip(rows, stories.values()):
        assert row["state"] == STATES[story.how_far]
        ended = story.download if story.how_far in FETCHED | {"not fetched"} else None
        assert number(row["download_wall_s"]) == (ended and ended.wall_s)
        assert number(row["download_cpu_s"]) == (ended and ended.cpu_s)
        peaks = [ended.max_rss_mb] if ended else []
        fetched = story.raw_bytes if story.how_far in FETCHED else None
        assert number(row["bytes_in"]) == fetched
        processed = story.process if story.how_far in PROCESSED else None
        assert number(row["process_wall_s"]) == (processed and processed.wall_s)
        assert number(row["process_cpu_s"]) == (processed and processed.cpu_s)
        peaks += [processed.max_rss_mb] if processed else []
        assert number(row["max_rss_mb"]) == max(peaks, default=None)
        outputs = story.outputs if story.how_far == "done" else []
        assert row["outputs"] == ";".join(path for path, _ in outputs)
        assert (number(row["bytes_out"]) or 0) == sum(size for _, size in outputs)
        assert (row["bytes_out"] == "") == (story.how_far != "done")
        if row["state"] in ("RUNNING", "INTERRUPTED"):
            told = ["7", socket.gethostname(), ""]
        else:
            last = processed or ended
            told = [str(last.attempt), last.host, last.ended] if last else [""] * 3
        shown = [row["attempts"], row["host"], row["ended"]]
        assert shown == [*map(escape, told)]
        failed = row["state"] == "FAILED"
        error, message = story.errors[-1]
        told = f"{error}: {message.partition(chr(10))[0]}"
        assert row["error"] == (escape(told) if failed else "")


@given(st.dictionaries(TEXTS.filter(bool), STORIES, min_size=1, max_size=3))
def test_a_summary_that_says_the_same_is_not_written_again(stories):
    with tempfile.TemporaryDirectory() as root:
        folder = BrainsetFolder(Path(root))
        write_brainset(folder, stories)
        write_summary(folder)
        os.utime(folder.summary, ns=(0, 0))
        write_summary(folder)
        assert folder.summary.stat().st_mtime_ns == 0
        folder.summary.write_text("something else")
        write_summary(folder)
        assert len(read(folder)) == len(stories)


def test_a_brainset_without_a_list_keeps_no_other_from_its_summary(tmp_path, capsys):
    none, broken, good = (Brainset(tmp_path / name) for name in ("a", "b", "c"))
    write_brainset(broken.folder, {})
    broken.folder.manifest.write_text("another column\n")
    write_brainset(good.folder, {})
    summarize_run([none, broken, good])
    assert read(good.folder) == []
    assert not none.folder.workflow.exists() and not broken.folder.summary.exists()
    [line] = capsys.readouterr().err.splitlines()
    assert str(broken.folder.summary) in line and "not written" in line
