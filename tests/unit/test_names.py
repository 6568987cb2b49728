"""Any id makes a file name that is safe, unique, and readable where it can be."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from snakemake.io import PeriodicityDetector

from brainsets.shared.text.asset_names import (
    NAME_PATTERN,
    AssetNames,
    asset_name,
    asset_names,
    decoded_id,
)
from brainsets.shared.text.lines import single_line

# What Snakemake refuses as a wildcard.
is_periodic = PeriodicityDetector().is_periodic
# Time says nothing here: the machine may be busy with whole runs of Snakemake.

LONGEST_FILE_NAME = 255
LONGEST_SUFFIX = ".DOWNLOADED"
# What is put before a name while the file is written: a process id.
LONGEST_PREFIX = ".4194304-"

AWKWARD_IDS = [
    "a/b",
    "..",
    ".",
    ".hidden",
    "run 1",
    "é",
    "{x}",
    "A",
    "a",
    "007",
    "x" * 300,
    "X" * 300,
    "é" * 90,
    "one\ttwo",
    "one\ntwo",
    "50%",
    "%2F",
    "~",
    "a~0123456789abcdef",
    "CON",
    "-rf",
    "*",
    "\ud800",
    "😀",
    "ß",
    "ss",
    "0" * 19,
    "0" * 20,
    "one" + "long" * 30,
    "-" * 200,
]

ids = st.one_of(
    st.text(st.characters(), min_size=1, max_size=30),
    st.builds(
        str.__mul__,
        st.sampled_from(["x", "X", ".", "é", "/", "~", "ab"]),
        st.integers(1, 300),
    ),
    st.sampled_from(AWKWARD_IDS),
)
lists_of_ids = st.lists(ids, unique=True, max_size=20)
plain_ids = st.text(
    string.ascii_letters + string.digits + "._-", min_size=1, max_size=200
).filter(lambda text: not (text.startswith(".") or is_periodic(text)))


@given(lists_of_ids)
@example(AWKWARD_IDS)
def test_every_name_matches_the_pattern_of_the_wildcard(assets):
    for name in asset_names(assets).values():
        assert re.fullmatch(NAME_PATTERN, name, re.ASCII)
        assert not is_periodic(name)


@given(lists_of_ids)
@example(AWKWARD_IDS)
@example(["a", "A", "%41"])
@example(["x" * 300, "x" * 301, "X" * 300])
def test_names_differ_even_where_case_does_not_count(assets):
    names = asset_names(assets)
    assert list(names) == assets
    assert len({name.casefold() for name in names.values()}) == len(assets)


@given(lists_of_ids)
@example(AWKWARD_IDS)
def test_a_name_is_one_part_of_a_path(assets):
    for name in asset_names(assets).values():
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\\0")
        assert not name.startswith(".")


@given(lists_of_ids)
@example(AWKWARD_IDS)
@example(["x" * length for length in range(190, 260)])
def test_a_name_leaves_room_for_suffix_and_temporary_prefix(assets):
    for name in asset_names(assets).values():
        longest = f"{LONGEST_PREFIX}{name}{LONGEST_SUFFIX}"
        assert len(longest.encode()) <= LONGEST_FILE_NAME


@given(lists_of_ids, st.randoms())
def test_a_name_depends_on_no_order(assets, random):
    shuffled = random.sample(assets, len(assets))
    assert asset_names(shuffled) == asset_names(assets)


@given(lists_of_ids, ids)
@example(AWKWARD_IDS, "gone")
@example(["É", "é", "K", "\u212a", "k"], "a")
def test_names_made_one_by_one_are_those_of_the_whole_list(assets, other):
    folded = [guessable(asset).casefold() for asset in assets]
    alike = {text for text in folded if folded.count(text) > 1}
    names = AssetNames(dict.fromkeys(assets))
    for asset, text in [*zip(assets, folded)][::-1]:
        assert names[asset] == asset_name(asset, hashed=text in alike)
        assert names.asset(names[asset]) == asset
    assert list(names) == assets and len(names) == len(assets)
    if other not in assets:
        assert other not in names and names.get(other) is None
        for hashed in (False, True):
            assert names.asset(asset_name(other, hashed=hashed)) is None


@given(plain_ids)
@example("007")
@example("-rf")
@example("a..b.")
def test_a_plain_id_is_its_own_name(asset):
    assert asset_names([asset, f"other-{asset}"[:200]])[asset] == asset


@given(ids)
def test_an_id_can_be_read_from_a_name_without_hash(asset):
    name = asset_name(asset)
    if "~" not in name:
        assert decoded_id(name) == asset


@given(ids)
def test_a_hash_is_given_only_where_it_is_needed(asset):
    is_hashed = "~" in asset_name(asset)
    encoded_length = len(guessable(asset))
    is_needed = asset.startswith(".") or is_periodic(guessable(asset))
    assert is_hashed == bool(is_needed or encoded_length > 200)


def guessable(asset):
    """Return the percent-encoding of an id, written down a second time."""
    kept = string.ascii_letters + string.digits + "._-"
    return "".join(
        char
        if char in kept
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in asset
    )


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("a/b", "a%2Fb"),
        ("run 1", "run%201"),
        ("é", "%C3%A9"),
        ("{x}", "%7Bx%7D"),
        ("007", "007"),
        ("one\ttwo", "one%09two"),
        ("50%", "50%25"),
        ("a~b", "a%7Eb"),
        ("sub-01_ses-02.nwb", "sub-01_ses-02.nwb"),
    ],
)
def test_an_id_keeps_what_is_safe_and_encodes_the_rest(asset, name):
    assert asset_name(asset) == name
    assert decoded_id(name) == asset


@pytest.mark.parametrize(
    ("asset", "stem"),
    [("..", "%2E."), (".", "%2E"), (".hidden", "%2Ehidden"), ("x" * 300, "x" * 120)],
)
def test_an_id_that_no_file_can_be_called_gets_a_hash(asset, stem):
    assert re.fullmatch(re.escape(stem) + "~[0-9a-f]{16}", asset_name(asset))


def test_ids_that_differ_only_in_case_get_a_hash_and_others_do_not():
    names = asset_names(["A", "a", "b"])
    assert re.fullmatch("A~[0-9a-f]{16}", names["A"])
    assert re.fullmatch("a~[0-9a-f]{16}", names["a"])
    assert names["b"] == "b"


def test_a_name_is_the_same_in_every_run():
    # Files on disk are found by it, so it may never change.
    assert asset_name(".hidden") == "%2Ehidden~1692419006a88aab"


@given(st.text(st.characters()))
@example("one\ttwo\nthree\r\x85\u2028\u2029\x0b\x0c\x1b[31m\ud800")
def test_text_is_spelled_in_one_printable_line(text):
    line = single_line(text)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    line.encode()


@given(st.text(st.characters()).filter(str.isprintable))
def test_printable_text_is_spelled_as_it_is(text):
    assert single_line(text) == text
