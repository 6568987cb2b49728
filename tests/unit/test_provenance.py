"""Which versions of packages are other ones than an asset was made with."""

import json

import pytest

from brainsets.shared.folders import BrainsetFolder
from brainsets.verification.provenance import differences

EARLIER, LATER = "2026-01-01T00:00:00.000+00:00", "2026-01-02T00:00:00.000+00:00"


@pytest.mark.parametrize(
    ("built", "made_with", "installed", "reasons"),
    [
        (LATER, "1.0", "2.0", ("numpy 1.0 is now 2.0",)),
        (LATER, "1.0", "1.0", ()),
        # What a module says of itself may be shorter than its package's version.
        (LATER, "1.0", "1.0.post1", ()),
        (LATER, "1.0", "1.0+cpu", ()),
        (LATER, "1.0.post1", "1.1.post1", ("numpy 1.0.post1 is now 1.1.post1",)),
        # It was made in this environment, whatever the module says of itself.
        (EARLIER, "0.9", "1.0", ()),
    ],
)
def test_versions_differ_only_if_the_environment_does(
    tmp_path, built, made_with, installed, reasons
):
    folder = BrainsetFolder(tmp_path)
    folder.status.mkdir(parents=True)
    folder.environment.mkdir()
    ready = {"built": built, "packages": [f"numpy=={installed}"]}
    folder.environment_ready.write_text(json.dumps(ready))
    started = "2026-01-01T12:00:00.000+00:00"
    versions = {"numpy": made_with}
    done = {"asset": "s1", "started": started, "versions": versions, "outputs": []}
    (folder.status / "s1.DONE").write_text(json.dumps(done))
    assert [one.reasons for one in differences(folder)] == [reasons] * bool(reasons)
