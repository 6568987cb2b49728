"""Which files count as a pipeline's code: modules beside it, and what it names."""

import os

import pytest

from brainsets.errors import PipelineError
from brainsets.shared.inputs.code import code_hash, code_stamp
from brainsets.shared.inputs.code_files import code_files, declared_files
from brainsets.sources.pipeline_file import PipelineSource


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def put(path, text="x = 1\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(pipeline):
    return [
        os.path.relpath(file, pipeline.parent)
        for file in code_files(pipeline)
        if file != pipeline
    ]


@pytest.mark.parametrize(
    "line",
    [
        "import lib.filters",
        "import numpy, lib.filters as f",
        "from lib import filters",
        "from lib.filters import gain",
        "from lib . filters import gain",
        "from lib import (\n    filters,\n)",
        "import os; from lib import filters",
        "if True: import lib.filters",
        "def f():\n    from lib.filters import gain",
        "from \\\n    lib import filters",
        "from \\\r\n    lib import filters",
        "importlib.import_module('lib.filters')",
        "importlib.import_module(f'lib.{name}')",
        'sys.path.insert(0, str(Path(__file__).parent / "lib"))',
        'runpy.run_path("./lib/filters.py")',
        'x = """long"""; import lib',
        "x = '#'; import lib",
        "x = new syntax\nimport lib",
    ],
)
def test_modules_count_that_are_imported_from_a_folder_without_init(folder, line):
    pipeline = put(folder / "pipeline.py", line + "\n")
    module = put(folder / "lib" / "filters.py")
    put(folder / "lib" / "deep" / "er" / "read.py")
    put(folder / "lib" / "package" / "__init__.py")
    assert names(pipeline) == [
        *("lib/deep/er/read.py", "lib/filters.py", "lib/package/__init__.py")
    ]
    before = code_hash(pipeline), code_stamp(pipeline)
    put(module, "x = 1  # one\n")
    assert code_hash(pipeline) == before[0]
    put(module, "x = 2\n")
    assert code_hash(pipeline) != before[0]
    assert code_stamp(pipeline) != before[1]
    put(module)
    added = put(folder / "lib" / "new.py")
    assert code_hash(pipeline) != before[0]
    added.unlink()
    assert (code_hash(pipeline), code_stamp(pipeline)) == before


@pytest.mark.parametrize(
    "line",
    [
        "",
        "import library",
        "# import lib",
        '"""See lib/filters.py\n\nimport lib\n"""',
        'print("in the lib")',
        "lib = 1",
        "from . import lib_of_mine",
    ],
)
def test_folders_that_the_code_does_not_name_do_not_count(folder, line):
    pipeline = put(folder / "pipeline.py", line + "\n")
    put(folder / "lib" / "filters.py")
    assert names(pipeline) == []


def test_what_is_imported_from_a_module_beside_counts_too(folder):
    pipeline = put(folder / "pipeline.py", "import reading\n")
    put(folder / "reading.py", "from one import a\n")
    put(folder / "one" / "a.py", "import two.b\n")
    put(folder / "two" / "b.py")
    put(folder / "three" / "c.py")
    assert names(pipeline) == ["one/a.py", "reading.py", "two/b.py"]


def test_what_cannot_be_imported_or_is_no_code_does_not_count(folder):
    pipeline = put(folder / "pipeline.py", "import lib, venv, node_modules, data\n")
    for name in (
        *("lib/__pycache__/a.py", "lib/.hidden/a.py", "lib/not-a-name/a.py"),
        *("lib/test_a.py", "lib/conftest.py", "lib/.a.py", "lib/a-b.py", "lib/a.pyc"),
        *("venv/pyvenv.cfg", "venv/a.py", "venv/lib/a.py", "lib/site-packages/a.py"),
        *("node_modules/a/b.py", "lib/env/conda-meta/history", "lib/env/a.py"),
    ):
        put(folder / name)
    for number in range(1001):
        put(folder / "data" / f"d{number}.py", "")
    assert names(pipeline) == []


def test_links_in_a_circle_end_and_what_links_lead_to_counts(folder, tmp_path):
    pipeline = put(folder / "pipeline.py", "import lib\n")
    put(folder / "lib" / "a.py")
    (folder / "lib" / "circle").symlink_to(folder)
    (folder / "lib" / "itself").symlink_to("itself")
    put(tmp_path / "elsewhere" / "b.py")
    (folder / "lib" / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(pipeline) == [
        *("lib/a.py", "lib/circle/pipeline.py", "lib/linked/b.py")
    ]


@pytest.fixture
def listed(monkeypatch):
    """Note which folders are read."""
    read, real = [], os.scandir

    def scandir(folder):
        read.append(folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    return read


def test_a_folder_of_very_many_folders_is_not_read_to_its_end(folder, listed):
    pipeline = put(folder / "pipeline.py", 'open("data/x.csv")\n')
    for number in range(300):
        (folder / "data" / f"s{number}").mkdir(parents=True)
    assert names(pipeline) == []
    assert 100 < len(listed) < 250


def test_a_folder_is_read_again_when_it_may_have_changed(folder, listed):
    pipeline = put(folder / "pipeline.py", "import lib\n")
    put(folder / "lib" / "a.py")
    assert names(pipeline) == ["lib/a.py"]
    # Within one tick of its time.
    times = (folder / "lib").stat()
    put(folder / "lib" / "b.py")
    os.utime(folder / "lib", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert names(pipeline) == ["lib/a.py", "lib/b.py"]
    os.utime(folder / "lib", (1000, 1000))
    listed.clear()
    assert names(pipeline) == names(pipeline) == ["lib/a.py", "lib/b.py"]
    assert listed.count(folder / "lib") == 1
    put(folder / "lib" / "c.py")
    assert names(pipeline)[-1] == "lib/c.py"


def test_code_of_any_bytes_names_what_it_imports(folder):
    pipeline = put(folder / "pipeline.py")
    put(folder / "lib" / "a.py")
    for start in (b"# \xff\n", b"# coding: no-such\n", b"# coding: latin-1\n# \xe9\n"):
        pipeline.write_bytes(start + b"import lib\n")
        assert names(pipeline) == ["lib/a.py"]


def block(*lines):
    return "".join(f"# {line}\n" for line in ("/// brainset-pipeline", *lines, "///"))


@pytest.mark.parametrize(
    "lines",
    [
        ['files = ["channels.json", "tables/*.csv"]'],
        ["files = ['tables/*.csv', # all\n# \"channels.json\",\n# ]"],
        ['"files" = ["tables", "channels.json"]', 'python-version = "3.11"'],
        ['dependencies = ["mne"]', 'files=["tables/../channels.json","**/*.csv",]'],
    ],
    ids=range(4),
)
def test_files_that_the_block_names_count_by_their_content(folder, lines):
    pipeline = put(folder / "pipeline.py", block(*lines))
    channels = put(folder / "channels.json", "[1]")
    table = put(folder / "tables" / "a.csv", "a")
    assert PipelineSource(pipeline).declaration or len(lines) == 1
    assert declared_files(pipeline) == [channels, table]
    seen = {code_hash(pipeline)}
    put(channels, "[2]")
    seen.add(code_hash(pipeline))
    put(table, "b")
    seen.add(code_hash(pipeline))
    put(folder / "tables" / "b.csv", "b")
    seen.add(code_hash(pipeline))
    assert len(seen) == 4
    stamp = code_stamp(pipeline)
    put(channels, "[3]")
    assert code_stamp(pipeline) != stamp
    put(folder / "other.json", "[3]")
    put(channels, "[2]")
    assert code_stamp(pipeline) == stamp and code_hash(pipeline) in seen


def test_a_file_next_door_may_be_named(folder, tmp_path):
    pipeline = put(folder / "pipeline.py", block('files = ["../channels.json"]'))
    put(tmp_path / "channels.json", "[1]")
    before = code_hash(pipeline)
    put(tmp_path / "channels.json", "[2]")
    assert code_hash(pipeline) != before
    assert PipelineSource(pipeline).declaration is None


def test_a_block_that_only_names_files_makes_no_environment(folder):
    put(folder / "channels.json", "[1]")
    pipeline = put(folder / "pipeline.py", block('files = ["channels.json"]'))
    assert PipelineSource(pipeline).environment_key is None
    keys = set()
    for lines in (["dependencies = []"], ["dependencies = []", 'files = ["*.json"]']):
        pipeline.write_text(block(*lines))
        keys.add(PipelineSource(pipeline).environment_key)
    assert len(keys) == 1 and None not in keys


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('files = ["chanels.json"]', ["'chanels.json'", "no such file"]),
        ('files = ["tables/*.csv"]', ["'tables/*.csv'", "no such file"]),
        ('files = "channels.json"', ["'channels.json'", "list"]),
        ("files = [1]", ["[1]", "list"]),
        ('files = [""]', ["''", "relative"]),
        ('files = ["/etc/passwd"]', ["'/etc/passwd'", "relative"]),
        ('files = ["""channels.json"""]', ["plainly"]),
    ],
)
def test_wrong_files_are_refused_with_one_sentence(folder, line, words):
    put(folder / "channels.json", "[1]")
    pipeline = put(folder / "pipeline.py", block(line))
    with pytest.raises(PipelineError) as refusal:
        _ = PipelineSource(pipeline).declaration
    for word in ("line 1", *words):
        assert word in str(refusal.value)


def test_long_files_count_by_size_and_parts(tmp_path, monkeypatch):
    from brainsets.shared.inputs import content_hashes

    monkeypatch.setattr(content_hashes, "_WHOLE", 64 * 16)
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(5000))
    before = content_hashes.content_hash(path)
    for content in (bytes(5001), b"1" + bytes(4999), bytes(4999) + b"1"):
        path.write_bytes(content)
        assert content_hashes.content_hash(path) != before
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe", tmp_path / "no", "a\0b", "a" * 5000):
        assert content_hashes.content_hash(other) is None
