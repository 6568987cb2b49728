"""Whatever lies where a download is to be, nothing but the file itself is changed."""

import errno
import os
import stat

import pytest

pytest.importorskip("requests", reason="downloads are done with requests")

from brainsets.archives.downloads import download_file
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.raw_answers import CONTENT, SHA256

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.edf").write_bytes(CONTENT)
    with ArchiveServer(folder) as server:
        yield server


@pytest.mark.parametrize("sha256", [None, SHA256])
@pytest.mark.parametrize("kind", ["link", "hard", "dangling", "pipe", "folder"])
def test_nothing_is_written_through_what_lies_at_the_part(server, path, kind, sha256):
    path.parent.mkdir()
    part, elsewhere = path.with_name("a.edf.part"), path.with_name("precious")
    elsewhere.write_bytes(b"precious")
    if kind == "link":
        part.symlink_to(elsewhere)
    elif kind == "dangling":
        part.symlink_to(path.with_name("nothing"))
    elif kind == "hard":
        os.link(elsewhere, part)
    elif kind == "pipe":
        os.mkfifo(part)
    else:
        (part / "within").mkdir(parents=True)
    download_file(f"{server.url}a.edf", path, sha256=sha256)
    assert path.read_bytes() == CONTENT and path.lstat().st_nlink == 1
    assert elsewhere.read_bytes() == b"precious"
    left = {"a.edf", "precious"} | ({"a.edf.part"} if kind == "folder" else set())
    assert {p.name for p in path.parent.iterdir()} == left


def test_link_is_replaced_by_the_file_and_not_followed(server, path):
    annex = path.parent / "annex" / "content"
    annex.parent.mkdir(parents=True)
    annex.write_bytes(b"another version")
    path.symlink_to(annex)
    umask = os.umask(0o027)
    try:
        download_file(f"{server.url}a.edf", path, sha256=SHA256)
    finally:
        os.umask(umask)
    assert not path.is_symlink() and path.read_bytes() == CONTENT
    assert annex.read_bytes() == b"another version"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_folder_in_place_of_the_file_is_told_before_it_is_asked_for(server, path):
    path.mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match="a.edf"):
        download_file(f"{server.url}a.edf", path)
    assert not server.asked


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_full_disk_is_told_as_that(server, path, sha256, monkeypatch):
    from brainsets.archives.partial_file import Part

    def full(part, data):
        part.file.write(data[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Part, "append", full)
        with pytest.raises(OSError, match="No space left on device"):
            download_file(f"{server.url}a.edf", path, sha256=sha256)
    left = [] if sha256 is None else ["a.edf.part"]
    assert [p.name for p in path.parent.iterdir()] == left
    download_file(f"{server.url}a.edf", path, sha256=sha256)
    assert path.read_bytes() == CONTENT


def test_name_that_is_too_long_is_told(server, tmp_path):
    with pytest.raises(OSError, match="File name too long"):
        download_file(f"{server.url}a.edf", tmp_path / ("a" * 300))
    with pytest.raises(OSError, match="Invalid argument"):
        download_file(f"{server.url}a.edf", tmp_path / "a\0b")


def test_part_of_somebody_else_is_left_alone(server, path, monkeypatch):
    path.parent.mkdir()
    path.with_name("a.edf.part").write_bytes(b"of another user")
    opened = os.open

    def as_another_user(name, flags, mode=0o777, **named):
        if str(name).endswith("a.edf.part"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return opened(name, flags, mode, **named)

    monkeypatch.setattr(os, "open", as_another_user)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    monkeypatch.undo()
    assert path.read_bytes() == CONTENT
    assert {p.name for p in path.parent.iterdir()} == {"a.edf", "a.edf.part"}
    assert path.with_name("a.edf.part").read_bytes() == b"of another user"
