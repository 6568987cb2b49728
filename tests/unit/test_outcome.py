"""What the table of states says beneath itself, however much there is to say."""

from pathlib import Path

from brainsets.planning.outcome import outcome
from brainsets.planning.status import BrainsetStatus

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
    _, *lines = outcome([many(80)])
    for state, option in KINDS.values():
        named = sum(f"{state}[/] apple" in line for line in lines)
        assert 0 < named < 80
        assert (
            f"... and {80 - named} more of apple are {state}: "
            f"see 'python -m brainsets status {option}'." in lines
        )


def test_nothing_is_left_out_where_all_is_asked_for_or_there_is_little():
    for count, whole in ((80, True), (5, False)):
        _, *lines = outcome([many(count)], whole=whole)
        for state, _ in KINDS.values():
            assert sum(f"{state}[/] apple" in line for line in lines) == count
        assert not any("more of" in line for line in lines)
