"""A wrong setting is said in one sentence, and where it is from."""

import pytest

from brainsets.errors import PipelineError, SettingsError
from brainsets.planning.settings import read_settings
from tests.helpers.settings import SHIPPED, read

pytestmark = pytest.mark.usefixtures("work")

FROM_FILE = "config/config.yaml: "
WRONG = {
    "nothing": ("", [FROM_FILE, "no 'brainsets'", SHIPPED]),
    "no brainsets": ("downloads: 2", [FROM_FILE, "no 'brainsets'"]),
    "brainsets without value": ("brainsets:", [FROM_FILE, "no 'brainsets'"]),
    "empty list": ("brainsets: []", [FROM_FILE, "brainsets is empty"]),
    "empty name": ("brainsets: ''", [FROM_FILE, "brainsets is empty"]),
    "entry without value": (
        "brainsets:\n - p/one\n -",
        [FROM_FILE, "brainsets[1] is empty"],
    ),
    "entry without pipeline": (
        "brainsets: [p/one, {limit: 3}]",
        [FROM_FILE, "brainsets[1] has no 'pipeline'"],
    ),
    "pipeline without value": (
        "brainsets: {pipeline: }",
        [FROM_FILE, "brainsets has no 'pipeline'"],
    ),
    "number as name": (
        "brainsets: 717",
        [FROM_FILE, "brainsets is 717", "text or a mapping", 'quotes: "717"'],
    ),
    "list in list": (
        "brainsets: [[p/one]]",
        [FROM_FILE, "brainsets[0] is ['p/one']", "text or a mapping"],
    ),
    "unknown key": (
        "{brainsets: p/one, dowloads: 3}",
        [FROM_FILE, "'dowloads'", "did you mean 'downloads'?", "raw_dir"],
    ),
    "unknown key without value": (
        "{brainsets: p/one, dowloads: }",
        [FROM_FILE, "'dowloads'", "did you mean 'downloads'?"],
    ),
    "unknown key far from all": (
        "{brainsets: p/one, qqq: 3}",
        [FROM_FILE, "unknown setting 'qqq'; allowed are raw_dir, processed_dir"],
    ),
    "unknown key of an entry": (
        "brainsets: [p/one, {pipeline: p/two, asets: [a]}]",
        [FROM_FILE, "'asets' in brainsets[1]", "did you mean 'assets'?", "exclude"],
    ),
    "unknown key of an entry without value": (
        "brainsets: {pipeline: p/two, asets: }",
        [FROM_FILE, "'asets' in brainsets;", "did you mean 'assets'?"],
    ),
    "unknown key of a step": (
        "brainsets: {pipeline: p/one, process: {mem: 3}}",
        [FROM_FILE, "'mem' in brainsets.process", "did you mean 'mem_mb'?"],
    ),
    "threads of a download": (
        "brainsets: {pipeline: p/one, download: {threads: 2}}",
        [FROM_FILE, "'threads' in brainsets.download", "mem_mb, runtime, timeout"],
    ),
    "number as key": ("{brainsets: p/one, 3: 4}", [FROM_FILE, "unknown setting 3"]),
    "text as number": (
        "{brainsets: p/one, downloads: '4'}",
        [FROM_FILE, "downloads is '4'", "a whole number"],
    ),
    "fraction": (
        "{brainsets: p/one, downloads: 4.5}",
        [FROM_FILE, "downloads is 4.5", "a whole number"],
    ),
    "flag as number": (
        "{brainsets: p/one, downloads: true}",
        [FROM_FILE, "downloads is True", "a whole number"],
    ),
    "none at once": (
        "{brainsets: p/one, downloads: 0}",
        [FROM_FILE, "downloads is 0", "at least 1"],
    ),
    "text as flag": (
        "{brainsets: p/one, download_only: 'yes please'}",
        [FROM_FILE, "download_only is 'yes please'", "true or false"],
    ),
    "number as folder": (
        "{brainsets: p/one, raw_dir: 2020}",
        [FROM_FILE, "raw_dir is 2020", "must be text", 'quotes: "2020"'],
    ),
    "list as folder": (
        "{brainsets: p/one, raw_dir: [a]}",
        [FROM_FILE, "raw_dir is ['a']", "must be text."],
    ),
    "empty folder": (
        "{brainsets: p/one, processed_dir: ''}",
        [FROM_FILE, "processed_dir is empty"],
    ),
    "number as asset": (
        "brainsets: {pipeline: p/one, assets: [a, 717]}",
        [FROM_FILE, "brainsets.assets[1] is 717", 'quotes: "717"'],
    ),
    "number as all assets": (
        "brainsets: {pipeline: p/one, exclude: 7}",
        [FROM_FILE, "brainsets.exclude is 7", "text or a list", 'quotes: "7"'],
    ),
    "no limit": (
        "brainsets: {pipeline: p/one, limit: 0}",
        [FROM_FILE, "brainsets.limit is 0", "at least 1"],
    ),
    "number as argument": (
        "brainsets: {pipeline: p/one, args: [--subject, 3]}",
        [FROM_FILE, "brainsets.args[1] is 3", 'quotes: "3"'],
    ),
    "open quote in arguments": (
        'brainsets: {pipeline: p/one, args: "--name \'a"}',
        ["args of p/one", "--name 'a", "No closing quotation"],
    ),
    "unknown environment": (
        "brainsets: {pipeline: p/one, environment: isolate}",
        [FROM_FILE, "brainsets.environment is 'isolate'", "did you mean 'isolated'?"],
    ),
    "environment far from all": (
        "brainsets: {pipeline: p/one, environment: 3}",
        [FROM_FILE, "brainsets.environment is 3", "allowed are isolated, active"],
    ),
    "memory with a unit": (
        "brainsets: {pipeline: p/one, process: {mem_mb: 8GB}}",
        [FROM_FILE, "brainsets.process.mem_mb is '8GB'", "a whole number"],
    ),
    "no time": (
        "brainsets: {pipeline: p/one, process: {timeout: 0}}",
        [FROM_FILE, "brainsets.process.timeout is 0", "more than 0"],
    ),
    "number as step": (
        "brainsets: {pipeline: p/one, download: 4}",
        [FROM_FILE, "brainsets.download is 4", "a mapping"],
    ),
    "name with a slip": (
        "brainsets: rokem_grasshoper_auditory_2006",
        ["'rokem_grasshoper_auditory_2006'", f"did you mean '{SHIPPED}'?"],
    ),
    "unknown name": ("brainsets: qqq", ["no pipeline named 'qqq'", "brainsets list"]),
    "name that no file can have": (
        f"brainsets: {'x' * 300}",
        ["no pipeline named 'xxx", "brainsets list"],
    ),
    "no such folder": ("brainsets: p/nope", ["'p/nope'", "no such file or folder"]),
    "folder without pipeline": (
        "brainsets: p/empty",
        ["p/empty", "holds no pipeline.py"],
    ),
    "folder of pipelines": ("brainsets: p", ["the folder p holds no pipeline.py"]),
    "parent folder": ("brainsets: ..", ["the folder .. holds no pipeline.py"]),
    "same id twice": (
        "brainsets: [p/one, p/two, p/same]",
        ["p/one/pipeline.py and ", "p/same/pipeline.py", "'one_2020'", "id: ..."],
    ),
    "same pipeline twice": ("brainsets: [p/one, p/one]", ["'one_2020'", "share"]),
    "ids that differ in case": (
        "brainsets: [p/one, p/upper]",
        ["p/one/pipeline.py and ", "'one_2020' and 'One_2020'", "share a folder"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_said_in_one_sentence(case):
    text, named = WRONG[case]
    with pytest.raises(SettingsError) as refusal:
        read(text)
    sentence = str(refusal.value)
    for word in named:
        assert word in sentence
    assert len(sentence.splitlines()) == 1
    assert sentence.endswith((".", "?", '"'))
    assert "Traceback" not in sentence


@pytest.mark.parametrize(
    ("folder", "named"),
    [("p/none", "no line brainset_id"), ("p/bad", "'a/b' cannot name a folder")],
)
def test_a_pipeline_without_a_good_id_is_refused_before_anything_runs(folder, named):
    with pytest.raises(PipelineError, match=named):
        read(f"brainsets: {folder}")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"downloads": "many"}, "downloads is 'many'"),
        ({"downloads": ""}, "downloads is ''"),
        ({"downloads": "[1"}, "downloads is '[1'"),
        ({"downloads": "a: b: c"}, "downloads is 'a: b: c'"),
        ({"download_only": "perhaps"}, "download_only is 'perhaps'"),
        ({"dowloads": "3"}, "did you mean 'downloads'?"),
        ({"brainsets": [{"pipeline": "p/one", "limit": "x"}]}, "brainsets[0].limit"),
    ],
)
def test_a_wrong_setting_from_the_command_line_is_said_to_be_from_there(given, named):
    with pytest.raises(SettingsError) as refusal:
        read_settings({"brainsets": "p/one", **given}, given=given, where="mine.yaml")
    assert str(refusal.value).startswith("--config: ")
    assert named in str(refusal.value)


def test_a_wrong_setting_is_said_to_be_from_the_file_that_was_named():
    config = {"brainsets": "p/one", "downloads": 3, "dowloads": 3}
    with pytest.raises(SettingsError, match="^mine.yaml: unknown setting 'dowloads'"):
        read_settings(config, given={"downloads": 3}, where="mine.yaml")


def test_of_two_unknown_settings_the_one_that_is_named_says_where_it_is_from():
    config = {"brainsets": "p/one", "first": 1, "second": 2}
    with pytest.raises(SettingsError, match="^config/config.yaml: .* 'first'"):
        read_settings(config, given={"second": 2})
