"""What is read from a source without running it: the id, and what is declared."""

import pytest

from brainsets.errors import PipelineError
from brainsets.sources.pipeline_file import PipelineSource


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('class Pipeline(Base):\n    brainset_id = "a_2020"\n', "a_2020"),
        ("class Pipeline:\n    brainset_id: str = 'a-b.c'\n", "a-b.c"),
        ('class Pipeline:\n    """Doc."""\n    x = brainset_id = "a"\n', "a"),
        ('class Pipeline:\n    brainset_id: str\n    brainset_id = "a"\n', "a"),
        ('ID = "a"\nclass Pipeline:\n    brainset_id = ID\n', "a"),
        ('ID: str = "a"\nclass Pipeline:\n    brainset_id: str = ID\n', "a"),
        (
            'class Other:\n  brainset_id = "x"\nclass Pipeline:\n  brainset_id = "a"',
            "a",
        ),
        ('brainset_id = "x"\nclass Pipeline:\n    brainset_id = "a"\n', "a"),
        (
            'class Pipeline:\n  def f(self): brainset_id = "x"\n  brainset_id = "a"',
            "a",
        ),
        ('class Pipeline:\n    brainset_id = "a"\n\nx = newer syntax\n', "a"),
        ("class Pipeline:\n    brainset_id: str = 'a'\nx = newer syntax\n", "a"),
    ],
)
def test_the_id_is_read_from_the_source(tmp_path, source, found):
    path = tmp_path / "pipeline.py"
    path.write_text(source)
    assert PipelineSource(path).brainset_id == found


@pytest.mark.parametrize(
    "source",
    [
        "",
        'brainset_id = "a"\n',
        "class Pipeline:\n    pass\n",
        "class Pipeline:\n    brainset_id: str\n",
        "class Pipeline:\n    brainset_id = 3\n",
        "class Pipeline:\n    brainset_id = make()\n",
        "class Pipeline:\n    brainset_id = NOWHERE\n",
        'class Other:\n    brainset_id = "a"\n',
        "x = newer syntax\n",
    ],
)
def test_a_source_without_an_id_is_refused_with_what_to_add(tmp_path, source):
    path = tmp_path / "pipeline.py"
    path.write_text(source)
    with pytest.raises(PipelineError) as refusal:
        _ = PipelineSource(path).brainset_id
    assert str(path) in str(refusal.value)
    assert 'brainset_id = "..."' in str(refusal.value)
    assert "class Pipeline" in str(refusal.value)


@pytest.mark.parametrize("wrong", ["", "..", ".a", "a/b", "a b", "é", "a\\\\b", "a\\n"])
def test_an_id_that_cannot_name_a_folder_is_refused(tmp_path, wrong):
    path = tmp_path / "pipeline.py"
    path.write_text(f'class Pipeline:\n    brainset_id = "{wrong}"\n')
    with pytest.raises(PipelineError, match="cannot name a folder"):
        _ = PipelineSource(path).brainset_id


def test_nothing_of_the_source_is_run(tmp_path):
    path = tmp_path / "pipeline.py"
    text = 'class Pipeline:\n    brainset_id = "mine_2020"\n'
    path.write_text(f"{text}raise SystemExit('it was run')\n")
    source = PipelineSource(path)
    assert source.brainset_id == "mine_2020"
    assert source.code
    assert source.declaration is None


def test_the_declaration_is_read_from_the_file_also_after_an_editors_mark(tmp_path):
    path = tmp_path / "pipeline.py"
    block = '# /// brainset-pipeline\n# dependencies = ["mne"]\n# ///\n'
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(block, encoding=encoding)
        assert PipelineSource(path).declaration.dependencies == ("mne",)


@pytest.mark.parametrize("content", [None, b"# caf\xe9\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "pipeline.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match="pipeline.py cannot be read"):
        _ = PipelineSource(path).text
