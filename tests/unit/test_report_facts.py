"""What a report says of a run is read from what the run has left."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.sentinel_files import History, Step, write_brainset

pytest.importorskip(
    "matplotlib", reason="a report needs it: pip install -e '.[report]'"
)

from brainsets.report import run_figures as run_pictures
from brainsets.report.data.outputs import _cache, _is_cached, outputs_of
from brainsets.report.records import commit_of, read_facts
from brainsets.shared.folders import BrainsetFolder
from tests.helpers.whole_brainset import make

TIMES = st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)).map(
    lambda t: (t[0], t[0] + t[1])
)


@given(st.lists(TIMES, min_size=1, max_size=20))
def test_idle_time_is_cut_out_and_nothing_else(times):
    pieces = run_pictures._pieces(times)
    for start, end in times:
        # A step is in one piece, and as long as it was.
        piece = run_pictures._piece_of(pieces, start)
        assert piece.start <= start and end <= piece.end
        drawn = piece.place(end) - piece.place(start)
        assert drawn == pytest.approx(end - start, abs=1e-6)
    for before, after in zip(pieces, pieces[1:]):
        assert after.start - before.end > 60
        assert before.place(before.end) <= after.at


def test_a_night_between_two_runs_is_cut_out():
    night = 14 * 3600.0
    pieces = run_pictures._pieces([(0.0, 600.0), (night, night + 600)])
    assert [(p.start, p.end) for p in pieces] == [(0, 600), (night, night + 600)]
    assert pieces[1].at < 700


def test_commit_is_that_of_a_checkout_and_none_elsewhere(tmp_path):
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "no such folder") is None

    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "-m", "one")
    commit = git("rev-parse", "HEAD").strip()
    assert commit.startswith(commit_of(tmp_path)) and len(commit_of(tmp_path)) == 12
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path).endswith("-dirty")


def test_versions_that_differ_are_counted(tmp_path):
    import json

    step = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
    stories = {f"a{n}": History("done", step, step, 1, []) for n in range(3)}
    folder = BrainsetFolder(tmp_path)
    write_brainset(folder, stories)
    for number, path in enumerate(sorted(folder.status.glob("*.DONE"))):
        record = json.loads(path.read_text())
        record["versions"] = {"mne": "1.13" if number else "1.12"}
        record["code"] = "same"
        path.write_text(json.dumps(record))
    facts = read_facts(folder)
    assert facts.versions == {"mne": {"1.12": 1, "1.13": 2}}
    assert facts.variants["code"] == {"same": 3}
    assert facts.environment is None and facts.title == ""


def test_an_id_that_is_not_utf8_is_shown_in_escaped_form_everywhere(tmp_path, capsys):
    from brainsets.report.build import make_report

    pytest.importorskip("h5py", reason="a report needs it: pip install -e '.[report]'")
    folder = BrainsetFolder(tmp_path / "odd")
    step = Step(1.0, 1.0, 1.0, 1, "h\udcffst", "2026-01-31T12:00:00.000+00:00")
    errors = [("ValueError", "n\udce4chste Elektrode")]
    write_brainset(
        folder,
        {
            "M\udcfcller": History("done", step, step, 1, [("caf\udce9.h5", 1)]),
            "plain": History("not processed", step, step, 1, [], errors),
        },
    )
    for file in folder.status.iterdir():
        record = {
            **json.loads(file.read_text()),
            "started": "2026-01-31T11:59:00+00:00",
        }
        file.write_text(json.dumps(record))
    make_report([folder], tmp_path / "p\udce4ge.html")
    page = (tmp_path / "p\udce4ge.html").read_bytes().decode()
    for text in ("M\\udcfcller", "caf\\udce9.h5", "n\\udce4chste", "when each asset"):
        assert text in page
    assert "p\\udce4ge.html" in capsys.readouterr().err


def test_nothing_of_a_page_passes_by_what_masks_and_escapes():
    from brainsets.report import page

    for path in page.TEMPLATES.glob("*.html"):
        text = path.read_text("utf-8")
        for way in ("safe", "autoescape", "Markup", "xmlattr", "tojson", "urlize"):
            assert way not in text, f"{path.name} uses {way}"
    shown = page._environment().from_string(
        "{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{{ m(text) }}"
    )
    page_text = shown.render(text="<i> https://u:geheim@host/\x1b[31m \udcfc")
    assert page_text == "<b>&lt;i&gt; https://***@host/\\x1b[31m \\udcfc</b>"


def test_what_a_report_remembers_is_what_it_has_seen(tmp_path):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    [output, *_] = outputs_of(brainset.folder, read_facts(brainset.folder).done)
    output.bytes, output.is_drawn, output.seen = 1, False, {"fields": []}
    _cache(brainset.folder, output)
    assert _is_cached(brainset.folder, output)
    file = brainset.folder.workflow / "report/a.txt.json"
    file.write_text(file.read_text().replace("[]", "5"))
    assert not _is_cached(brainset.folder, output)
