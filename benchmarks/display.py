"""What the display of a run costs: the same run with it, and with nothing shown.

Both are ours, and both run in a terminal. Assets that do nothing are what makes the
most events per second.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.sides import OurWorkflow
from benchmarks.workloads import Sizes, nothing

__all__ = ["LIVE", "OFF", "measured_display"]

LIVE, OFF = "live", "off"


def measured_display(
    sizes: Sizes, pairs: int, work: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Measure both in turn; yields one record a run."""
    workload = nothing(sizes)
    # One folder, as both need the same environment.
    sides = {
        LIVE: OurWorkflow(work, "display", {"display": "live"}, in_terminal=True),
        OFF: OurWorkflow(
            work,
            "display",
            {"display": "snakemake"},
            ("--quiet", "all"),
            in_terminal=True,
        ),
    }
    say("display: building the environment")
    sides[LIVE].prepare(workload)
    for pair in range(1, pairs + 1):
        for name, side in sides.items():
            log = work / "logs" / f"display-{pair}-{name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            usage = side.run(workload, log)
            say(
                f"display, pair {pair} of {pairs}, {name}: {usage.wall_s:.1f} s, "
                f"CPU {usage.cpu_s:.1f} s"
            )
            yield {
                "pair": pair,
                "side": name,
                "assets": workload.assets,
                **asdict(usage),
            }
