"""What counts as a change of a pipeline's code, in all versions of Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import packaging
import pytest

from brainsets.sources.pipeline_file import PipelineSource
from tests.helpers.workspace import ROOT

CODE = '''"""A pipeline."""

import io

from brainsets.pipeline import BrainsetPipeline


class Pipeline(BrainsetPipeline):
    """Lists nothing."""

    brainset_id = "mine_2020"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        """List nothing."""
        # Nothing at all.
        return make(["a", "b"], key='c')

    async def wait(self, seconds: float = 0.5) -> None:
        """Wait."""
        self.text = "it's"
'''


@pytest.fixture
def pipeline(tmp_path):
    path = tmp_path / "mine" / "pipeline.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return path


def code(path):
    """Return the hash as a new run would see it."""
    return PipelineSource(path).code


SAME = {
    "comment": ("# Nothing at all.", "# Something else: #!"),
    "no comment": ("        # Nothing at all.\n", ""),
    "comment behind": ("import io\n", "import io  # noqa: F401\n"),
    "docstring of the module": ('"""A pipeline."""\n', '"""Another."""\n'),
    "no docstring of the module": ('"""A pipeline."""\n', ""),
    "docstring of the class": ('"""Lists nothing."""', '"""Lists\n    nothing."""'),
    "no docstring of the class": ('    """Lists nothing."""\n', ""),
    "docstring of a function": ('"""List nothing."""', "'List all.'"),
    "docstring of a coroutine": ('        """Wait."""\n', ""),
    "quotes": ('"mine_2020"', "'mine_2020'"),
    "quotes inside": ('"it\'s"', "'it\\'s'"),
    "trailing comma": ('"b"]', '"b",]'),
    "trailing comma of a call": ("key='c')", "key='c',\n        )"),
    "layout": ('make(["a", "b"], key=', 'make(\n            ["a","b"],\n  key='),
    "brackets": ('make(["a", "b"], key=\'c\')', '(make(["a", "b"], key=(\'c\')))'),
    "empty lines": ("\n\n\nclass", "\nclass"),
    "line ends": ("\n", "\r\n"),
    "kind of text": ('"mine_2020"', 'u"mine_2020"'),
    "parts of text": ('"mine_2020"', '"mine" "_2020"'),
}


@pytest.mark.parametrize("change", SAME)
def test_what_does_not_run_is_no_change_of_code(pipeline, change):
    before = code(pipeline)
    old, new = SAME[change]
    assert old in CODE
    pipeline.write_bytes(CODE.replace(old, new).encode())
    assert code(pipeline) == before


def test_a_mark_of_an_editor_before_the_first_line_is_no_change(pipeline):
    before = code(pipeline)
    pipeline.write_text(CODE, encoding="utf-8-sig")
    assert code(pipeline) == before
    assert PipelineSource(pipeline).brainset_id == "mine_2020"


DIFFERENT = {
    "text": ('"a"', '"A"'),
    "text that looks like a docstring": ('"it\'s"', '"its"'),
    "number": ("0.5", "0.50001"),
    "type of a number": ("0.5", "1"),
    "annotation": ("float", "int"),
    "name": ("raw_dir", "raw"),
    "import": ("import io\n", ""),
    "statement": ("        self.text", "        print()\n        self.text"),
    "order of statements": ("import io\n\nfrom brains", "from brains"),
    "decorator": ("    @classmethod\n", ""),
    "keyword": ("key=", "other="),
    "kind of function": ("async def", "def"),
    "text after the docstring": ('"""Wait."""', '"""Wait."""\n        "again"'),
    "nothing returned": ("return make", "make"),
    "tuple for list": ('["a", "b"]', '("a", "b")'),
    "order": ('"a", "b"', '"b", "a"'),
    "base": ("(BrainsetPipeline)", ""),
    "constant": ('"it\'s"', "None"),
    "broken": ("class Pipeline", "clas Pipeline"),
}


@pytest.mark.parametrize("change", DIFFERENT)
def test_what_runs_is_a_change_of_code(pipeline, change):
    before = code(pipeline)
    old, new = DIFFERENT[change]
    assert old in CODE
    pipeline.write_text(CODE.replace(old, new))
    assert code(pipeline) != before


def test_every_single_constant_counts(tmp_path):
    path = tmp_path / "pipeline.py"
    found = set()
    constants = [
        "None",
        "True",
        "False",
        "0",
        "0.0",
        "0j",
        '""',
        'b""',
        "...",
        '"None"',
    ]
    for constant in constants:
        path.write_text(f"x = {constant}\nmatch x:\n  case {constant}: pass\n")
        found.add(code(path))
    for bare in ("return", "return None", "return 0", "yield", "yield 0"):
        path.write_text(f"def f():\n    {bare}\n")
        found.add(code(path))
    for text in ('f"{x}"', 'f"{x!r}"', 'f"{x:1}"', 'f"{x:{y}}"', '"{x}"', 'f"{x}y"'):
        path.write_text(f"a = {text}\n")
        found.add(code(path))
    assert len(found) == len(constants) + 5 + 6


@pytest.mark.parametrize(
    "beside", ["split.py", "tools/__init__.py", "tools/deep/read.py", "tools/x/y/z.py"]
)
def test_code_beside_the_pipeline_counts(pipeline, beside):
    path = pipeline.parent / beside
    (pipeline.parent / "tools").mkdir()
    (pipeline.parent / "tools" / "__init__.py").touch()
    before = code(pipeline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1\n")
    added = code(pipeline)
    assert added != before
    path.write_text('"""Doc."""\nx = 1  # one\n')
    assert code(pipeline) == added
    path.write_text("x = 2\n")
    assert code(pipeline) not in (before, added)
    path.unlink()
    if beside == "tools/__init__.py":
        path.touch()
    assert code(pipeline) == before


def test_a_module_that_is_renamed_counts(pipeline):
    (pipeline.parent / "one.py").write_text("x = 1\n")
    before = code(pipeline)
    (pipeline.parent / "one.py").rename(pipeline.parent / "two.py")
    assert code(pipeline) != before


@pytest.mark.parametrize(
    "beside",
    [
        "test_pipeline.py",
        "pipeline_test.py",
        "conftest.py",
        "tools/test_read.py",
        "tools/tests/conftest.py",
        "__pycache__/pipeline.cpython-311.pyc",
        "tools/__pycache__/read.cpython-311.pyc",
        "notes.md",
        "sessions.csv",
        "tools/table.json",
        "pipeline.py.orig",
        "notebooks/look.py",
        ".hidden.py",
        "tools/._read.py",
    ],
)
def test_tests_caches_data_and_hidden_files_beside_do_not_count(pipeline, beside):
    (pipeline.parent / "tools").mkdir()
    (pipeline.parent / "tools" / "__init__.py").touch()
    before = code(pipeline)
    path = pipeline.parent / beside
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00\xff no text")
    assert code(pipeline) == before


def test_the_lock_of_an_editor_beside_does_not_stop_a_run(pipeline):
    before = code(pipeline)
    (pipeline.parent / ".#pipeline.py").symlink_to("somebody@somewhere.1234")
    assert code(pipeline) == before


def test_the_folder_may_be_moved_and_the_file_be_called_otherwise(pipeline, tmp_path):
    before = code(pipeline)
    moved = shutil.copytree(pipeline.parent, tmp_path / "elsewhere é")
    assert code(moved / "pipeline.py") == before


def test_a_module_beside_in_another_encoding_counts_and_stops_nobody(pipeline):
    before = code(pipeline)
    latin = pipeline.parent / "latin.py"
    latin.write_bytes(b"# caf\xe9\n")
    broken = code(pipeline)
    latin.write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n")
    assert len({before, broken, code(pipeline)}) == 3
    (pipeline.parent / "gone.py").symlink_to("nowhere.py")
    (pipeline.parent / "folder.py").mkdir()
    assert code(pipeline)


SAMPLE = '''
from __future__ import annotations
import asyncio as a, os.path
from . import beside
from ..up import (one, two as three)

type_ = int
N: int = 10_000_000_000_000_000_000_000
big, small, odd, raw = 1e400, 5e-324, 3j, rb"\\d\\xff"
shaking, new = "\U0001fae8", {"\U0001fabf": "\\ud800", **{}, 1: ...}


@decorated(1, *[2], key=None, **{})
class Sample(Base, metaclass=Meta):
    """Doc."""
    x: "int" = 1
    y: list[int | None]

    def f(self, a, /, b: int = 1, *args: str, c, d=None, **rest: dict) -> "Sample":
        """Doc."""
        global N
        return f"{a}" f"{b!r:>{c}}" "tail" rf"\\d{d:%Y-%m-%d}{{literal}}{N=}{a:{b}.{c}}"

    async def g(self):
        async with one() as x, two: pass
        async for i in self: yield await i
        return

    def h(self): "only doc"

    def i(self):
        def inner():
            nonlocal_ = [z async for z in y if (w := z) if w]
            return lambda *p, q=1, **r: (yield)
        with (open(a) as x, open(b)): pass
        try: pass
        except* (E, F) as error: raise X from None
        try: pass
        except E: raise
        except: pass
        else: pass
        finally: del x.y, x[1:2, ::3, ...], x[*a]
        while not x or y and z: continue
        else: x @= y
        for i, *j in k: break
        assert x is not y, f"{x}" if 1 < x <= 2 else f""
        return {x: y for x in y}, {*x}, (*y,), -x ** ~y, x[y], x.y.z(*a, **b)


match point:
    case None | True | 1 | -1.5 | "a" | b"b": pass
    case {"k": [1, *_, Sample(x=2)], **rest} if x: pass
    case (1 | 2) as z: pass
    case a.b: pass
    case _: pass
'''


def interpreters():
    """Return one interpreter of each Python that planning code runs on, by minor."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(11, 16):
        name = f"python3.{minor}"
        candidates = [
            shutil.which(name),
            *sorted(pyenv.glob(f"3.{minor}.*/bin/{name}")),
        ]
        for candidate in filter(None, candidates):
            # One that pyenv has not been told to use is there, but does not run.
            call = [str(candidate), "-c", "import tomllib"]
            if not subprocess.run(call, capture_output=True).returncode:
                found[minor] = str(candidate)
                break
    found[sys.version_info.minor] = sys.executable
    return found


# Each with the first minor version that can parse it.
SAMPLES = {
    SAMPLE: 11,
    'f"{a!r:>{b}}"': 11,
    'f"{a:{b}{c}}"': 11,
    'f"{a:{b}.{c}f}"': 11,
    'f""': 11,
    'f"{a:}"': 11,
    'f"{{"': 11,
    'f"a{{b}}c{x}d{{"': 11,
    'f"{a = }"': 11,
    'f"{a=!s:5}"': 11,
    '"a" f"{x}" "b" f""': 11,
    'f"{x:%Y-%m}"': 11,
    # Known to be printable since 3.12, and before.
    "s = '\U0001fae8'": 11,
    "s = '\U0001fae0\\ud800'": 11,
    "x = 1 if": 11,
    "def f[T](x: T) -> T: ...": 12,
    "type X = int": 12,
    "f'{d['a']}'": 12,
}


def test_the_hash_is_the_same_under_every_version_of_python(tmp_path):
    pythons = interpreters()
    if len(pythons) == 1:
        pytest.skip(f"only one Python is installed: {sys.version.split()[0]}")
    paths = []
    for number, sample in enumerate(SAMPLES):
        paths.append(tmp_path / str(number) / "pipeline.py")
        paths[-1].parent.mkdir()
        paths[-1].write_text(sample, encoding="utf-8")
    # The only package that planning code needs for this, and nothing else beside it.
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "packaging").symlink_to(Path(packaging.__file__).parent)
    script = (
        "import json, pathlib, sys\n"
        "from brainsets.sources.pipeline_file import PipelineSource\n"
        "paths = map(pathlib.Path, sys.argv[1:])\n"
        "print(json.dumps([PipelineSource(path).code for path in paths]))\n"
    )
    found = {}
    for minor, python in pythons.items():
        done = subprocess.run(
            [python, "-B", "-c", script, *paths],
            env={"PYTHONPATH": f"{ROOT}:{installed}", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (minor, done.stderr)
        found[minor] = json.loads(done.stdout)
    for number, (sample, since) in enumerate(SAMPLES.items()):
        hashes = {minor: codes[number] for minor, codes in found.items()}
        judged = {code for minor, code in hashes.items() if minor >= since}
        assert len(judged) <= 1, (sample, hashes)
