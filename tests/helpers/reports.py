"""Reports for tests: made as people do, and taken apart."""

import base64
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.helpers.workspace import ROOT

pytest.importorskip("h5py", reason="a report needs it: pip install -e '.[report]'")
pytest.importorskip("matplotlib", reason="a report needs it, too")

VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """What is on a page: tables as lists of lines, tiles, texts, pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.tiles: dict[str, str] = {}
        self.pictures: dict[str, bytes] = {}
        self.failures: list[str] = []
        self.hints: list[str] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.fields: dict[str, list[dict[str, str]]] = {}
        self._open: list[tuple[str, dict]] = []
        self._texts: list[list[str]] = []
        self._heads: list[str] = []
        self._row: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == [], "an element is not closed"

    @property
    def text(self) -> str:
        """All text of the page, its tags and scripts left out."""
        return re.sub(
            r"<[^>]*>", " ", re.sub(r"<script>.*", "", self.source, flags=re.S)
        )

    def _inside(self, tag: str) -> dict | None:
        return next((a for t, a in reversed(self._open) if t == tag), None)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        self.links |= {attrs[key] for key in ("href", "src") if key in attrs}
        if tag == "img":
            head, _, data = attrs["src"].partition(",")
            assert head == "data:image/png;base64"
            self.pictures[attrs["alt"]] = base64.b64decode(data)
        if tag == "table":
            self._rows = []
        if tag == "tr":
            self._row = []
        if tag not in VOID:
            self._open.append((tag, attrs))
            self._texts.append([])

    def handle_data(self, data):
        if self._texts:
            self._texts[-1].append(data)

    def handle_endtag(self, tag):
        name, attrs = self._open.pop()
        assert name == tag, f"<{name}> ends with </{tag}>"
        text = " ".join("".join(self._texts.pop()).split())
        if tag in ("th", "td"):
            self._row.append(text or "")
        elif tag == "thead":
            self._heads = self._row
        elif tag == "tr" and self._inside("tbody") is not None:
            self._rows.append(dict(zip(self._heads, self._row, strict=True)))
        elif tag == "table":
            place = attrs.get("id")
            if place:
                self.tables[place] = self._rows
            else:
                self.fields[self._inside("details")["id"]] = self._rows
        elif "tile" in attrs.get("class", "").split():
            value, label = text.split("|")
            self.tiles[label] = value
        elif attrs.get("class") == "failure":
            self.failures.append(text)
        elif attrs.get("class") == "hint":
            self.hints.append(text)
        if self._texts:
            # What is inside counts as text of what is around it.
            separator = "|" if tag == "b" and "tile" in str(self._open[-1][1]) else " "
            self._texts[-1].append(text + separator)


def snakemake_report(workspace, brainsets, *arguments, name="report.html", **settings):
    """Ask Snakemake for a report; return the run and the page's path."""
    path = workspace.root / name
    run = workspace.run(brainsets, "--report", path, *arguments, **settings)
    return run, path


def report_command(workspace, *arguments, **environment):
    """Run ``python -m brainsets report``."""
    return subprocess.run(
        [sys.executable, "-m", "brainsets", "report", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**workspace.full_environment, **environment},
        timeout=300,
    )


def in_each_interpreter(workspace, code):
    """Have every Python run some lines first; return the environment for that."""
    site = workspace.root / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


def browse(path, *options):
    """Open a page in a browser without a screen, and return what it prints."""
    if CHROMIUM is None:
        pytest.skip("no browser: chromium is not installed")
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            # Shared memory is small in containers.
            "--disable-dev-shm-usage",
            *options,
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
