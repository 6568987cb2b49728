"""Secrets of the arguments are masked in whatever form they stand in a text."""

import json
import os

import pytest

from brainsets.jobs.code.loading import UsageError
from brainsets.supervision import hidden_secrets as hidden


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch):
    monkeypatch.setattr(hidden, "_values", {})


def reveal(monkeypatch, value):
    monkeypatch.setenv("MINE", value)
    assert hidden.resolve_secrets(["--x", "env:MINE"]) == ["--x", value]


def test_a_secret_that_is_typed_is_masked_as_well():
    assert hidden.resolve_secrets(["--token", "hunter two"]) == [
        "--token",
        "hunter two",
    ]
    assert hidden.mask_secrets("sent hunter two to it") == "sent *** to it"


@pytest.mark.parametrize("form", [str, repr, json.dumps, ascii])
def test_a_secret_is_masked_as_python_and_json_show_it(monkeypatch, form):
    reveal(monkeypatch, "back\\slash and\ttab")
    assert "slash" not in hidden.mask_secrets(f"got {form(os.environ['MINE'])}")


def test_each_line_of_a_secret_is_masked(monkeypatch):
    reveal(monkeypatch, "first of all\n  second of all\n\n")
    assert hidden.mask_secrets("line 2: second of all!") == "line 2: ***!"


def test_a_short_secret_is_masked_where_it_is_a_word(monkeypatch):
    reveal(monkeypatch, "abc")
    assert hidden.mask_secrets("abcd, abc. x_abc 'abc'") == "abcd, ***. x_abc '***'"


def test_what_looks_like_a_secret_is_masked_at_both_ends_of_a_long_text():
    address, more = "https://me:hunter2@x.org/", "x" * 1000 + "\n"
    assert hidden.mask_secrets(address) == "https://***@x.org/"
    shown = hidden.mask_secrets(f"{address}\n{more * 1000}{address}")
    assert "hunter2" not in shown and len(shown) > 1_000_000


@pytest.mark.parametrize("content", ["", "\n\r\n", "x" * 70_000, None])
def test_a_file_that_holds_no_secret_is_refused(tmp_path, monkeypatch, content):
    path = tmp_path / "secret"
    if content is None:
        # Nobody writes into it: it must not be waited for.
        os.mkfifo(path)
    else:
        path.write_text(content)
    with pytest.raises(UsageError, match=f"^file:{path}: "):
        hidden.resolve_secrets([f"file:{path}"])
    assert hidden._values == {}
