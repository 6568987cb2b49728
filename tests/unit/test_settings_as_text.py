"""Settings from the command line, where all is text, get the type that is wanted."""

import pytest

from brainsets.errors import SettingsError
from brainsets.planning.settings import read_settings
from tests.helpers.settings import only

pytestmark = pytest.mark.usefixtures("work")


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        ({"downloads": "8"}, "downloads", 8),
        ({"downloads": 8}, "downloads", 8),
        ({"download_only": "true"}, "download_only", True),
        ({"download_only": "False"}, "download_only", False),
        ({"download_only": True}, "download_only", True),
    ],
)
def test_text_from_the_command_line_gets_the_type_that_is_wanted(config, key, value):
    settings = read_settings({"brainsets": "p/one", **config}, given=config)
    assert getattr(settings, key) == value
    assert type(getattr(settings, key)) is type(value)


@pytest.mark.parametrize("text", ["007", "1e3", "true", "null", "2020-01-01", "[a"])
def test_text_from_the_command_line_stays_text_where_text_is_wanted(work, text):
    config = {"brainsets": "p/one", "raw_dir": text}
    assert only(read_settings(config, given=config)).raw_dir == work / text


def test_numbers_from_the_command_line_become_text_where_text_is_wanted(work):
    entry = {"pipeline": "p/one", "assets": [717, "a"], "args": 3, "limit": "2"}
    config = {"brainsets": [entry], "raw_dir": 2020}
    brainset = only(read_settings(config, given=config))
    assert brainset.raw_dir == work / "2020"
    assert brainset.selection.assets == ["717", "a"]
    assert brainset.selection.limit == 2
    assert brainset.args == ["3"]


def test_what_the_file_says_is_not_retyped_because_something_else_was_given():
    config = {"brainsets": "p/one", "downloads": "8"}
    with pytest.raises(SettingsError, match="^config/config.yaml: downloads is '8'"):
        read_settings(config, given={"brainsets": "p/one"})
