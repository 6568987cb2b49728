"""What is written down of a pipeline's arguments, and what its parser sees of them."""

import pickle
from argparse import ArgumentParser
from types import SimpleNamespace

import pytest

from brainsets.jobs.code.loading import UsageError, parsed_args
from brainsets.shared.inputs.arguments import literal_secrets, named_files, recorded
from brainsets.supervision import hidden_secrets as hidden
from brainsets.supervision.failures import failure_from_exception

LITERAL = "hunter2-of-mine"


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch):
    monkeypatch.setattr(hidden, "_values", {})


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--subject", "3", "--name=two words", "-v", "x.csv", "tables/y.csv"],
        ["--redownloads", "--x=--redownload", "", "=", "--", "-", "--=x", "a\0b"],
        ["--base-url", "https://x.org/a?b=c", "--seed", "-5", "--max-token", "5"],
        ["--token", "env:NAME", "--token=env:NAME", "file:a b", "--password", "--x"],
        ["--key", "a", "--author", "me", "--design", "x", "a" * 5000],
    ],
)
def test_arguments_without_secrets_and_files_are_written_as_they_are(
    tmp_path, arguments
):
    assert recorded(arguments, tmp_path) == arguments
    assert recorded([*arguments, "--redownload"], tmp_path) == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", LITERAL],
        [f"--token={LITERAL}"],
        ["--github-token", LITERAL],
        ["--api_key", LITERAL],
        ["-password", LITERAL],
        ["--password", "12345"],
        [f"--db-password={LITERAL}"],
        ["--mirror", f"https://me:{LITERAL}@x.org/a"],
        [f"--mirror=https://x.org/a?token={LITERAL}"],
    ],
)
def test_a_secret_among_the_arguments_is_masked_and_another_one_is_noticed(arguments):
    shown = recorded(arguments, None)
    assert "***" in str(shown)
    assert LITERAL not in str(shown) and "12345" not in str(shown)
    assert recorded(shown, None) == shown
    other = [a.replace(LITERAL, "another").replace("12345", "1") for a in arguments]
    assert recorded(other, None) != shown


@pytest.mark.parametrize("argument", ["x.csv", "--t=x.csv", "@x.csv", "no.csv,x.csv"])
@pytest.mark.parametrize("is_absolute", [False, True])
def test_an_argument_that_names_a_file_counts_with_its_content(
    tmp_path, argument, is_absolute
):
    path = tmp_path / "x.csv"
    if is_absolute:
        argument = argument.replace("x.csv", str(path))
    arguments, seen = ["--table", argument, str(tmp_path)], []
    for content in (None, "1", "2"):
        if content:
            path.write_text(content)
        seen.append(recorded(arguments, tmp_path))
    assert seen[0] == arguments
    assert seen[0] != seen[1] != seen[2] != seen[0]
    assert [line[0] for line in seen] == ["--table"] * 3
    assert named_files(arguments, tmp_path) == [path]
    assert recorded(arguments, tmp_path, with_files=False) == arguments
    assert (recorded(arguments, None) == arguments) == (not is_absolute)


@pytest.mark.parametrize(
    "arguments",
    [["--token-file", "x"], ["--credentials=x"], ["file:x"], ["--p=file:x,x"]],
)
def test_the_content_of_a_file_with_a_secret_does_not_count(tmp_path, arguments):
    (tmp_path / "x").write_text(LITERAL)
    assert recorded(arguments, tmp_path) == arguments
    assert literal_secrets(arguments, tmp_path) == []


def test_a_file_at_home_counts_with_its_content(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.csv").write_text("1")
    assert named_files(["~/x.csv"], None) == [tmp_path / "x.csv"]


def pipeline():
    parser = ArgumentParser()
    parser.add_argument("--token")
    parser.add_argument("--number", type=int)
    parser.add_argument("rest", nargs="*")
    return SimpleNamespace(parser=parser, brainset_id="mine")


def test_the_parser_sees_secrets_in_place_of_their_names(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_TOKEN", LITERAL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a token").write_text("of a file\r\n")
    args = parsed_args(
        pipeline(),
        ["--token=env:MY_TOKEN", "env:MY_TOKEN", "file:a token", "file:///x", "env:a-b"]
        + ["literal:env:MY_TOKEN", "environment:x", "literal:x", "x env:MY_TOKEN"],
    )
    assert args.token == LITERAL
    assert args.rest == [
        *(LITERAL, "of a file", "file:///x", "env:a-b"),
        *("env:MY_TOKEN", "environment:x", "literal:x", "x env:MY_TOKEN"),
    ]


@pytest.mark.parametrize("where", ["env:NOT_THERE", "env:EMPTY", "file:no", "file:."])
def test_a_secret_that_is_not_there_is_said_in_one_sentence(
    monkeypatch, tmp_path, where
):
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"^{where}: ") as refusal:
        parsed_args(pipeline(), ["--token", where])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "arguments",
    [["--number", "env:MY_TOKEN"], ["--tokn", "env:MY_TOKEN"], ["--number", "x"]],
)
def test_a_refusal_of_the_parser_shows_no_secret(monkeypatch, arguments):
    monkeypatch.setenv("MY_TOKEN", LITERAL)
    with pytest.raises(UsageError) as refusal:
        parsed_args(pipeline(), [*arguments, "--password", "another-secret"])
    assert LITERAL not in str(refusal.value)
    assert "another-secret" not in str(refusal.value)
    with pytest.raises(UsageError) as refusal:
        parsed_args(
            SimpleNamespace(parser=None, brainset_id="mine"), ["--token", LITERAL]
        )
    assert LITERAL not in str(refusal.value)


def test_what_is_told_of_an_error_shows_no_secret(monkeypatch, capsys):
    secret = "a/b c'd"
    monkeypatch.setenv("MY_TOKEN", secret)
    args = parsed_args(pipeline(), ["--token", "env:MY_TOKEN"])
    try:
        raise ValueError(f"{args.token} {args!r} a%2Fb%20c%27d")
    except ValueError as error:
        failure = failure_from_exception(error)
    printed = capsys.readouterr()
    for text in (str(failure), printed.err, printed.out):
        assert "a/b" not in text and "a%2Fb" not in text
    assert "***" in failure["message"]


def test_a_handoff_holds_the_name_of_a_secret_and_gives_the_secret_of_then(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", LITERAL)
    args = parsed_args(pipeline(), ["--token", "env:MY_TOKEN"])
    value = {"args": args, "head": f"Bearer {args.token}", args.token: ["x", 1, b"y"]}
    payload = hidden.pickle_without_secrets(value)
    assert LITERAL.encode() not in payload
    assert hidden.unpickle_with_secrets(payload) == value
    monkeypatch.setenv("MY_TOKEN", "renewed")
    parsed_args(pipeline(), ["--token", "env:MY_TOKEN"])
    assert hidden.unpickle_with_secrets(payload)["head"] == "Bearer renewed"
    hidden._values.clear()
    with pytest.raises(KeyError):
        hidden.unpickle_with_secrets(payload)
    assert hidden.unpickle_with_secrets(pickle.dumps(value)) == value
