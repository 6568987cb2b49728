"""An installation of the wheel that WHEEL names."""

import pytest

from tests.helpers.installation import WHEEL, Installation


def pytest_collection_modifyitems(items):
    if WHEEL is None:
        skip = pytest.mark.skip(reason="WHEEL names no wheel, see helpers/installation")
        for item in items:
            if "/tests/installed/" in str(item.path):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    """It has what the report and a contract need, too."""
    root = tmp_path_factory.mktemp("installed")
    found = Installation(root, "h5py", "matplotlib", "pytest")
    yield found
    found.remove()
