"""``python -m benchmarks``: run everything, and write tables and a plot."""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import workloads
from benchmarks.archive import link_recordings, served
from benchmarks.display import measured_display
from benchmarks.machine import ROOT, commit, machine, versions
from benchmarks.meter import MeasuringError
from benchmarks.planning import measured_planning
from benchmarks.report import page_part, report, summary, write_into
from benchmarks.sides import OurWorkflow, RayRunner, remove_what_is_aside, set_aside
from benchmarks.workloads import CORES, FULL, QUICK, Sizes, Workload

NAMES = ("waiting", "edf", "nothing", "memory", "planning", "display")
LATEST = ROOT / "benchmarks" / "results"
PAGE = ROOT / "benchmarks" / "README.md"
CAN_DRAW = find_spec("matplotlib") is not None


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = parsed_options(argv)
    partly = options.quick or options.only
    if not partly and not CAN_DRAW:
        # Said before half an hour has passed.
        print('benchmarks: matplotlib is missing; pip install -e ".[bench]"')
        return 2
    try:
        if options.source:
            results = json.loads(options.source.read_text(encoding="utf-8"))
            if not (results["whole"] and "took_s" in results):
                raise MeasuringError(f"{options.source} is not of a whole run.")
            _publish(results)
            return 0
        results = _Benchmark(options).run()
    except MeasuringError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if results["whole"]:
        _publish(results)
    else:
        print("benchmarks/README.md keeps its tables: they are for a whole run.")
    return 0


def parsed_options(argv: list[str] | None) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this workflow beside the published Ray runner. A whole "
        "run writes benchmarks/results and the tables in benchmarks/README.md.",
    )
    parser.add_argument(
        "--pairs", type=int, help="runs of each side, in turn (3; with --quick 1)"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        metavar="NAME",
        help=f"one of {', '.join(NAMES)}; may be repeated. memory is that of waiting",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to try the benchmark itself"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("data/benchmarks"),
        metavar="DIR",
        help="where it runs and leaves all results and logs (data/benchmarks)",
    )
    parser.add_argument(
        "--recordings",
        type=Path,
        default=ROOT.parent / "shared" / "data" / "physionet",
        metavar="DIR",
        help="EDF files; by default ../shared/data/physionet",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="RESULTS.json",
        help="measure nothing: write tables and plot of a whole run anew",
    )
    options = parser.parse_args(argv)
    if options.pairs is not None and options.pairs < 1:
        parser.error("--pairs must be at least 1")
    return options


class _Benchmark:
    def __init__(self, options: argparse.Namespace) -> None:
        self.sizes: Sizes = QUICK if options.quick else FULL
        self.pairs: int = options.pairs or (1 if options.quick else 3)
        self.chosen = {*(options.only or NAMES)}
        self.work: Path = options.work.absolute()
        self.recordings: Path = options.recordings
        self.started = time.monotonic()
        self.results: dict[str, Any] = {
            "format": 1,
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "quick": options.quick,
            "whole": not options.quick and self.chosen == {*NAMES},
            "repeats": self.pairs,
            "machine": machine(),
            "commit": commit(),
            "versions": {"workflow": versions()},
            "workloads": {},
            "planning": [],
            "display": [],
            "skipped": {},
        }

    def run(self) -> dict[str, Any]:
        self.work.mkdir(parents=True, exist_ok=True)
        self._announce()
        with ExitStack() as stack:
            compared = self._workloads(stack)
            if compared:
                self._compare(compared)
        if "planning" in self.chosen:
            self._plan()
        if "display" in self.chosen:
            for run in measured_display(self.sizes, self.pairs, self.work, self.say):
                self.results["display"].append(run)
                self._save()
        remove_what_is_aside(self.work)
        self.results["took_s"] = round(time.monotonic() - self.started)
        self._save()
        self.say(f"done; everything is in {self.work}")
        print("\n" + summary(self.results))
        return self.results

    def say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        print(f"[{minutes:3}:{seconds:02}] {text}", flush=True)

    def _announce(self) -> None:
        self.say(f"measuring {', '.join(n for n in NAMES if n in self.chosen)}")
        self.say(f"{self.pairs} runs of each side, in turn; logs are in {self.work}")
        latest = LATEST / "latest.json"
        if latest.exists():
            took_s = json.loads(latest.read_text())["took_s"]
            self.say(f"the latest whole run took {took_s / 60:.0f} minutes")
        load = self.results["machine"]["load_before"]
        if load > 0.3:
            self.say(f"the machine is busy (load {load}): ratios will be unreliable")

    def _workloads(self, stack: ExitStack) -> list[Workload]:
        found = []
        if self.chosen & {"waiting", "memory"}:
            found.append(workloads.waiting(self.sizes))
        if "edf" in self.chosen:
            archive = self.work / "archive"
            set_aside(archive, self.work)
            try:
                link_recordings(self.recordings, archive, self.sizes.edf)
            except FileNotFoundError as error:
                self.results["skipped"]["edf"] = str(error)
                self.say(f"edf: skipped, as {error}")
            else:
                url = stack.enter_context(served(archive, self.sizes.bytes_per_s))
                found.append(workloads.edf(self.sizes, url))
        if "nothing" in self.chosen:
            found.append(workloads.nothing(self.sizes))
        return found

    def _compare(self, compared: list[Workload]) -> None:
        ours, ray = OurWorkflow(self.work), RayRunner(self.work)
        batches = OurWorkflow(self.work, "batches", {"batch_size": 100})
        self.say("building the environments of both sides")
        theirs = ray.prepare(compared)
        self.results["versions"] |= {"ours": {}, "ray": theirs}
        for workload in compared:
            found = ours.prepare(workload)
            if not found.items() <= theirs.items():
                raise MeasuringError(
                    f"{workload.name}: the sides have different packages, {found} and "
                    f"{theirs}."
                )
            self.results["versions"]["ours"] |= found
        for workload in compared:
            sides = [ours, ray]
            if workload.name == "nothing":
                batches.prepare(workload)
                sides.append(batches)
            self._compare_one(workload, *sides)

    def _compare_one(self, workload: Workload, *sides: Any) -> None:
        runs: list[dict[str, Any]] = []
        self.results["workloads"][workload.name] = {
            "title": workload.title,
            "assets": workload.assets,
            "cores": CORES,
            "limit_s": workload.limit_s,
            "runs": runs,
        }
        for pair in range(1, self.pairs + 1):
            for side in sides:
                what = f"{workload.name}, pair {pair} of {self.pairs}, {side.name}"
                self.say(f"{what} ...")
                log = self.work / "logs" / f"{workload.name}-{pair}-{side.name}.log"
                log.parent.mkdir(exist_ok=True)
                usage = side.run(workload, log)
                runs.append({"pair": pair, "side": side.name, **asdict(usage)})
                self.say(
                    f"{what}: {usage.wall_s:.1f} s, CPU {usage.cpu_s:.1f} s, "
                    f"{usage.peak_pss_mb:.0f} MB"
                )
                self._save()

    def _plan(self) -> None:
        for run in measured_planning(self.sizes, self.pairs, self.work, self.say):
            self.results["planning"].append(run)
            self.say(
                f"planning, {run['assets']:,} assets, {run['pending']:,} pending, "
                f"{run['case']}, {run['repeat']} of {self.pairs}: "
                f"{run['wall_s']:.1f} s, {run['max_rss_mb']:.0f} MB"
            )
            self._save()

    def _save(self) -> None:
        """Keep what there is so far: a run that fails late has measured something."""
        _write(self.results, self.work, "results")


def _write(results: dict[str, Any], folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    if "took_s" not in results:
        return
    if CAN_DRAW:
        from benchmarks.plot import draw

        draw(results, folder / f"{name}.svg")
    text = report(results, f"{name}.svg")
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _publish(results: dict[str, Any]) -> None:
    """Make results the latest: in benchmarks/results, and in its README.md."""
    _write(results, LATEST, "latest")
    write_into(PAGE, page_part(results, "results/latest.svg"))
    print("benchmarks/results and benchmarks/README.md show these results now")


if __name__ == "__main__":
    raise SystemExit(main())
