"""A pipeline's block of dependencies is read as written, or refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import PipelineError
from brainsets.sources.declaration import Declaration, read_declaration

# Time says nothing here: the machine may be busy with whole runs of Snakemake.

FILE = Path("somewhere/pipeline.py")


def declared(text):
    return read_declaration(FILE, text)


def block(*lines):
    """Return a source with a block of these lines, opened in line 3."""
    inside = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return (
        f'"""A pipeline."""\n\n# /// brainset-pipeline\n{inside}# ///\n\nimport numpy\n'
    )


VERSION = 'python-version = "3.11"'
PACKAGES = 'dependencies = ["dandi==0.74.0", "scikit-learn"]'


def test_a_block_is_read():
    found = declared(block(VERSION, PACKAGES))
    assert found == Declaration("3.11", ("dandi==0.74.0", "scikit-learn"))


def test_dependencies_can_stand_in_many_lines():
    found = declared(
        block(
            "# what it needs",
            "dependencies = [",
            '    "dandi==0.74.0",  # the archive',
            "",
            "    'mne[hdf5]>=1.5; python_version > \"3.8\"',",
            '    "tools @ https://example.org/tools.whl",',
            "]",
        )
    )
    assert found.python_version is None
    assert found.dependencies == (
        "dandi==0.74.0",
        'mne[hdf5]>=1.5; python_version > "3.8"',
        "tools @ https://example.org/tools.whl",
    )


@pytest.mark.parametrize("lines", [[VERSION], [PACKAGES], [], ["# nothing"]], ids=str)
def test_each_key_may_be_left_out(lines):
    found = declared(block(*lines))
    assert found.python_version == ("3.11" if VERSION in lines else None)
    assert len(found.dependencies) == (2 if PACKAGES in lines else 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import numpy\n",
        "# brainset-pipeline\n",
        '"""\n    # /// brainset-pipeline\n    # ///\n"""\n',
        '# /// script\n# dependencies = ["requests"]\n# ///\n',
        "# /// script\n# broken\n",
        "# /// brainset-pipelines\n# x\n# ///\n",
    ],
    ids=range(7),
)
def test_a_source_without_our_block_declares_nothing(text):
    assert declared(text) is None


def test_other_blocks_are_not_ours():
    script = '# /// script\n# dependencies = ["requests"]\n# x = 1\n# ///\n\n'
    for text in (script + block(PACKAGES), block(PACKAGES) + script):
        assert declared(text) == Declaration(None, ("dandi==0.74.0", "scikit-learn"))


def test_what_is_always_needed_is_added_to_what_is_installed():
    found = declared(block(PACKAGES))
    assert found.requirements[:2] == ["dandi==0.74.0", "scikit-learn"]
    assert [r for r in found.requirements[2:] if r.startswith("pandas")]


@pytest.mark.parametrize(
    "version", ["3.9", "3.11", "3.14", "3.12.4", " 3.11 "], ids=str
)
def test_a_version_of_python_is_one_version(version):
    found = declared(block(f'python-version = "{version}"'))
    assert found.python_version == version.strip()


IN_LINE_3 = "somewhere/pipeline.py, block '# /// brainset-pipeline' in line 3"
WRONG = {
    "two blocks": (
        block(VERSION) + block(PACKAGES),
        ["somewhere/pipeline.py", "lines 3 and 10", "keep one"],
    ),
    "unclosed": (
        "\n# /// brainset-pipeline\n# x = 1\nimport numpy\n",
        ["somewhere/pipeline.py, line 2", "not closed", "# ///"],
    ),
    "unclosed at the end": (
        "# /// brainset-pipeline\n",
        ["somewhere/pipeline.py, line 1", "not closed"],
    ),
    "closed after an empty line": (
        "# /// brainset-pipeline\n# dependencies = []\n\n# ///\n",
        ["somewhere/pipeline.py, line 1", "not closed"],
    ),
    "line without a blank": (
        "# /// brainset-pipeline\n#dependencies = []\n# ///\n",
        ["somewhere/pipeline.py, line 1", "not closed", "starting with '# '"],
    ),
    "not TOML": (block("dependencies = [mne]"), [IN_LINE_3, "not TOML"]),
    "twice": (block(VERSION, VERSION), [IN_LINE_3, "not TOML"]),
    "unknown key": (
        block("requires-python = '3.11'"),
        [IN_LINE_3, "'requires-python'", "python-version and dependencies"],
    ),
    "key with a slip": (
        block("dependancies = []"),
        [IN_LINE_3, "'dependancies'", "did you mean 'dependencies'?"],
    ),
    "range": (block("python-version = '>=3.11'"), [IN_LINE_3, "'>=3.11'", '"3.11"']),
    "words": (block("python-version = '3.11 or newer'"), [IN_LINE_3, "or newer"]),
    "number": (block("python-version = 3.11"), [IN_LINE_3, "is 3.11", '"3.11"']),
    "python 2": (block("python-version = '2.7'"), [IN_LINE_3, "'2.7'"]),
    "no minor": (block("python-version = '3'"), [IN_LINE_3, "'3'"]),
    "text": (block("dependencies = 'mne'"), [IN_LINE_3, "is 'mne'", "a list"]),
    "not a requirement": (
        block("dependencies = ['mne==']"),
        [IN_LINE_3, "'mne==' is no requirement", "mne==1.11.0"],
    ),
    "path": (block("dependencies = ['./mine']"), [IN_LINE_3, "'./mine'"]),
    "option": (block("dependencies = ['--pre']"), [IN_LINE_3, "'--pre'"]),
    "number in the list": (block("dependencies = ['mne', 3]"), [IN_LINE_3, "3 is no"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_block_is_refused_with_its_line_in_one_sentence(case):
    text, named = WRONG[case]
    with pytest.raises(PipelineError) as refusal:
        declared(text)
    sentence = str(refusal.value)
    for word in named:
        assert word in sentence
    assert len(sentence.splitlines()) == 1


REFERENCE = declared(block(VERSION, PACKAGES)).key


@pytest.mark.parametrize(
    "text",
    [
        "import os\n" * 5 + block(VERSION, PACKAGES) + "x = 1\n",
        block(PACKAGES, VERSION),
        block("# why", VERSION, "", "dependencies=['dandi==0.74.0','scikit-learn',]"),
        block(VERSION, PACKAGES).replace("\n", "\r\n"),
    ],
    ids=["code around", "order of keys", "layout", "line ends"],
)
def test_the_key_stays_while_the_content_stays(text):
    assert declared(text).key == REFERENCE


@pytest.mark.parametrize(
    "lines",
    [
        [PACKAGES],
        [VERSION],
        [VERSION.replace("3.11", "3.12"), PACKAGES],
        [VERSION, PACKAGES.replace("0.74.0", "0.74.1")],
        [VERSION, PACKAGES.replace("scikit-learn", "scikit-learn>=1")],
        [VERSION, PACKAGES.replace("]", ', "mne"]')],
    ],
    ids=str,
)
def test_the_key_changes_with_the_content(lines):
    assert declared(block(*lines)).key != REFERENCE


@given(st.lists(st.sampled_from([VERSION, PACKAGES, "x = [", "]", "///", "# a", ""])))
def test_a_block_is_read_or_refused_whatever_stands_in_it(lines):
    try:
        found = declared(block(*lines))
    except PipelineError:
        return
    assert found.python_version in (None, "3.11")
