"""Everything that the workflow uses of Snakemake beyond its documented interface.

Documented are the language of rules, ``config``, ``checkpoints``, ``workflow.basedir``,
exit codes, and records of log handlers. All else stands here, each behind a function
that says what it is for, and in one contract test, ``test_snakemake_compat.py``. Where
a version of Snakemake lacks something, the run goes on without it and says once what is
lost; it ends where it could do harm. The texts of Snakemake's messages that the display
looks for are in ``display/snakemake_messages.py``, and in the same test.
"""

import inspect
import logging
import logging.handlers
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, TextIO, TypeVar

from brainsets.errors import SettingsError
from brainsets.planning.batches import Capacity

__all__ = ["Invocation", "TARGET_RULES", "cache_signature", "end_on_sigterm"]

TARGET_RULES = {"all", "everything"}
"""Those of our rules that ask for all that is selected."""

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Without these nobody can tell a dry-run or a job of a cluster from the run itself, nor
# look at its end whether anything was left undone.
_REQUIRED = ("is_main_process", "executor_plugin", "dryrun", "local_exec", "execute")
# Without these nobody can tell whether all that is selected was asked for.
_REQUIRED_TO_RUN = (
    "dag_settings.batch",
    "dag_settings.omit_from",
    "dag_settings.targets",
    "dag_settings.until",
    "touch",
)
# By path from `workflow`: what stands in for it where there is none, and what is lost.
_OPTIONAL: dict[str, tuple[Any, str]] = {
    "async_run": (None, "expressions among default resources may fail"),
    "config_settings.config": ({}, "values of --config keep the types they look like"),
    "configfiles": ((), "messages may name the wrong file of settings"),
    "dag.forcefiles": (None, "results that are out of date may not be made anew"),
    "dag_settings.forceall": (False, "--forceall repeats no asset that is done"),
    "dag_settings.forcerun": ((), "--forcerun repeats no asset that is done"),
    "execution_settings.latency_wait": (0, "files of other machines may be overlooked"),
    "execution_settings.retries": (0, "assets of batches are not tried again"),
    "execution_settings.use_threads": (False, "dry-runs may show batches cut wrongly"),
    "global_resources": (None, "only --resources downloads=N limits downloads"),
    "output_settings.quiet": ((), "--quiet does not keep the closing table away"),
    "register_resource": (None, "only --resources downloads=N limits downloads"),
    "resource_settings.cores": (1, "batches are cut as for one core"),
    "resource_settings.default_resources": (None, "default resources are not read"),
    "resource_settings.nodes": (1, "batches are cut as for one job at a time"),
    "scheduling_settings.max_jobs_per_timespan": (None, "long runs may become slow"),
}
# What the default profile sets, as an option cannot be given the value "none".
_UNREACHED_LIMIT = 100_000
# Below this a job is not worth its start: it costs moments here, seconds on a cluster.
_MIN_JOB_S = 2
_MIN_CLUSTER_JOB_S = 60


class Invocation:
    """How Snakemake was called, and what the workflow changes of what it then does.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Snakemake's, while it reads the Snakefile. What depends on the command line is
        known later: the properties are to be asked then.

    Raises
    ------
    SettingsError
        This version of Snakemake does not tell what it is doing.
    """

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._missed: set[str] = set()
        for name in _REQUIRED:
            if not hasattr(workflow, name):
                raise _unknown_version(name)

    def _required(self, path: str) -> Any:
        try:
            return attrgetter(path)(self._workflow)
        except AttributeError:
            raise _unknown_version(path) from None

    def _get(self, path: str) -> Any:
        default, loss = _OPTIONAL[path]
        value = self._workflow
        for name in path.split("."):
            if value is None:
                # Not all settings are there for all that Snakemake can do.
                return default
            try:
                value = getattr(value, name)
            except AttributeError:
                self._warn(path, loss)
                return default
        return value

    def _warn(self, path: str, loss: str) -> None:
        """Say once what is lost, in the process that a user starts."""
        if loss not in self._missed and self.is_main_process:
            self._missed.add(loss)
            print(
                f"brainsets: this version of Snakemake has no workflow.{path}: {loss}",
                file=sys.stderr,
            )

    @property
    def is_main_process(self) -> bool:
        """Whether a user has started this process: it is no job."""
        return bool(self._workflow.is_main_process)

    @property
    def plans_jobs(self) -> bool:
        """Whether jobs are run, or shown as such; not so for a report, say."""
        return self._workflow.executor_plugin is not None

    @property
    def is_executing(self) -> bool:
        """Whether this process runs jobs: no dry-run, no report, not a job itself."""
        return self.plans_jobs and not self._workflow.dryrun and self.is_main_process

    @property
    def is_local(self) -> bool:
        """Whether jobs run on this machine; a dry-run does, whatever was asked for."""
        return bool(self._workflow.local_exec)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing at all is to be printed."""
        return "all" in map(str, self._get("output_settings.quiet") or ())

    @property
    def is_partial(self) -> bool:
        """Whether only a part of what is selected was asked for."""
        asked = {path: self._required(path) for path in _REQUIRED_TO_RUN}
        targets = {*(asked.pop("dag_settings.targets") or ())} - TARGET_RULES
        return bool(targets) or any(map(bool, asked.values()))

    def check_version(self) -> None:
        """Make sure, before any job runs, that its end can be judged.

        Raises
        ------
        SettingsError
            This version of Snakemake does not tell whether all was asked for.
        """
        for path in _REQUIRED_TO_RUN:
            self._required(path)

    @property
    def config_files(self) -> str:
        """The files of settings, to name in messages."""
        files = self._get("configfiles")
        return ", ".join(map(str, files)) or "config/config.yaml"

    @property
    def given_config(self) -> Mapping[str, Any]:
        """The settings that were given on the command line."""
        return self._get("config_settings.config") or {}

    def is_forced(self, *rules: str) -> bool:
        """Whether one of the rules is to be run whether or not it has to."""
        forced = self._get("dag_settings.forcerun") or ()
        return bool(self._get("dag_settings.forceall")) or bool({*rules} & {*forced})

    def capacity(self) -> Capacity:
        """Return what there is to run jobs."""
        # A dry-run runs here whatever is asked for; only this tells it is a cluster.
        on_cluster = not self.is_local or (
            self._workflow.dryrun and self._get("execution_settings.use_threads")
        )
        slots = self._get(f"resource_settings.{'nodes' if on_cluster else 'cores'}")
        return Capacity(
            slots=slots or 1,
            min_job_s=_MIN_CLUSTER_JOB_S if on_cluster else _MIN_JOB_S,
            retries=self._get("execution_settings.retries"),
            is_executing=self.is_executing,
        )

    def default_resource(self, name: str, wildcards: Any, **aux: Any) -> Any:
        """Return what the command line or a profile asks for in all rules, or None."""
        defaults = self._get("resource_settings.default_resources") or {}
        default: Any = defaults.get(name)
        if hasattr(default, "evaluate"):
            # An expression may ask for these, too, when a rule is evaluated.
            aux = {"rulename": "", "async_run": self._get("async_run"), **aux}
            default = default.evaluate(wildcards, **aux).value
        return default

    def limit(self, resource: str, number: int) -> None:
        """Limit a resource of all jobs together, unless the command line does."""
        limits, register = self._get("global_resources"), self._get("register_resource")
        if register is not None and limits is not None and resource not in limits:
            register(resource, number)

    def force(self, files: Iterable[str]) -> None:
        """Have files made anew that are there, while Snakemake plans."""
        forced = self._get("dag.forcefiles")
        if forced is not None:
            forced.update(files)

    def lift_rate_limit(self) -> None:
        """Have no limit of jobs per time where the profile's limit is never reached.

        With any limit, each round of Snakemake's scheduler plans another one a second
        later, and that one the next: a long run ends up busy with rounds that start
        nothing. No value of the option means no limit.
        """
        limit = self._get("scheduling_settings.max_jobs_per_timespan")
        if limit is not None and getattr(limit, "max_jobs", 0) >= _UNREACHED_LIMIT:
            self._workflow.scheduling_settings.max_jobs_per_timespan = None

    def check_at_end(self, check: Callable[[float], None]) -> None:
        """Have a run call a function when Snakemake has run all that it wanted to.

        Not where only a part was asked for. The function gets the seconds that files
        of other machines may take to be seen here.
        """
        workflow = self._workflow

        def execute(*args: Any, **kwargs: Any) -> Any:
            result = type(workflow).execute(workflow, *args, **kwargs)
            if self.is_executing and not self.is_partial:
                latency_s = self._get("execution_settings.latency_wait")
                check(0 if self.is_local else latency_s)
            return result

        workflow.execute = execute

    def replace_report(self, write: Callable[[Path, Path | None], None]) -> None:
        """Have ``--report`` call a function with the page's path and a style sheet.

        Snakemake's report has what the jobs of its plan left. An asset that is done is
        in no plan, and one that has failed leaves nothing that Snakemake knows of.
        """
        loss = "--report writes Snakemake's own"
        workflow = self._workflow
        if not hasattr(workflow, "create_report"):
            self._warn("create_report", loss)
            return

        def create_report(*args: Any, **kwargs: Any) -> Any:
            settings: Any = kwargs.get("report_settings")
            if settings is None:
                self._warn("create_report with report_settings", loss)
            if not hasattr(settings, "stylesheet_path"):
                # Asked for with --reporter: another one than that of --report.
                return type(workflow).create_report(workflow, *args, **kwargs)
            write(settings.path, settings.stylesheet_path)

        workflow.create_report = create_report

    def replace_output(
        self, make: "Callable[[Any, logging.StreamHandler[TextIO]], logging.Handler]"
    ) -> logging.Handler | None:
        """Have a log handler show what Snakemake's own would print.

        Logger plugins are served in the same way: by a queue and a thread, which
        Snakemake ends with the run.

        Parameters
        ----------
        make : callable
            Makes the handler, from Snakemake's settings and its own handler.

        Returns
        -------
        logging.Handler or None
            None where Snakemake's own output stays: with ``--logger``, and with options
            that are about that output.
        """
        manager = getattr(self._workflow, "logger_manager", None)
        try:
            if manager is None or _has_output_options(manager):
                return None
            handlers = manager.logger.handlers
        except AttributeError:
            self._warn("logger_manager", "Snakemake's own output is shown")
            return None
        ordinary = next((h for h in handlers if h.name == "DefaultStreamHandler"), None)
        if ordinary is None:
            return None
        if "NO_COLOR" in os.environ:
            # Snakemake does not ask; some of its words are shown as they are.
            ordinary.nocolor = True
        handler = make(manager.settings, ordinary)
        records: queue.Queue[logging.LogRecord] = queue.Queue(-1)
        manager.queue_listener = logging.handlers.QueueListener(
            records, handler, respect_handler_level=True
        )
        manager.plugin_handlers = [handler]
        manager.logger.removeHandler(ordinary)
        manager.logger.addHandler(_UnformattedQueueHandler(records))
        manager.queue_listener.start()
        return handler


def _unknown_version(path: str) -> SettingsError:
    return SettingsError(
        f"this version of Snakemake has no workflow.{path}, which tells what it is "
        "doing; install the one of environment.yml."
    )


def _has_output_options(manager: Any) -> bool:
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


class _UnformattedQueueHandler(logging.handlers.QueueHandler):
    """Hands records over as they are, as the reader is in the same process."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record itself: formatting it here would be for nothing."""
        return record


def cache_signature(function: _Function) -> _Function:
    """Keep what Snakemake looks up whenever it calls a function: its parameters.

    For ten thousand assets, finding them out anew each time is a sixth of all planning.
    Where Snakemake does not look for them on the function, it finds them out as before.
    """
    parameters = dict(inspect.signature(function).parameters)
    # Of a method, Snakemake gets what is bound to its object.
    parameters.pop("self", None)
    marked: Any = function
    marked._overwrite_params = parameters
    return function


def end_on_sigterm() -> None:
    """Have SIGTERM end a run whatever Snakemake is doing.

    Its handler waits for a lock that the thread it interrupts may hold, always while it
    plans anew after a listing, and then waits for ever. A thread of its own gets it.
    Without such a handler, the signal ends the process.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        signal.signal(
            signal.SIGTERM,
            lambda *args: threading.Thread(target=handler, args=args).start(),
        )
