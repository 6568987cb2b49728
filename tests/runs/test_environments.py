"""A pipeline runs in the interpreter that it declares, built once."""

import json
import os
import shutil
import sys

import pytest

from tests.helpers.dry_runs import planned_assets

PIPELINE = """# /// brainset-pipeline
# dependencies = ["{dependency}"]
# ///
import sys

import pandas as pd

from brainsets.pipeline import BrainsetPipeline


class Pipeline(BrainsetPipeline):
    brainset_id = "isolated"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        with open(raw_dir / "events.txt", "a") as file:
            print("manifest", file=file)
        return pd.DataFrame(index=pd.Index(["a", "b"], name="id"))

    def download(self, row):
        return row

    def process(self, row):
        with open(self.raw_dir / "events.txt", "a") as file:
            print("process", row.Index, file=file)
        try:
            import tinynetrc as package
        except ImportError:
            package = None
        import shutil
        words = [sys.prefix, str(package is not None), str(shutil.which("python"))]
        (self.processed_dir / f"{{row.Index}}.txt").write_text("\\n".join(words))
"""
# Small, pure Python, and in no other environment here.
PACKAGE = "tinynetrc==1.3.1"


def write(workspace, dependency=PACKAGE):
    return workspace.write_pipeline(PIPELINE.format(dependency=dependency), "isolated")


def words(workspace):
    text = (workspace.folder("isolated").root / "a.txt").read_text()
    return text.splitlines()


def test_declared_packages_are_there_and_built_once(workspace):
    path = write(workspace)
    workspace.environment = {"PYTHONPATH": str(workspace.root), "VIRTUAL_ENV": "/x"}
    run = workspace.run(str(path))
    assert run.returncode == 0, run.stdout
    folder = workspace.folder("isolated")
    prefix, found, python = words(workspace)
    assert prefix == str(folder.environment) and found == "True"
    # Programs of its packages are found first, as in an activated environment.
    assert python == str(folder.environment / "bin" / "python")
    assert run.stdout.count("build the environment of isolated") == 1
    again = workspace.run(str(path), "--forcerun", "process_asset")
    assert "build the environment" not in again.stdout
    assert again.returncode == 0


def test_only_a_changed_block_builds_it_anew_and_runs_nothing_else(workspace):
    path = write(workspace)
    assert workspace.run(str(path)).returncode == 0
    workspace.events("isolated")
    path.write_text(path.read_text().replace(PACKAGE, "tinynetrc>=1.3.0"))
    run = workspace.run(str(path))
    assert run.returncode == 0, run.stdout
    assert "build the environment of isolated" in run.stdout
    assert workspace.events("isolated") == []
    assert "build the environment" not in workspace.run(str(path)).stdout


def test_a_changed_block_is_noticed_without_snakemakes_records(workspace):
    path = write(workspace)
    assert workspace.run(str(path)).returncode == 0
    workspace.folder("isolated").sentinel("b", "DONE").unlink()
    shutil.rmtree(workspace.root / ".snakemake")
    path.write_text(path.read_text().replace(PACKAGE, "tinynetrc>=1.3.0"))
    run = workspace.run(str(path))
    assert run.returncode == 0, run.stdout
    ready = workspace.folder("isolated").environment / "ready.json"
    assert json.loads(ready.read_text())["dependencies"] == ["tinynetrc>=1.3.0"]


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_changed_block_does_not_keep_other_work_for_the_next_run(
    workspace, is_forgotten
):
    path = write(workspace)
    assert workspace.run(str(path)).returncode == 0
    workspace.events("isolated")

    def edited(*changes):
        """Run once with an edit; return what ran, and what a dry-run said before."""
        if is_forgotten:
            shutil.rmtree(workspace.root / ".snakemake")
        text = path.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        planned = workspace.run(str(path), "--dry-run").stdout
        run = workspace.run(str(path))
        assert run.returncode == 0, run.stdout
        assert run.stdout.count("build the environment of isolated") == 1
        ran = sorted(workspace.events("isolated"))
        assert "Nothing to be done" in workspace.run(str(path)).stdout
        return ran, planned

    workspace.folder("isolated").sentinel("b", "DONE").unlink()
    ran, planned = edited((PACKAGE, "tinynetrc>=1.3.0"))
    assert ran == ["process b"] and "b" in planned_assets(planned, "isolated")
    ran, planned = edited((">=1.3.0", ">=1.3"), ("import sys\n", "import os, sys\n"))
    assert ran == ["manifest", "process a", "process b"]
    assert "list the assets of isolated (code changed)" in planned


def test_environment_that_is_gone_or_broken_is_built_again(workspace):
    path = write(workspace)
    assert workspace.run(str(path)).returncode == 0
    folder = workspace.folder("isolated")
    workspace.events("isolated")
    shutil.rmtree(folder.environment)
    assert "Nothing to be done" in workspace.run(str(path)).stdout
    folder.environment.mkdir()
    for damage in (
        lambda: shutil.rmtree(folder.environment),
        lambda: (folder.environment / "bin" / "python").unlink(),
    ):
        damage()
        folder.sentinel("b", "DONE").unlink()
        run = workspace.run(str(path))
        assert run.returncode == 0, run.stdout
        assert workspace.events("isolated") == ["process b"]


def gain_of(workspace, value):
    """Return a pipeline whose argument decides what it writes."""
    return [{"pipeline": workspace.root / "isolated", "args": f"--gain {value}"}]


def with_gain(path):
    text = path.read_text()
    declared = "from argparse import ArgumentParser\nparser = ArgumentParser()\n"
    declared += 'parser.add_argument("--gain")\n\n\nclass Pipeline'
    text = text.replace("class Pipeline", declared, 1)
    text = text.replace('= "isolated"', '= "isolated"\n    parser = parser', 1)
    path.write_text(text.replace("words = [", "words = [self.args.gain, "))


def gains(workspace):
    files = sorted(workspace.folder("isolated").root.glob("*.txt"))
    return [file.read_text().split("\n")[0] for file in files]


def test_snakemake_killed_in_a_build_leaves_nothing_undone(workspace):
    with_gain(write(workspace))
    assert workspace.run(gain_of(workspace, 1)).returncode == 0
    assert gains(workspace) == ["1", "1"]
    shutil.rmtree(workspace.folder("isolated").environment)
    run = workspace.start(gain_of(workspace, 2))
    for line in run.stdout:
        if "build the environment of isolated" in line:
            break
    # It alone: whoever builds the environment goes on.
    run.kill()
    run.wait()
    run.stdout.close()
    again = workspace.run(gain_of(workspace, 2))
    assert again.returncode == 0, again.stdout
    assert gains(workspace) == ["2", "2"]
    assert "Nothing to be done" in workspace.run(gain_of(workspace, 2)).stdout


def test_another_environment_fetches_nothing_again_that_is_there(workspace):
    """The package that was forgotten is added, which is a change of the block alone."""
    path = write(workspace, "six")
    text = path.read_text()
    download = "def download(self, row):\n"
    noted = '        (self.raw_dir / "events.txt").open("a").write("download\\n")\n'
    needed = "            package = None\n"
    assert text.count(download) == text.count(needed) == 1
    text = text.replace(needed, "            raise\n")
    path.write_text(text.replace(download, download + noted))
    assert workspace.run(str(path)).returncode == 1
    assert workspace.events("isolated").count("download") == 2
    path.write_text(path.read_text().replace('"six"', f'"{PACKAGE}"'))
    run = workspace.run(str(path))
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("build the environment of isolated") == 1
    assert sorted(workspace.events("isolated")) == ["process a", "process b"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_says_that_it_is_whole_and_cannot_be_read_is_made_anew(
    workspace, is_folder
):
    path = write(workspace)
    assert workspace.run(str(path)).returncode == 0
    workspace.events("isolated")
    folder = workspace.folder("isolated")
    ready = folder.environment / "ready.json"
    ready.unlink()
    if is_folder:
        (ready / "of somebody").mkdir(parents=True)
    else:
        ready.write_text("garbage")
    shutil.rmtree(workspace.root / ".snakemake")
    folder.sentinel("b", "DONE").unlink()
    planned = workspace.run(str(path), "--dry-run").stdout
    assert "build the environment of isolated" in planned
    run = workspace.run(str(path))
    assert run.returncode == 0, run.stdout
    assert json.loads(ready.read_text())["dependencies"] == [PACKAGE]
    assert workspace.events("isolated") == ["process b"]
    assert "Nothing to be done" in workspace.run(str(path)).stdout


def test_active_environment_can_be_chosen(workspace):
    path = write(workspace)
    run = workspace.run([{"pipeline": path, "environment": "active"}])
    assert run.returncode == 0, run.stdout
    assert words(workspace)[:2] == [sys.prefix, "False"]
    assert not workspace.folder("isolated").environment.exists()


@pytest.mark.parametrize(
    "block, sentence",
    [
        ('# dependencies = ["mne"', "not TOML"),
        ('# dependancies = ["mne"]', "unknown key 'dependancies'"),
        ('# dependencies = ["mne =! 3"]', "'mne =! 3' is no requirement"),
        ("# python-version = 3.11", "python-version is 3.11"),
    ],
)
def test_wrong_block_is_told_before_anything_runs(workspace, block, sentence):
    source = PIPELINE.format(dependency="x").splitlines()
    source[1] = block
    run = workspace.run(str(workspace.write_pipeline("\n".join(source), "isolated")))
    assert run.returncode == 1
    [line] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    assert sentence in line and "isolated/pipeline.py" in line
    assert not workspace.processed_dir.exists()


def test_package_that_cannot_be_had_is_told_in_one_sentence(workspace):
    run = workspace.run(str(write(workspace, "tinynetrc==99.99")))
    assert run.returncode == 1
    [line] = [x for x in run.stdout.splitlines() if "FAILED isolated build_env" in x]
    assert "the environment cannot be built" in line and "tinynetrc" in line
    assert "Traceback" not in run.stdout
    assert workspace.events("isolated") == []
    # With the mistake mended, the next run builds it.
    assert workspace.run(str(write(workspace))).returncode == 0
    status = workspace.brainsets("status", "--processed-dir", workspace.processed_dir)
    assert status.returncode == 0, status.stdout


def test_python_that_cannot_be_had_is_told_in_one_sentence(workspace):
    path = write(workspace)
    text = path.read_text().replace("# dep", '# python-version = "3.99"\n# dep', 1)
    path.write_text(text)
    run = workspace.run(str(path))
    assert run.returncode == 1
    [line] = [x for x in run.stdout.splitlines() if "FAILED isolated build_env" in x]
    assert "there is no Python 3.99" in line


def test_declared_python_version_is_the_one_that_runs(workspace):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path = write(workspace)
    text = path.read_text().replace(
        "# dep", f'# python-version = "{version}"\n# dep', 1
    )
    path.write_text(text)
    assert workspace.run(str(path)).returncode == 0
    record = workspace.folder("isolated").sentinel("a", "DONE")
    found = json.loads(record.read_text())["versions"]["python"]
    assert found.startswith(f"{version}.")


def test_two_brainsets_with_conflicting_packages_run_together(workspace):
    path = write(workspace)
    text = PIPELINE.format(dependency="tinynetrc==1.3.0")
    other = workspace.write_pipeline(text.replace('"isolated"', '"other"'), "other")
    run = workspace.run([str(path), str(other)])
    assert run.returncode == 0, run.stdout
    packages = {}
    for brainset in ("isolated", "other"):
        ready = workspace.folder(brainset).environment / "ready.json"
        packages[brainset] = json.loads(ready.read_text())["packages"]
    assert "tinynetrc==1.3.1" in packages["isolated"]
    assert "tinynetrc==1.3.0" in packages["other"]
    assert os.path.samefile(
        words(workspace)[0], workspace.folder("isolated").environment
    )
