"""What a project lists is read in any form it has, and nothing outside of it is."""

import hashlib
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.archive_server import ArchiveServer

pytest.importorskip("requests", reason="downloads are done with requests")

from brainsets.archives.downloads import download_file
from brainsets.archives.physionet import Listing, file_url, read_listing
from brainsets.errors import DownloadError
from brainsets.shared.text.manifest_cells import column, parse

pytestmark = pytest.mark.usefixtures("unhurried")

SEGMENTED = "s1/4 2 100 30\ns1_layout 0\ns1_0001 10\n~ 10\ns1_0002 10\n"
# Two signals in one file, and a file of another name
HEADER = "# made by hand\na1 3 100 10\na1.dat 16\na1.dat 16\nother_p.dat 16\n# end\n"


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def server(archive):
    with ArchiveServer(archive) as server:
        yield server


def put(archive, *paths, **texts):
    """Write files, each with its own name in it, and their checksums."""
    for path in paths:
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        (archive / path).write_text(texts.get(path, path))
    return sums_of(archive)


def sums_of(archive):
    named = {
        path.relative_to(archive).as_posix(): path.read_bytes()
        for path in sorted(archive.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS.txt"
    }
    return {name: hashlib.sha256(each).hexdigest() for name, each in named.items()}


def write_lists(archive, records, form="{sha}  {name}\n"):
    (archive / "RECORDS").write_bytes(records.encode())
    sums = sums_of(archive)
    text = "".join(form.format(sha=sha, name=name) for name, sha in sums.items())
    (archive / "SHA256SUMS.txt").write_bytes(text.encode())
    return sums


def test_records_without_suffix_lead_to_their_files(server, archive, tmp_path):
    put(archive, "waveforms/0/a1.hea", "waveforms/0/a1.dat", "waveforms/0/a1.atr")
    put(archive, "waveforms/0/a1.b.hea", "waveforms/0/a10.hea", "waveforms/a1.txt")
    names = ["waveforms/0/a1", "waveforms/0/a1.b", "waveforms/0/a10"]
    sums = write_lists(archive, "".join(f"{name}\n" for name in names))
    listing = read_listing(server.url, tmp_path / "raw")
    assert listing.records == names
    found = [listing.files(name) for name in names]
    assert [sorted(path.rpartition("/")[2] for path in each) for each in found] == [
        ["a1.atr", "a1.dat", "a1.hea"],
        ["a1.b.hea"],
        ["a10.hea"],
    ]
    for files in found:
        assert files.items() <= sums.items()
        # As a row of the manifest may hold them.
        kind, [cell] = column([files])
        assert parse(cell, kind) == files
    for path, sha256 in found[0].items():
        to = tmp_path / "raw" / path
        download_file(file_url(server.url, path), to, sha256=sha256)


def test_files_that_belong_to_a_recording_are_its_own():
    of = dict.fromkeys(
        ["a.edf", "a.edf.event", "b.edf", "c/1.dat", "c/d/2.dat", "h.hea", "h.dat"], "0"
    )
    listing = Listing(["a.edf", "b.edf", "c", "h.hea"], of)
    assert [*listing.files("a.edf")] == ["a.edf", "a.edf.event"]
    assert [*listing.files("b.edf")] == ["b.edf"]
    assert [*listing.files("c")] == ["c/1.dat", "c/d/2.dat"]
    assert [*listing.files("h.hea")] == ["h.hea", "h.dat"]
    with pytest.raises(DownloadError, match="'a.ed' is no record of the project"):
        listing.files("a.ed")


def test_header_leads_to_files_of_other_names_and_to_segments(tmp_path):
    names = ["a1.hea", "a1.dat", "other_p.dat", "other_q.dat", "s1.hea"]
    names += ["s1_layout.hea", "s1_0001.hea", "s1_0001.dat", "s1_0002.hea", "s10.hea"]
    listing = Listing(["w/a1", "w/s1"], {f"w/{name}": "0" for name in names})
    header = tmp_path / "x.hea"
    header.write_text(HEADER)
    assert [*listing.files("w/a1", header)] == ["w/a1.hea", "w/a1.dat", "w/other_p.dat"]
    header.write_text(SEGMENTED)
    assert [*listing.files("w/s1", header)] == [
        *("w/s1.hea", "w/s1_layout.hea", "w/s1_0001.hea", "w/s1_0001.dat"),
        "w/s1_0002.hea",
    ]
    for text, sentence in (
        (HEADER.replace("other", "gone"), "names 'gone_p.dat', for which"),
        (HEADER.replace("other_p", "../other_p"), "names '../other_p.dat', for"),
        (SEGMENTED[:30], "is no header of WFDB, or was cut"),
        ("<html>\n", "is no header"),
        ("", "is no header"),
        ("a1 -3 100", "is no header"),
        ("a1/x 3 100", "is no header"),
        ("\0\xff", "is no header"),
    ):
        header.write_text(text)
        with pytest.raises(DownloadError, match=sentence):
            listing.files("w/a1", header)


@pytest.mark.parametrize(
    "records",
    [
        "sub ject/a%1\nb.edf\n",
        "\ufeffsub ject/a%1\r\nb.edf\r\n",
        "# a comment\n\nsub ject/a%1\n  \nb.edf",
        "sub ject/a%1\nb.edf\nsub ject/a%1\n./b.edf\n",
        "./sub ject//a%1\nb.edf  \n",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "{sha}  {name}\n",
        "{sha} *./{name}\r\n",
        "{sha} {name}\n\n",
        "SHA256 ({name}) = {sha}\n",
        "{sha}  {name}\n{sha}  {name}\n# end\n",
    ],
)
def test_lists_are_read_in_any_form(server, archive, tmp_path, records, form):
    put(archive, "sub ject/a%1.hea", "sub ject/a%1.dat", "b.edf")
    sums = write_lists(archive, records, form)
    text = (archive / "SHA256SUMS.txt").read_text("utf-8")
    upper = text.replace(sums["b.edf"], sums["b.edf"].upper())
    (archive / "SHA256SUMS.txt").write_text("\ufeff" + upper, "utf-8", newline="")
    listing = read_listing(server.url, tmp_path / "raw")
    assert listing.records == ["sub ject/a%1", "b.edf"]
    assert listing.sha256 == sums
    [*paths] = listing.files("sub ject/a%1")
    for path in paths:
        download_file(file_url(server.url, path), tmp_path / path, sha256=sums[path])


def test_folder_with_a_list_of_its_own_is_read(server, archive, tmp_path):
    put(archive, "p0/p01/x.hea", "p0/p01/x.dat", "p0/p02/y.hea", "p1/z.edf", "p1/q.txt")
    (archive / "p0/RECORDS").write_text("p01/\np02/y\n")
    (archive / "p0/p01/RECORDS").write_text("x\n")
    write_lists(archive, "p0/\np1/\n")
    listing = read_listing(server.url, tmp_path / "raw")
    # One without a list is one record, with all that is in it.
    assert listing.records == ["p0/p01/x", "p0/p02/y", "p1"]
    assert [*listing.files("p1")] == ["p1/q.txt", "p1/z.edf"]
    server.forget()
    assert read_listing(server.url, tmp_path / "raw") == listing
    assert {*server.asked} == {"SHA256SUMS.txt", "RECORDS"}
    (archive / "p0/p01/RECORDS").write_text("../../../etc/passwd\n")
    write_lists(archive, "p0/\n")
    with pytest.raises(DownloadError, match="p0/p01/RECORDS names '../../../etc/pass"):
        read_listing(server.url, tmp_path / "raw")


@pytest.mark.parametrize(
    "record, sentence",
    [
        ("/etc/passwd", "which is not in the project"),
        ("a/../../b", "which is not in the project"),
        ("..", "which is not in the project"),
        (".", "which is not in the project"),
        ("/", "which is not in the project"),
        ("c:\\windows\\a", "which is not in the project"),
        ("a\x1b[31m", "which is not in the project"),
        ("gone", "has no checksum"),
        ("a.ed", "has no checksum"),
        ("#gone", None),
    ],
)
def test_record_that_is_not_there_or_outside_is_refused(
    server, archive, tmp_path, record, sentence
):
    put(archive, "a.edf")
    write_lists(archive, f"a.edf\n{record}\n")
    # Whatever the checksums say.
    with open(archive / "SHA256SUMS.txt", "a") as file:
        file.write(f"{'0' * 64}  /etc/passwd\n{'0' * 64}  ../b\n")
        file.write(f"\\{'0' * 64}  c:\\\\windows\\\\a\n")
    if sentence is None:
        listing = read_listing(server.url, tmp_path / "raw")
        assert listing.records == ["a.edf"] and [*listing.sha256] == [
            "RECORDS",
            "a.edf",
        ]
        return
    with pytest.raises(DownloadError, match=f"RECORDS names .*{sentence}") as refusal:
        read_listing(server.url, tmp_path / "raw")
    assert str(refusal.value).isprintable()


def test_two_checksums_of_a_file_are_told(server, archive, tmp_path):
    put(archive, "a.edf")
    write_lists(archive, "a.edf\n", "{sha}  {name}\n" + "0" * 64 + "  {name}\n")
    with pytest.raises(DownloadError, match="line 2: there are two checksums of"):
        read_listing(server.url, tmp_path / "raw")


def test_lists_that_are_no_text_are_told(server, archive, tmp_path):
    (archive / "SHA256SUMS.txt").write_bytes(b"\xff\xfe\0")
    with pytest.raises(DownloadError, match="SHA256SUMS.txt is no text"):
        read_listing(server.url, tmp_path / "raw")


@given(st.text(), st.text())
def test_any_lists_are_read_or_told(tmp_path_factory, sums, records):
    archive = tmp_path_factory.mktemp("archive")
    for name, text in (("SHA256SUMS.txt", sums), ("RECORDS", records)):
        (archive / name).write_text(text, "utf-8", "surrogatepass", newline="")
    with ArchiveServer(archive) as server:
        try:
            listing = read_listing(server.url, archive / "raw")
        except DownloadError as refusal:
            assert refusal.__cause__ is None or not records
        else:
            assert not listing.sha256 and not listing.records


def test_real_records_of_wfdb_lead_to_their_files(
    shared_data, server, archive, tmp_path
):
    shutil.copytree(shared_data / "wfdb", archive / "w")
    segments = [p for p in archive.rglob("*.hea") if p.parent.name == "041s"]
    names = ["w/100", "w/mixedsignals", "w/multi-segment/041s/041s"]
    assert any(path.stem == "041s" for path in segments)
    write_lists(archive, "".join(f"{name}\n" for name in names))
    listing = read_listing(server.url, tmp_path / "raw")
    files = [*listing.files("w/100", archive / "w/100.hea")]
    assert sorted(files) == ["w/100.atr", "w/100.dat", "w/100.hea"]
    header = archive / "w/mixedsignals.hea"
    assert len(listing.files("w/mixedsignals", header)) == 4
    header = archive / "w/multi-segment/041s/041s.hea"
    found = {path.rpartition("/")[2] for path in listing.files(names[2], header)}
    assert found == {path.name for path in header.parent.iterdir()}
    header = archive / "w/multi-segment/p000878"
    [layout] = [p for p in header.glob("*.hea") if "/" in p.read_text().split()[0]][:1]
    with pytest.raises(DownloadError, match="for which SHA256SUMS.txt has no checksum"):
        listing.files(layout.relative_to(archive).as_posix(), layout)
