"""Wrong settings stop a run before any job, with one sentence; right ones reach it."""

import json
import resource
import subprocess
import sys

import pytest

from tests.helpers.workspace import ROOT


def sentence_of(run):
    """Return the one sentence of a run that must not have started."""
    assert run.returncode == 1
    assert "Traceback" not in run.stdout and "Job " not in run.stdout
    assert 'File "' not in run.stdout
    [sentence] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    return sentence


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"colour": "red"}, ["unknown setting 'colour'", "processed_dir"]),
        ({"download": 3}, ["unknown setting 'download'", "'downloads'"]),
        ({"downloads": "many"}, ["downloads is 'many'", "a whole number"]),
        ({"raw_dir": ["a"]}, ["raw_dir is ['a']", "text"]),
        ({"download_only": "perhaps"}, ["download_only", "true or false"]),
    ],
)
def test_wrong_setting_gives_one_sentence(recorder, settings, words):
    sentence = sentence_of(recorder.run(str(recorder.pipeline), **settings))
    assert all(word in sentence for word in words), sentence
    assert not recorder.processed_dir.exists()


@pytest.mark.parametrize(
    "brainset, words",
    [
        ("rokem_grashopper_auditory", ["rokem_grasshopper_auditory_2006"]),
        ("no/such/folder", ["no such file or folder", "no/such/folder"]),
        ({"pipeline": "rokem_grasshopper_auditory_2006", "limt": 1}, ["'limit'"]),
        ({"pipeline": "rokem_grasshopper_auditory_2006", "limit": "x"}, ["limit is"]),
        ({"assets": ["a"]}, ["no 'pipeline'"]),
        (7, ["brainsets[0] is 7", "text or a mapping"]),
    ],
)
def test_wrong_brainset_gives_one_sentence(workspace, brainset, words):
    sentence = sentence_of(workspace.run([brainset]))
    assert all(word in sentence for word in words), sentence


def test_two_brainsets_with_one_id_are_refused(recorder):
    copy = recorder.write_pipeline(recorder.pipeline.read_text(), "copy")
    sentence = sentence_of(recorder.run([str(recorder.pipeline), str(copy)]))
    assert "the same brainset_id 'recorder'" in sentence
    assert str(copy) in sentence


def test_unknown_asset_names_the_nearest_ones(recorder):
    recorder.write_rows([{"id": "c_20131003"}, {"id": "m_20140203"}])
    brainsets = [{"pipeline": recorder.pipeline, "assets": ["c_20131030"]}]
    first = recorder.run(brainsets)
    words = "assets names 'c_20131030', but the manifest has no such asset"
    # When it happens, and in the table at the end.
    sentences = [line for line in first.stdout.splitlines() if words in line]
    assert len(sentences) == 2 and all("'c_20131003'" in line for line in sentences)
    assert "Traceback" not in first.stdout
    assert recorder.events() == ["manifest"]
    # With the list of assets there, it is known before any job.
    assert recorder.run([{"pipeline": recorder.pipeline, "limit": 1}]).returncode == 0
    assert "'c_20131003'" in sentence_of(recorder.run(brainsets))
    brainsets = [{"pipeline": recorder.pipeline, "exclude": ["m_2014*", "x*"]}]
    assert "exclude names 'x*'" in sentence_of(recorder.run(brainsets))


def test_pipeline_without_an_id_is_refused(workspace):
    path = workspace.write_pipeline("class Pipeline: pass\n")
    assert 'no line brainset_id = "..."' in sentence_of(workspace.run(str(path)))


def test_every_setting_can_be_given_on_the_command_line(recorder):
    recorder.write_rows([{"id": "m_1"}, {"id": "m_2"}, {"id": "007"}])
    brainsets = (
        f'[{{pipeline: "{recorder.pipeline}", args: "--gain 2", assets: [m_*, "007"], '
        "exclude: m_2, limit: 2, environment: active, "
        "process: {mem_mb: 500, timeout: 60.5, threads: 1}, download: {runtime: 5}}]"
    )
    command = recorder.command([])
    del command[command.index("--configfile") : command.index("--scheduler")]
    command += ["--config", f"raw_dir={recorder.raw_dir}", "downloads=2"]
    command += ["display=snakemake"]
    command += [f"processed_dir={recorder.processed_dir}", f"brainsets={brainsets}"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert recorder.sentinel("m_1", "DONE")["args"] == ["--gain", "2"]
    assert recorder.sentinel("007", "DONE") and not recorder.sentinel("m_2", "DONE")
    assert 'downloads=Resource("downloads", 2)' in run.stderr


def test_snakemakes_own_resources_option_limits_downloads(recorder):
    recorder.write_rows([{"id": "a"}])
    run = recorder.run(
        str(recorder.pipeline), "--resources", "downloads=1", display="snakemake"
    )
    assert 'downloads=Resource("downloads", 1)' in run.stdout
    assert run.returncode == 0


def test_downloads_run_beside_the_cores_up_to_their_limit(recorder):
    rows = [{"id": f"s{n}", "behave": "slow download"} for n in range(6)]
    recorder.write_rows(rows)
    run = recorder.run(str(recorder.pipeline), cores=1, downloads=3)
    assert run.returncode == 0, run.stdout
    times = []
    for row in rows:
        record = recorder.sentinel(row["id"], "DOWNLOADED")
        times += [(record["started"], 1), (record["ended"], -1)]
    at_once = most = 0
    for _, change in sorted(times):
        at_once += change
        most = max(most, at_once)
    assert 2 <= most <= 3


def test_parsing_is_light_and_imports_no_pipeline(recorder):
    """Less than a second beyond Snakemake's own start, and no pipeline imported."""
    recorder.pipeline.write_text(
        recorder.pipeline.read_text() + "\nraise SystemExit('was imported')\n"
    )
    recorder.write_rows([{"id": "a"}])
    probe = (
        "import sys, snakemake.cli\n"
        # Plugins of Snakemake that somebody has installed may be heavy.
        "snakemake.cli.get_argument_parser()\n"
        "others = set(sys.modules)\n"
        "try: snakemake.cli.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end)\n"
        "heavy = {'pandas', 'h5py', 'rich.live', 'pipeline_module'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules) - others))\n"
    )
    arguments = [str(word) for word in recorder.command(str(recorder.pipeline))[3:]]
    command = [sys.executable, "-c", probe, *arguments, "--dry-run"]
    before = cpu_of_children()
    run = subprocess.run(command, capture_output=True, text=True, cwd=recorder.root)
    ours = cpu_of_children() - before
    assert "list the assets of recorder" in run.stdout, run.stderr
    assert "HEAVY []" in run.stdout
    empty = recorder.root / "empty.smk"
    empty.write_text("rule all:\n    output: 'x'\n    shell: 'touch x'\n")
    command = [sys.executable, "-m", "snakemake", "-s", empty, "--dry-run", "-c1"]
    before = cpu_of_children()
    subprocess.run(command, capture_output=True, cwd=recorder.root, check=True)
    assert ours - (cpu_of_children() - before) < 1.0


def cpu_of_children():
    """Return CPU seconds: a promise of the workflow, and no matter of other load."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_several_brainsets_in_one_run(recorder):
    recorder.write_rows([{"id": "a"}])
    text = recorder.pipeline.read_text().replace('"recorder"', '"other"')
    other = recorder.write_pipeline(text, "other")
    recorder.write_rows([{"id": "b"}], "other")
    run = recorder.run([str(recorder.pipeline), str(other)])
    assert run.returncode == 0, run.stdout
    for brainset, asset in (("recorder", "a"), ("other", "b")):
        done = recorder.folder(brainset).sentinel(asset, "DONE")
        assert json.loads(done.read_text())["brainset"] == brainset
        assert recorder.folder(brainset).summary.exists()


def test_snakefile_passes_the_linter(workspace):
    command = [sys.executable, "-m", "snakemake", "--lint"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
