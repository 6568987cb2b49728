"""What the table of states says beneath itself, however much there is to say."""

import os
from pathlib import Path

from brainsets.display.status_table import status_table
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.status import BrainsetStatus, brainset_status
from tests.helpers.sentinel_files import History, Step, write_brainset

KINDS = {
    "failures": ("FAILED", "--failed"),
    "running": ("RUNNING", "--asset '*'"),
    "interrupted": ("INTERRUPTED", "--pending"),
}


def many(count):
    told = [
        {
            "asset": f"sub-{number:02}",
            "step": "process",
            "status": "SORTING",
            "started": "2026-01-01T00:00:00+00:00",
            "log": "process.log",
            "type": "ValueError",
            "message": "electrode 7 is missing",
        }
        for number in range(count)
    ]
    return BrainsetStatus(
        "apple", Path("apple"), 3 * count, {}, **dict.fromkeys(KINDS, told)
    )


def test_what_is_left_out_is_counted_with_the_way_to_see_it():
    _, *lines = status_table([many(80)])
    for state, option in KINDS.values():
        named = sum(f"{state}[/] apple" in line for line in lines)
        assert 0 < named < 80
        assert (
            f"... and {80 - named} more of apple are {state}: "
            f"see 'brainsets status {option}'." in lines
        )


def test_nothing_is_left_out_where_all_is_asked_for_or_there_is_little():
    for count, whole in ((80, True), (5, False)):
        _, *lines = status_table([many(count)], whole=whole)
        for state, _ in KINDS.values():
            assert sum(f"{state}[/] apple" in line for line in lines) == count
        assert not any("more of" in line for line in lines)


def test_assets_that_are_done_without_any_file_are_counted(tmp_path):
    step = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
    folder = BrainsetFolder(tmp_path / "apple")
    errors = [("ValueError", '"outputs": []')]
    stories = {
        "a": History("done", step, step, 1, []),
        "b": History("done", step, step, 1, []),
        "c": History("done", step, step, 1, [("c.h5", 1)]),
        "d": History("not processed", step, step, 1, [], errors),
        "e": History("nothing", step, step, 1, []),
    }
    write_brainset(folder, stories)
    # Whatever is in the place of a DONE, it is not waited for.
    os.mkfifo(folder.sentinel("e", "DONE"))
    status = brainset_status(folder)
    assert status.without_files == 2
    assert status.as_json()["done_without_files"] == 2
    _, line, *_ = status_table([status])
    assert line.startswith("apple: 2 of 5 are DONE without any file: ")
    assert "outputs" in line and str(folder.summary) in line
    status = BrainsetStatus("apple", folder.root, 5, {})
    assert not any("without" in str(line) for line in status_table([status]))
