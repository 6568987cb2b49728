"""Put the display in place of what Snakemake prints, where nobody asked for that."""

import logging
import logging.handlers
import os
import queue
from typing import Any

from brainsets.display.handler import DisplayHandler

__all__ = ["show_display"]


def show_display(workflow: Any, run: Any) -> DisplayHandler | None:
    """Have Snakemake's log records shown as the display of a run.

    A clone is not installed, so it cannot bring a logger plugin that Snakemake would
    find. The handler is one as plugins have it, and is served as theirs are: by a queue
    and a thread, which Snakemake ends with the run.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Snakemake's, while it reads the Snakefile.
    run : brainsets.planning.run.Run
        The run as the rules see it.

    Returns
    -------
    DisplayHandler or None
        None where Snakemake's own output stays: if the settings say so, with
        ``--logger``, and with options that are about that output.
    """
    manager = getattr(workflow, "logger_manager", None)
    if manager is None or run.settings.display != "live" or _is_asked_for(manager):
        return None
    ordinary = next(
        (h for h in manager.logger.handlers if h.name == "DefaultStreamHandler"), None
    )
    if ordinary is None:
        return None
    if "NO_COLOR" in os.environ:
        # Snakemake does not ask; some of its words are shown as they are.
        ordinary.nocolor = True
    handler = DisplayHandler(manager.settings, run, ordinary)
    records: queue.Queue = queue.Queue(-1)
    manager.queue_listener = logging.handlers.QueueListener(
        records, handler, respect_handler_level=True
    )
    manager.plugin_handlers = [handler]
    manager.logger.removeHandler(ordinary)
    manager.logger.addHandler(_Records(records))
    manager.queue_listener.start()
    return handler


def _is_asked_for(manager: Any) -> bool:
    """Whether options of the command line speak of Snakemake's own output."""
    settings = manager.settings
    return bool(
        manager.queue_listener is not None
        or settings.log_handler_settings
        or settings.quiet
        or settings.verbose
        or settings.debug_dag
        or settings.printshellcmds
        or settings.show_failed_logs
    )


class _Records(logging.handlers.QueueHandler):
    """Hands records over as they are, as the reader is in the same process."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record itself: formatting it here would be for nothing."""
        return record
