"""Failures of one cause are one group, whatever is particular to each asset."""

from brainsets.report.failure_groups import causes


def failed(message, error="ValueError", step="process", transient=False):
    last = {"error": error, "message": message, "transient": transient}
    return {"step": step, "attempts": [{"error": "Older"}, last]}


def test_messages_that_differ_in_names_and_numbers_are_one_cause():
    groups = causes(
        [
            ("s1", failed("file '/data/s1.edf' holds 3 of 20,000 samples")),
            ("s2", failed('file "/data/x y/s2.edf" holds 17 of 20,000 samples')),
            ("s3", failed("s3 has no events\nsecond line")),
            ("s4", failed("s4 has no events")),
            ("s5", failed("/data/s5.edf:12: broken")),
            ("s6", failed("s4 has no spikes")),
            ("s7", failed("/other/s7.edf:9: broken", step="download")),
            ("s8", failed("/data/s8.edf:1: broken", error="OSError")),
            ("s9", failed("/d/s9.edf:1: broken")),
        ]
    )
    assert [group.assets for group in groups] == [
        ["s1", "s2"],
        ["s3", "s4"],
        ["s5", "s9"],
        ["s6"],
        ["s7"],
        ["s8"],
    ]
    assert groups[1].message == "s3 has no events"
    assert groups[4].step == "download" and groups[5].error == "OSError"


def test_largest_group_comes_first_and_nothing_is_lost():
    one = [("a", failed("rare", transient=True))]
    many = [(f"b{n}", failed("common")) for n in range(40)]
    groups = causes(one + many)
    assert [len(group.assets) for group in groups] == [40, 1]
    assert groups[1].transient and not groups[0].transient
    assert [len(group.records) for group in groups] == [40, 1]


def test_sentinels_that_say_little_are_grouped_all_the_same():
    [group] = causes([("a", {}), ("b", {"attempts": []})])
    assert group.assets == ["a", "b"]
