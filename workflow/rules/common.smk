# What all rules share: the settings, the wildcards' patterns, and functions that hand
# the rules' questions to brainsets.planning. Leaves nothing on disk.
import atexit
import functools
import gc
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from brainsets.errors import BrainsetError
from brainsets.planning.batches import Capacity
from brainsets.planning.command_lines import batch_command, job_command
from brainsets.display.status_table import show_outcome
from brainsets.planning.settings import advice
from brainsets.planning.run import Run
from brainsets.planning.settings import read_settings
from brainsets.shared.state.summary import summarize_run
from brainsets.shared.text.lines import single_line

# Jobs per time; what the default profile sets.
UNREACHED_LIMIT = 100_000
# What is planned for an asset stays until the end. To look for garbage as often as Python
# does by itself is a quarter of the time that planning ten thousand assets takes.
gc.freeze()
gc.set_threshold(200_000)
SCRIPTS = Path(ROOT) / "workflow" / "scripts"


def ended_by_error(function):
    """Call a function; what a user can mend ends Snakemake with one sentence."""
    try:
        return function()
    except BrainsetError as error:
        raise SystemExit(f"brainsets: {single_line(error)}") from None


def is_forced(*rules):
    """Whether Snakemake was told to run one of the rules whether or not it has to."""
    settings = workflow.dag_settings
    return settings.forceall or not settings.forcerun.isdisjoint(rules)


def planned_run():
    """Return the run that the settings ask for; ends Snakemake if they are wrong."""
    files = ", ".join(map(str, workflow.configfiles)) or "config/config.yaml"
    given = workflow.config_settings.config
    settings = read_settings(config, given=given, where=files)
    return Run(settings, is_forced=is_forced, capacity=capacity)


def capacity():
    """Return what there is to run jobs."""
    resources = workflow.resource_settings
    # A dry-run runs here whatever is asked for; only this tells that it is a cluster.
    on_cluster = not workflow.local_exec or (
        workflow.dryrun and workflow.execution_settings.use_threads
    )
    return Capacity(
        slots=(resources.nodes if on_cluster else resources.cores) or 1,
        # Here a job costs moments, on a cluster several seconds.
        least_s=60 if on_cluster else 2,
        retries=workflow.execution_settings.retries,
        is_executing=is_executing(),
    )


def run_display():
    """Have assets shown in place of Snakemake's jobs, in the process that a user starts."""
    if not workflow.is_main_process:
        return None
    from brainsets.shared.text.streams import make_safe
    from brainsets.display.install import show_display

    make_safe()
    return show_display(workflow, RUN)


RUN = ended_by_error(planned_run)
if workflow.is_main_process:
    for sentence in advice(RUN.brainsets.values()):
        print(f"brainsets: {sentence}", file=sys.stderr)
DATA = RUN.processed_dir
DOWNLOADS_ON_HEAD = RUN.settings.downloads_on == "head"
# What Snakemake itself takes in a job of a cluster, beside the step.
SNAKEMAKE_MB = 300


wildcard_constraints:
    brainset=RUN.brainset_pattern,
    asset=RUN.asset_pattern,
    batch=RUN.batch_pattern,


# Shows how far it is; None where Snakemake's own output stays, and in jobs.
DISPLAY = run_display()


# Downloads are limited apart from cores; --resources downloads=N has the last word.
if "downloads" not in workflow.global_resources:
    workflow.register_resource("downloads", RUN.settings.downloads)


def asked_often(function):
    """Keep what Snakemake looks up whenever it calls a function: its parameters.

    For ten thousand assets, finding them out anew each time is a sixth of all planning.
    """
    # Where Snakemake itself keeps the parameters of functions that it makes.
    function._overwrite_params = inspect.signature(function).parameters
    return function


def brainset_file(path):
    """Return the pattern of a file under a brainset's _workflow folder."""
    return f"{DATA}/{{brainset}}/_workflow/{path}"


def brainset_targets():
    """Return one input function per brainset, so that none waits for another."""
    return [functools.partial(targets_of, brainset) for brainset in RUN.brainsets]


def targets_of(brainset, wildcards):
    if is_executing():
        check_free()
        end_with_outcome()
        lift_rate_limit()
    force = workflow.dag.forcefiles.update
    # No executor, no jobs: a report, say.
    plans_jobs = workflow.executor_plugin is not None
    targets = ended_by_error(
        lambda: RUN.targets(brainset, checkpoints, force, plans_jobs=plans_jobs)
    )
    if DISPLAY is not None and is_executing():
        DISPLAY.plan(brainset, *RUN.plan(brainset))
    return targets


def lift_rate_limit():
    """Have no limit of jobs per time where the profile's limit is one nobody reaches.

    With any limit, each round of Snakemake's scheduler plans another one a second later,
    and that one the next: a long run ends up busy with rounds that start nothing. No
    value of the option means no limit.
    """
    settings = workflow.scheduling_settings
    limit = settings.max_jobs_per_timespan
    if limit is not None and limit.max_jobs >= UNREACHED_LIMIT:
        settings.max_jobs_per_timespan = None


def summarized_assets(wildcards):
    return RUN.summarized(wildcards, checkpoints)


def is_executing():
    """Whether this process runs jobs: no dry-run, no report, not a job itself."""
    runs = workflow.executor_plugin is not None and not workflow.dryrun
    return runs and workflow.is_main_process


def is_on_this_machine(step):
    """Whether jobs are started by this process itself, and share what it has."""
    return is_executing() and is_near(step)


def is_near(step):
    """Whether a step runs on the machine that runs Snakemake, not on a cluster."""
    return workflow.local_exec or step == "download" and DOWNLOADS_ON_HEAD


def memory(step):
    """Return a function: the MB to ask for, more with each attempt."""

    @asked_often
    def mem_mb(wildcards, attempt):
        asked = RUN.step(wildcards, step).mem_mb * attempt
        return asked if is_near(step) else asked + SNAKEMAKE_MB

    return mem_mb


def minutes(step):
    """Return a function: the minutes to ask for, more with each attempt."""
    return asked_often(
        lambda wildcards, attempt: RUN.step(wildcards, step).runtime * attempt
    )


def minutes_of_batch(step):
    """Return a function: the minutes of all assets of a batch together."""

    def runtime(wildcards, attempt):
        assets = len(RUN.batch(wildcards).assets)
        return RUN.step(wildcards, step).runtime * assets * attempt

    return runtime


def cores(step):
    """Return a function: the cores to ask for; waiting for an archive takes none."""
    least = {"download": 0, "process": 1}[step]

    @asked_often
    def threads(wildcards):
        asked = max(RUN.step(wildcards, step).threads, least)
        return asked if is_near(step) else max(asked, 1)

    return threads


def site_resources(step):
    """Return functions by name: what else the settings ask a scheduler for."""
    return {
        name: functools.partial(site_resource, step, name)
        for name in RUN.resource_names(step)
    }


def site_resource(step, name, wildcards, input, attempt, threads):
    asked = RUN.step(wildcards, step).resources.get(name)
    # A brainset that does not ask for it, when others do, gets what the profile says.
    default = (workflow.resource_settings.default_resources or {}).get(name)
    if asked is None and hasattr(default, "evaluate"):
        aux = {"input": input, "attempt": attempt, "threads": threads}
        default = default.evaluate(wildcards, **aux).value
    return default if asked is None else asked


@asked_often
def environment_ready(wildcards):
    brainset = RUN.brainset(wildcards)
    return RUN.environment(brainset, repair=is_executing())


def environment_to_list(wildcards):
    brainset = RUN.brainset(wildcards)
    return RUN.environment_to_list(brainset, repair=is_executing())


@asked_often
def download_needs(wildcards):
    return RUN.download_needs(wildcards, repair=is_executing())


def environment_key(wildcards):
    return RUN.brainset(wildcards).source.environment_key or "none declared"


@asked_often
def pipeline_code(wildcards):
    return RUN.brainset(wildcards).source.code


@asked_often
def pipeline_args(wildcards):
    return RUN.brainset(wildcards).counted_args


def listing_command(wildcards, output):
    return job_command(
        RUN.settings, SCRIPTS / "write_manifest.py", RUN.brainset(wildcards), "", None
    )


@asked_often
def row_hash(wildcards):
    return RUN.row_hash(wildcards)


@asked_often
def asset_shown(wildcards, output):
    return RUN.asset(wildcards)


@asked_often
def asset_reason(wildcards, output):
    return RUN.reason(wildcards)


def step_command(make, step, script, subject, wildcards, threads):
    return make(
        RUN.settings,
        SCRIPTS / script,
        RUN.brainset(wildcards),
        subject,
        RUN.step(wildcards, step),
        threads if is_on_this_machine(step) else None,
    )


@asked_often
def download_command(wildcards, output, threads):
    what = (job_command, "download", "download_asset.py", wildcards.asset)
    return step_command(*what, wildcards, threads)


@asked_often
def process_command(wildcards, output, threads):
    what = (job_command, "process", "process_asset.py", wildcards.asset)
    return step_command(*what, wildcards, threads)


@asked_often
def download_batch_command(wildcards, output, threads):
    what = (batch_command, "download", "download_batch.py", wildcards.batch)
    return step_command(*what, wildcards, threads)


@asked_often
def process_batch_command(wildcards, output, threads):
    what = (batch_command, "process", "process_batch.py", wildcards.batch)
    return step_command(*what, wildcards, threads)


def check_free():
    """End Snakemake if another run works on one of the brainsets."""
    ended_by_error(RUN.check_free)


def end_when_told():
    """Have SIGTERM end a run whatever Snakemake is doing.

    Its handler waits for a lock that the thread it interrupts may hold, always while it
    plans anew after a listing, and then waits for ever. A thread of its own gets it.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        signal.signal(
            signal.SIGTERM,
            lambda *args: threading.Thread(target=handler, args=args).start(),
        )


def lock_brainsets():
    """Keep other runs away until this process ends."""
    ended_by_error(RUN.lock)
    end_with_outcome()
    # With the lock, so that nobody changes what the table is about.
    atexit.register(summarize_run, RUN.brainsets.values(), RUN.read_manifest)


@functools.cache
def end_with_outcome():
    """Show the table when all is over.

    Snakemake's own hooks are not called where nothing is to be done, and what it prints
    after them would push the table off the screen.
    """
    if "all" not in map(str, workflow.output_settings.quiet or ()):
        atexit.register(show_outcome, RUN.brainsets.values(), RUN.read_manifest)


def execute(*args, **kwargs):
    """Run what is planned, and look whether it has come about."""
    result = type(workflow).execute(workflow, *args, **kwargs)
    dag = workflow.dag_settings
    is_part = dag.until or dag.omit_from or dag.batch or set(dag.targets) - {"all"}
    if is_executing() and not (is_part or workflow.touch):
        from brainsets.planning.undone import check_nothing_undone

        patience_s = workflow.execution_settings.latency_wait
        patience_s = 0 if workflow.local_exec else patience_s
        ended_by_error(lambda: check_nothing_undone(RUN, patience_s=patience_s))
    return result


workflow.execute = execute


def create_report(report_plugin, report_settings, global_report_settings):
    """Write the report, in place of Snakemake's.

    Snakemake's has what the jobs of its plan left. An asset that is done is in no plan,
    and one that has failed leaves nothing that Snakemake knows of; both are in this one.
    """
    if not hasattr(report_settings, "stylesheet_path"):
        # Asked for with --reporter: another one than that of --report.
        plugins = report_plugin, report_settings, global_report_settings
        return type(workflow).create_report(workflow, *plugins)
    # A process of its own, as it imports what reads and draws data.
    command = [sys.executable, "-P", "-m", "brainsets", "report", "--all-named"]
    command += ["--processed-dir", DATA, "--output", str(report_settings.path)]
    if report_settings.stylesheet_path is not None:
        command += ["--stylesheet", str(report_settings.stylesheet_path)]
    paths = [ROOT, os.environ.get("PYTHONPATH")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    status = subprocess.run(
        [*command, "--", *RUN.brainsets], env=environment
    ).returncode
    if status:
        raise SystemExit(status)


workflow.create_report = create_report
