"""The benchmarks measure what they say, and compute their figures from it."""

import gc
import json
import os
import subprocess
import sys
import urllib.request
from hashlib import sha256
from types import SimpleNamespace

import pytest

from benchmarks import meter
from benchmarks.archive import Pace, link_recordings, served
from benchmarks.figures import displayed, figures, planned
from benchmarks.meter import MeasuringError, measure
from benchmarks.report import MARKERS, page_part, report, summary, with_part
from benchmarks.sides import remove_what_is_aside, set_aside
from benchmarks.workloads import FULL, edf, nothing, planning, waiting
from tests.helpers.workspace import ROOT

LATEST = ROOT / "benchmarks" / "results" / "latest.json"


def run(pair, side, wall_s, cpu_s=1.0, main_cpu_s=0.5, peak_pss_mb=100.0):
    measured = {"wall_s": wall_s, "cpu_s": cpu_s, "main_cpu_s": main_cpu_s}
    measured |= {"peak_pss_mb": peak_pss_mb, "other_cpu_s": 0.1, "settled_s": wall_s}
    return {"pair": pair, "side": side, **measured}


def planning_run(case, assets, pending, wall_s):
    measured = {"wall_s": wall_s, "cpu_s": wall_s / 2, "max_rss_mb": 10 * wall_s}
    measured |= {"other_cpu_s": 0.0, "settled_s": wall_s}
    return {"case": case, "assets": assets, "pending": pending, **measured}


@pytest.fixture
def results():
    """Made-up measurements whose figures are known."""
    waited = [run(1, "ours", 60.0, peak_pss_mb=300.0)]
    waited += [run(1, "ray", 100.0, peak_pss_mb=750.0)]
    waited += [run(2, "ours", 61.0, peak_pss_mb=310.0)]
    waited += [run(2, "ray", 122.0, peak_pss_mb=775.0)]
    waited += [run(3, "ours", 90.0, peak_pss_mb=320.0)]
    waited += [run(3, "ray", 100.0, peak_pss_mb=640.0)]
    # Without its partner, a run is no pair.
    waited += [run(4, "ours", 1000.0, peak_pss_mb=9000.0)]
    idle = [run(1, "ours", 20.0, 50.0, 30.0), run(1, "ray", 10.0, 25.0, 5.0)]
    common = {"cores": 2, "limit_s": None}
    return {
        "started": "2026-01-02T03:04:05+00:00",
        "quick": False,
        "whole": True,
        "took_s": 60,
        "repeats": 3,
        "machine": {"cpu": "A", "cores": 2, "memory_gb": 8.0, "kernel": "Linux 6"},
        "commit": "0123456789ab",
        "versions": {"workflow": {"snakemake": "9"}, "ours": {"pandas": "3"}},
        "workloads": {
            "waiting": {**common, "title": "W", "assets": 100, "limit_s": 50.0}
            | {"runs": waited},
            "nothing": {**common, "title": "N", "assets": 1000, "runs": idle},
        },
        "planning": [
            planning_run("nothing", 10_000, 0, wall_s) for wall_s in (9.0, 7.0, 8.0)
        ]
        + [planning_run("dry-run", 50_000, 10_000, 20.0)],
        "skipped": {"edf": "there are no EDF recordings in physionet/"},
    }


def test_ratio_is_the_median_over_pairs(results):
    found = {figure.name: figure for figure in figures(results)}
    assert found["waiting"].ratios == [0.6, 0.5, 0.9]
    assert found["waiting"].ratio == 0.6
    assert (found["waiting"].ours, found["waiting"].ray) == (61.0, 100.0)
    assert found["limit"].ours == 61.0 / 50.0
    assert found["memory"].ratios == [0.4, 0.4, 0.5]
    assert (found["memory"].ours, found["memory"].ray) == (310.0, 750.0)
    assert found["nothing"].ratio == 2.0
    # 50 s over 1,000 assets, and what the rest of the machine used; 20 s of them not in
    # the process itself.
    assert (found["cpu"].ours, found["cpu"].ray) == pytest.approx((50.1, 25.1))
    assert (found["cpu_jobs"].ours, found["cpu_jobs"].ray) == pytest.approx(
        (20.1, 20.1)
    )
    assert "edf" not in found


def test_planning_is_the_median_of_its_runs(results):
    done, pending = planned(results)
    assert (done.case, done.assets, done.pending) == ("nothing", 10_000, 0)
    assert (done.wall_s, done.cpu_s, done.max_rss_mb) == (8.0, 4.0, 80.0)
    assert pending.wall_s == 20.0
    # What is to be reached is said of the smaller size.
    assert (done.target, pending.target) == (15.0, None)


def test_cost_of_the_display_is_the_median_over_pairs(results):
    assert displayed(results) is None
    usage = [(1, "live", 52.0), (1, "off", 50.0), (2, "live", 61.2), (2, "off", 60.0)]
    usage += [(3, "live", 50.0), (3, "off", 50.0), (4, "live", 99.0)]
    results["display"] = [
        {"assets": 1000, "other_cpu_s": 0.0, "settled_s": 1.0}
        | {"pair": pair, "side": side, "cpu_s": cpu_s}
        for pair, side, cpu_s in usage
    ]
    assert displayed(results).ratios == [1.04, 1.02, 1.0]
    line = "| CPU of 1,000 assets that do nothing, in a terminal | 52.0 s | 50.0 s |"
    assert f"{line} 1.020 (1.000 to 1.040) | ratio at most 1.05 |" in summary(results)


def test_table_shows_figures_circumstances_and_what_is_missing(results):
    shown = summary(results)
    assert "| W | 61.0 s | 100.0 s | 0.60 (0.50 to 0.90) | ratio at most 0.6 |" in shown
    assert "| 10,000 | 8.0 s | 4.0 s | 80 MB | at most 15 s |" in shown
    assert "Not measured: edf, as there are no EDF recordings" in shown
    joined = " ".join(shown.split())
    assert "Medians of 3 runs of each side, in turn;" in joined
    assert "2026-01-02, commit 0123456789ab; A, 2 cores, 8 GB, Linux 6;" in joined
    assert "snakemake 9; for pipelines pandas 3." in joined
    assert "Other programs used up to 0 % of the CPU" in joined
    assert "| 2 | ray | 122.0 s |" in report(results, "latest.svg")


def test_documents_part_is_replaced_and_nothing_else():
    begin, end = MARKERS
    document = f"before\n{begin}\nold\n{end}\nafter\n"
    replaced = with_part(document, "new")
    assert replaced == f"before\n{begin}\nnew\n{end}\nafter\n"
    assert with_part(replaced, "new") == replaced
    with pytest.raises(ValueError, match="lacks"):
        with_part("before", "new")


def test_page_shows_the_latest_results():
    page = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    part = "No whole run has been recorded yet."
    if LATEST.exists():
        results = json.loads(LATEST.read_text(encoding="utf-8"))
        assert results["whole"] and not results["quick"]
        part = page_part(results, "results/latest.svg")
        written = LATEST.with_suffix(".md").read_text(encoding="utf-8")
        assert written == report(results, "latest.svg")
        assert LATEST.with_suffix(".svg").exists()
    assert with_part(page, part) == page


def test_plot_is_drawn_of_whatever_was_measured(results, tmp_path):
    pytest.importorskip("matplotlib", reason='comes with pip install -e ".[bench]"')
    from benchmarks.plot import draw

    draw(results, tmp_path / "all.svg")
    assert "<svg" in (tmp_path / "all.svg").read_text()
    draw({**results, "workloads": {}}, tmp_path / "planning.svg")
    draw({**results, "planning": []}, tmp_path / "compared.svg")
    drawn = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(drawn) == 3


BURN = "import time\nwhile time.process_time() < 0.3: pass"
# A daemon: its parent ends at once, and it has a session of its own.
DAEMON = f"""
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        block = bytearray(60_000_000)
        exec({BURN!r})
    os._exit(0)
print("started")
sys.exit(3)
"""


def test_meter_counts_what_daemons_use(tmp_path):
    log = tmp_path / "log"
    usage = measure([sys.executable, "-c", DAEMON], folder=tmp_path, log=log)
    assert usage.exit_status == 3
    assert log.read_text() == "started\n"
    assert 0.3 <= usage.cpu_s < 3
    assert usage.main_cpu_s < usage.cpu_s - 0.25
    assert usage.max_rss_mb > 60
    assert usage.wall_s <= usage.settled_s
    assert usage.killed == 0


def test_meter_sees_a_command_end_that_ends_at_once(tmp_path, monkeypatch):
    # As where the machine is so busy that the command is faster than the meter.
    def late(*words, **options):
        process = subprocess.Popen(*words, **options)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return process

    late_ones = SimpleNamespace(**{**vars(subprocess), "Popen": late})
    monkeypatch.setattr(meter, "subprocess", late_ones)
    measured = meter._Meter(["false"], str(tmp_path), str(tmp_path / "log"))
    gc.collect()
    found = os.waitid(os.P_PID, measured.main, os.WEXITED | os.WNOHANG)
    assert found is not None and found.si_status == 1


def test_meter_adds_up_the_memory_of_all_processes(tmp_path):
    hold = "import time; block = bytearray(b'x' * 50_000_000); time.sleep(2)"
    both = f'{sys.executable} -c "{hold}" & {sys.executable} -c "{hold}"; wait'
    usage = measure(["bash", "-c", both], folder=tmp_path, log=tmp_path / "log")
    assert usage.exit_status == 0
    assert 100 < usage.peak_pss_mb < 300
    assert usage.processes == 3


def test_what_takes_too_long_is_ended(tmp_path):
    pids = tmp_path / "pids"
    command = f"sleep 600 & echo $! > {pids}; sleep 600"
    with pytest.raises(MeasuringError, match=r"did not end within 0\.5 s"):
        measure(
            ["bash", "-c", command],
            folder=tmp_path,
            log=tmp_path / "log",
            limit_s=0.5,
        )
    left = subprocess.run(["ps", "-p", pids.read_text().strip()], capture_output=True)
    assert left.returncode == 1


def test_archive_sends_what_it_has_at_one_rate_for_all(tmp_path):
    now = [100.0]
    pace = Pace(1000, clock=lambda: now[0])
    # Two connections in turn: the third kilobyte waits for the two before it.
    assert [pace.delay_s(1000) for _ in range(3)] == [1.0, 2.0, 3.0]
    now[0] += 10
    # Time in which nothing was asked for is not saved up.
    assert pace.delay_s(500) == 0.5

    content = bytes(range(256)) * 1000
    for name in ("a", "b"):
        path = tmp_path / "source" / name / f"{name}.edf"
        path.parent.mkdir(parents=True)
        path.write_bytes(content + name.encode())
    link_recordings(tmp_path / "source", tmp_path / "archive", 5)
    with served(tmp_path / "archive", 1e9) as url:
        names = urllib.request.urlopen(f"{url}/RECORDS").read().decode().split()
        assert names == ["a_1.edf", "b_1.edf", "a_2.edf", "b_2.edf", "a_3.edf"]
        found = urllib.request.urlopen(f"{url}/b_2.edf").read()
    assert sha256(found).digest() == sha256(content + b"b").digest()
    with pytest.raises(FileNotFoundError, match="no EDF recordings in empty/"):
        (tmp_path / "empty").mkdir()
        link_recordings(tmp_path / "empty", tmp_path / "none", 5)


def test_only_the_environment_outlives_a_run(tmp_path):
    run = tmp_path / "work" / "ours"
    kept = run / "processed" / "b" / "_workflow" / "environment"
    (kept / "bin").mkdir(parents=True)
    (kept / "bin" / "python").touch()
    (kept.parent / "status").mkdir()
    (kept.parent / "manifest.tsv").touch()
    (run / "raw").mkdir()
    for _ in range(2):
        set_aside(run, tmp_path / "work", kept=kept)
        assert [*kept.parent.iterdir()] == [kept]
        assert [*run.iterdir()] == [run / "processed"]
        assert (kept / "bin" / "python").exists()
    set_aside(run, tmp_path / "work", kept=run / "never there")
    assert not run.exists()
    remove_what_is_aside(tmp_path / "work")
    assert not [*(tmp_path / "work").iterdir()]


def test_workloads_are_those_of_the_table():
    waited = waiting(FULL)
    assert (waited.assets, waited.limit_s) == (100, 51.0)
    assert waited.brainset == "benchmark_waiting"
    everything = [waited, nothing(FULL), edf(FULL, "http://x"), planning(10_000)]
    assert [workload.assets for workload in everything] == [100, 1000, 60, 10_000]
    # One environment on Ray's side serves all: they must agree.
    pins = {}
    for workload in everything:
        assert workload.source.declaration.python_version == "3.11"
        for requirement in workload.packages:
            name, _, version = requirement.partition("==")
            assert version and pins.setdefault(name, version) == version


def test_benchmark_of_planning_runs(tmp_path):
    before = (ROOT / "benchmarks/README.md").read_bytes()
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "planning"]
    done = subprocess.run(
        [*command, "--work", tmp_path],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    measured = [(r["case"], r["assets"], r["pending"]) for r in results["planning"]]
    assert measured == [
        (case, assets, 20 if case == "dry-run" else 0)
        for assets in (20, 60)
        for case in ("parse", "nothing", "status", "dry-run")
    ]
    for measurement in results["planning"]:
        assert 0 < measurement["main_cpu_s"] <= measurement["cpu_s"]
    assert summary(results) in done.stdout
    # Tiny sizes say nothing of either side.
    assert (ROOT / "benchmarks/README.md").read_bytes() == before
    refused = subprocess.run(
        [*command[:3], "--from", tmp_path / "results.json"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert refused.returncode == 1 and "is not of a whole run" in refused.stderr
