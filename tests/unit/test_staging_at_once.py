"""Assets that start at the same moment share the folder above their own."""

import os

from brainsets.jobs import staging


def test_a_folder_that_another_asset_has_just_made_stays(tmp_path, monkeypatch):
    folder = tmp_path / "staging"
    identity = staging._identity

    def made_meanwhile(path):
        found = identity(path)
        if path == folder and found is None:
            os.mkdir(path)
            (path / "of another").mkdir()
        return found

    monkeypatch.setattr(staging, "_identity", made_meanwhile)
    staging._make_real(folder)
    assert os.listdir(folder) == ["of another"]
