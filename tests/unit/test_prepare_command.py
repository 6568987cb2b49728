"""The command with which ``prepare`` starts Snakemake means what was typed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config

from brainsets.commands.main import main
from brainsets.commands.runs import snakemake_call, typed_brainset
from brainsets.planning.schema import read_schema, typed
from tests.helpers.settings import SHIPPED


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Return the command that is started for a command line, in an empty folder."""
    commands = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # A clone in which something was prepared would be gone on with.
    monkeypatch.setattr(typed_brainset, "folder_of_run", lambda brainset: Path.cwd())
    monkeypatch.setattr(
        snakemake_call, "_call", lambda words: commands.append(words) or 0
    )

    def started(*words):
        assert main(["prepare", SHIPPED, *words]) == 0
        return commands.pop()

    return started


def settings(words):
    """Return the settings of a command as the rules get them."""
    entries = [word for word in words[words.index("--config") + 1 :] if "=" in word]
    properties = read_schema()["properties"]
    parsed = parse_config(entries)
    return {key: typed(value, properties[key]) for key, value in parsed.items()}


NAMES = st.text(
    st.characters(exclude_characters="\0/$~", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name not in (".", ".."))
TRICKY = st.sampled_from(
    [" #", ": ", "'", '"', "\\", "{", "[", "!!int 3", "\n", "true"]
)


@given(st.lists(NAMES | TRICKY, min_size=1, max_size=3).map("".join))
def test_settings_arrive_as_they_are_given(name):
    given = {
        "raw_dir": f"/r/{name}",
        "processed_dir": f"/p/{name}",
        "brainsets": [{"pipeline": name, "args": [name], "assets": [name]}],
    }
    words = snakemake_call.snakemake_words(given, Path("/"), 1, [])
    assert settings(words) == given


def test_only_what_is_asked_for_is_set(command, tmp_path):
    given = settings(command())
    assert given["raw_dir"] == f"{tmp_path}/data/raw"
    assert {*given} == {"raw_dir", "processed_dir", "brainsets"}
    assert settings(command("--download-only"))["download_only"] is True


@pytest.mark.parametrize(
    "words, is_looked_for",
    [([], True), (["--raw-dir", "r"], True), (["--processed-dir", "p"], False)],
)
def test_what_was_begun_in_a_clone_is_looked_for_unless_results_have_a_folder(
    command, tmp_path, monkeypatch, words, is_looked_for
):
    clone = tmp_path / "clone"
    clone.mkdir()
    monkeypatch.setattr(typed_brainset, "folder_of_run", lambda brainset: clone)
    started = command(*words)
    start = clone if is_looked_for else tmp_path
    assert started[started.index("--directory") + 1] == str(start)
    given = settings(started)
    raw_dir = tmp_path / "r" if "r" in words else start / "data/raw"
    assert given["raw_dir"] == str(raw_dir)
