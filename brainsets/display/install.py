"""Put the display, and the table at the end, in place of what Snakemake prints."""

import atexit
from functools import cache
from typing import TYPE_CHECKING, cast

from brainsets.display.status_table import print_status_table
from brainsets.planning.run import Run
from brainsets.planning.snakemake_compat import Invocation
from brainsets.shared.text.streams import make_safe

if TYPE_CHECKING:
    from brainsets.display.handler import DisplayHandler

__all__ = ["show_display", "show_outcome_at_exit"]


def show_display(invocation: Invocation, run: Run) -> "DisplayHandler | None":
    """Have Snakemake's log records shown as the display of a run.

    A clone is not installed, so it cannot bring a logger plugin that Snakemake would
    find; the handler is one as plugins have it.

    Parameters
    ----------
    invocation : Invocation
        How Snakemake was called.
    run : Run
        The run as the rules see it.

    Returns
    -------
    DisplayHandler or None
        None where Snakemake's own output stays: in jobs, if the settings say so, with
        ``--logger``, and with options that are about that output.
    """
    if not invocation.is_main_process:
        return None
    make_safe()
    if run.settings.display != "live":
        return None
    # Not imported by every job that parses the Snakefile.
    from brainsets.display.handler import DisplayHandler

    handler = invocation.replace_output(
        lambda settings, ordinary: DisplayHandler(settings, run, ordinary)
    )
    return cast("DisplayHandler | None", handler)


@cache
def show_outcome_at_exit(invocation: Invocation, run: Run) -> None:
    """Show the table of all brainsets when all is over, once.

    Snakemake's own hooks are not called where nothing is to be done, and what it prints
    after them would push the table off the screen.
    """
    if not invocation.is_quiet:
        atexit.register(print_status_table, run.brainsets.values(), run.read_manifest)
