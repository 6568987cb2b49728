"""Completion: what a shell gets when it asks the command itself."""

import os
import subprocess
import sys

import pytest

from brainsets.commands.main import main
from brainsets.shared.folders import BrainsetFolder
from tests.helpers.manifests import write
from tests.helpers.workspace import ROOT


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which two brainsets were listed."""
    import pandas as pd

    for name, ids in (("first_set", ["s1", "s2"]), ("second_set", ["m1"])):
        folder = BrainsetFolder(tmp_path / "data/processed" / name)
        folder.workflow.mkdir(parents=True)
        write(folder.workflow, pd.DataFrame({"rate_hz": 1}, index=ids))
    (tmp_path / "pipelines").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def completed(line, folder):
    """Return what bash would offer for a line."""
    code = (
        "import os, sys; os.dup2(1, 8); sys.argv[0] = 'brainsets'; "
        "from brainsets_workflow import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_SHELL": "bash",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "0",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line.encode())),
            "COMP_TYPE": "9",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    return {word.strip() for word in ended.stdout.split("\n") if word.strip()}


@pytest.mark.parametrize(
    "line, words",
    [
        ("brainsets pre", {"prepare"}),
        ("brainsets config s", {"show", "set"}),
        ("brainsets completion z", {"zsh"}),
        ("brainsets prepare rokem", {"rokem_grasshopper_auditory_2006"}),
        ("brainsets prepare perich", {"perich_miller_population_2018"}),
        ("brainsets prepare ./pipe", {"./pipelines/"}),
        ("brainsets status sec", {"second_set"}),
        ("brainsets status --asset ", {"s1", "s2", "m1"}),
        ("brainsets status first_set --log s", {"s1", "s2"}),
        ("brainsets prepare second_set --single ", {"m1"}),
        ("brainsets prepare x/first_set -s ", {"s1", "s2"}),
        ("brainsets status --processed-dir nowhere --asset ", set()),
    ],
)
def test_words_are_completed(line, words, here):
    assert completed(line, here) == words


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
def test_there_is_a_script_for_each_shell(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "brainsets" in script and "brainsets-workflow" in script
    if shell == "bash":
        subprocess.run(["bash", "-n", "-c", script], check=True)


@pytest.mark.parametrize(
    "shell, file",
    [
        ("bash", ".local/share/bash-completion/completions/brainsets"),
        ("zsh", ".zfunc/_brainsets"),
    ],
)
def test_it_is_installed_where_the_published_command_puts_it(
    shell, file, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    with pytest.raises(SystemExit) as ended:
        main(["--install-completion"])
    assert ended.value.code == 0
    assert str(tmp_path / file) in capsys.readouterr().out
    assert "argcomplete" in (tmp_path / file).read_text()


def test_shells_without_a_place_are_named(monkeypatch, capsys):
    monkeypatch.setenv("SHELL", "/bin/csh")
    assert main(["--install-completion"]) == 2
    assert "'csh'" in capsys.readouterr().err
