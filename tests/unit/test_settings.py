"""Settings are complete and typed, however they are written."""

from pathlib import Path

import pytest

from brainsets.planning.schema import read_schema
from brainsets.planning.settings import Step
from tests.helpers.settings import SHIPPED, only, read

pytestmark = pytest.mark.usefixtures("work")


def test_one_name_is_enough(work):
    settings = read(f"brainsets: {SHIPPED}")
    assert (settings.downloads, settings.download_only) == (4, False)
    brainset = only(settings)
    assert list(settings.brainsets) == [brainset.id] == [SHIPPED]
    assert brainset.raw_dir == work / "data/raw"
    assert brainset.processed_dir == work / "data/processed"
    assert brainset.folder.root == work / "data/processed" / SHIPPED
    assert brainset.args == []
    assert brainset.environment == "isolated"
    assert brainset.download == Step(mem_mb=1000, runtime=240, threads=0, timeout=None)
    assert brainset.process == Step(mem_mb=4000, runtime=240, threads=1, timeout=None)
    assert brainset.selection.apply("b", ["a", "b"]) == ["a", "b"]


def test_every_setting_is_described():
    def described(part):
        for inner in part.get("properties", {}).values():
            assert inner["description"]
            described(inner)

    schema = read_schema()
    described(schema)
    for definition in schema["$defs"].values():
        described(definition)


def test_all_settings_arrive():
    settings = read(
        """
        raw_dir: /somewhere/raw
        processed_dir: ~/processed
        downloads: 2
        download_only: true
        brainsets:
          - p/one
          - pipeline: p/two/pipeline.py
            args: --subject 3 --name 'a b'
            assets: ["c_*", "007"]
            exclude: x*
            limit: 10
            environment: active
            process: {mem_mb: 8000, runtime: 60, threads: 2, timeout: 0.5}
            download: {mem_mb: 500, runtime: 30, timeout: 7200}
        """
    )
    assert (settings.downloads, settings.download_only) == (2, True)
    assert list(settings.brainsets) == ["one_2020", "two_2020"]
    two = settings.brainsets["two_2020"]
    assert two.raw_dir == Path("/somewhere/raw")
    assert two.processed_dir == Path("~/processed").expanduser()
    assert two.args == ["--subject", "3", "--name", "a b"]
    assert two.selection.assets == ["c_*", "007"]
    assert two.selection.exclude == ["x*"]
    assert two.selection.limit == 10
    assert two.environment == "active"
    assert two.process == Step(mem_mb=8000, runtime=60, threads=2, timeout=0.5)
    assert two.download == Step(mem_mb=500, runtime=30, threads=0, timeout=7200)


def test_a_setting_that_is_made_leaves_the_others_at_their_defaults():
    process = only(read("brainsets: {pipeline: p/one, process: {threads: 8}}")).process
    assert process == Step(mem_mb=4000, runtime=240, threads=8, timeout=None)


@pytest.mark.parametrize(
    "text",
    [
        "brainsets: p/one",
        "brainsets: p/one/pipeline.py",
        "brainsets: p/one/",
        "brainsets: [p/one]",
        "brainsets: {pipeline: p/one}",
        "brainsets: [{pipeline: p/one}]",
        "{brainsets: p/one, raw_dir: , downloads: }",
        "brainsets: {pipeline: p/one, args: , limit: , process: , environment: }",
        "brainsets: [{pipeline: p/one, process: {mem_mb: , timeout: }}]",
        "{brainsets: p/one, downloads: 4.0}",
    ],
)
def test_a_brainset_can_be_written_in_many_ways_and_keys_left_empty(text):
    settings = read(text)
    brainset = only(settings)
    assert brainset.id == "one_2020"
    assert settings.downloads == 4
    assert type(settings.downloads) is int
    assert brainset.process == Step(mem_mb=4000, runtime=240, threads=1, timeout=None)
    assert brainset.environment == "isolated"


def test_arguments_can_be_text_or_a_list():
    assert only(read("brainsets: {pipeline: p/one, args: '-a b'}")).args == ["-a", "b"]
    given = "brainsets: {pipeline: p/one, args: ['-a b', '']}"
    assert only(read(given)).args == ["-a b", ""]


def test_flags_that_ask_for_a_repetition_do_not_count():
    brainset = only(
        read("brainsets: {pipeline: p/one, args: --redownload -a 1 --reprocess}")
    )
    assert brainset.args == ["--redownload", "-a", "1", "--reprocess"]
    assert brainset.counted_args == ["-a", "1"]


def test_only_a_pipeline_that_declares_something_is_isolated(work):
    assert not only(read("brainsets: p/one")).is_isolated
    path = work / "p/one/pipeline.py"
    block = '# /// brainset-pipeline\n# dependencies = ["mne"]\n# ///\n'
    path.write_text(block + path.read_text())
    assert only(read("brainsets: p/one")).is_isolated
    assert not only(
        read("brainsets: {pipeline: p/one, environment: active}")
    ).is_isolated
