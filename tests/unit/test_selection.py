"""Assets are chosen by id or glob, and a wrong choice is said with its neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import SelectionError
from brainsets.shared.selection import Selection
from brainsets.shared.text.suggestions import did_you_mean

# Time says nothing here: the machine may be busy with whole runs of Snakemake.

KNOWN = ["c_2013_01", "c_2013_02", "c_2014_01", "m_01", "a[1]", "run 1", "007", "é"]
ids = st.text(st.characters(), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ({}, KNOWN),
        ({"assets": ["m_01"]}, ["m_01"]),
        ({"assets": ["007", "c_2013_01"]}, ["c_2013_01", "007"]),
        ({"assets": ["c_2013*"]}, ["c_2013_01", "c_2013_02"]),
        ({"assets": ["c_2013*", "c_*_01"]}, ["c_2013_01", "c_2013_02", "c_2014_01"]),
        ({"assets": ["?_01"]}, ["m_01"]),
        ({"assets": ["[cm]_*1"]}, ["c_2013_01", "c_2014_01", "m_01"]),
        ({"assets": ["a[1]"]}, ["a[1]"]),
        ({"assets": ["run 1", "é"]}, ["run 1", "é"]),
        ({"assets": ["*"]}, KNOWN),
        ({"exclude": ["c_*", "m_01", "a*"]}, ["run 1", "007", "é"]),
        ({"assets": ["c_*"], "exclude": ["*_01"]}, ["c_2013_02"]),
        ({"exclude": ["*"]}, []),
        ({"limit": 2}, ["c_2013_01", "c_2013_02"]),
        ({"limit": 100}, KNOWN),
        ({"assets": ["m_01", "c_*"], "limit": 1}, ["c_2013_01"]),
        ({"exclude": ["c_2013*"], "limit": 1}, ["c_2014_01"]),
    ],
    ids=str,
)
def test_ids_and_globs_choose_in_the_order_of_the_manifest(selection, chosen):
    assert Selection(**selection).apply("brainset", KNOWN) == chosen


@given(st.lists(ids, unique=True, min_size=1), st.data())
def test_every_id_selects_itself_alone_whatever_it_looks_like(known, data):
    wanted = data.draw(st.sets(st.sampled_from(known)))
    chosen = Selection(assets=sorted(wanted)).apply("brainset", known)
    assert chosen == [asset for asset in known if asset in wanted or not wanted]
    left = Selection(exclude=sorted(wanted)).apply("brainset", known)
    assert left == [asset for asset in known if asset not in wanted]


def test_an_id_is_taken_literally_before_it_is_taken_for_a_glob():
    assert Selection(["a*"]).apply("brainset", ["a*", "ab"]) == ["a*"]
    assert Selection(["a*"]).apply("brainset", ["aa", "ab"]) == ["aa", "ab"]


def test_case_counts():
    assert Selection(["a*"]).apply("brainset", ["A1", "a1"]) == ["a1"]
    with pytest.raises(SelectionError, match="did you mean 'm_01'"):
        Selection(["M_01"]).apply("brainset", KNOWN)


@pytest.mark.parametrize("setting", ["assets", "exclude"])
@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("c_2013_1", "did you mean 'c_2013_01' or"),
        ("c_2015*", "'c_2013_01'"),
        ("run_1", "'run 1'"),
        ("7", "'007'"),
        ("zzzz", "the first of its 8 assets is 'c_2013_01'."),
        ("q*", "the first of its 8 assets is 'c_2013_01'."),
        ("", "the first of its 8 assets is 'c_2013_01'."),
    ],
)
def test_an_entry_that_matches_nothing_names_setting_entry_and_neighbours(
    setting, pattern, named
):
    with pytest.raises(SelectionError) as refusal:
        Selection(**{setting: ["m_01", pattern]}).apply("my_brainset", KNOWN)
    sentence = str(refusal.value)
    assert sentence.startswith(f"my_brainset: {setting} names {pattern!r}")
    assert named in sentence


def test_an_entry_is_refused_in_one_line_spelled_once():
    with pytest.raises(SelectionError) as refusal:
        Selection(["a\nb\\c"]).apply("brainset", ["a\tb\\c"])
    sentence = str(refusal.value)
    assert sentence.isprintable()
    assert r"'a\nb\\c'" in sentence
    assert r"'a\tb\\c'" in sentence


def test_an_empty_manifest_says_so_where_assets_are_named_and_is_fine_elsewhere():
    assert Selection(limit=3).apply("brainset", []) == []
    with pytest.raises(SelectionError, match="its manifest is empty"):
        Selection(["a"]).apply("brainset", [])


@pytest.mark.parametrize(
    ("wrong", "known", "hint"),
    [
        ("dowloads", ["downloads", "raw_dir"], "did you mean 'downloads'?"),
        ("DOWNLOADS", ["downloads"], "did you mean 'downloads'?"),
        ("downloads", ["DOWNLOADS"], "did you mean 'DOWNLOADS'?"),
        ("qqq", ["downloads"], ""),
        ("a", [], ""),
    ],
)
def test_the_nearest_spelling_is_named_in_its_own_case(wrong, known, hint):
    assert did_you_mean(wrong, known) == hint


def test_no_more_neighbours_are_named_than_asked_for():
    known = [f"session_{number}" for number in range(9)]
    assert did_you_mean("session", known).count("'session_") == 3
    assert did_you_mean("session", known, 1).count("'session_") == 1
