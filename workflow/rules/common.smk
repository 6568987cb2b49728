# What all rules share: the settings, the run that they ask for, how a job asks for its
# inputs, resources and parameters (JOB), and the patterns of wildcards. The logic is in
# brainsets/planning. Leaves nothing on disk.
import atexit
import functools
import json
import sys
from pathlib import Path

from brainsets.display.install import show_display, show_outcome_at_exit
from brainsets.planning.batches import BATCH_PATTERN
from brainsets.planning.job_values import JobValues
from brainsets.planning.snakemake_process import (
    collect_garbage_rarely,
    exit_on_user_error,
    write_report,
)
from brainsets.planning.run import Run
from brainsets.planning.settings import advice, read_settings
from brainsets.planning.snakemake_compat import Invocation, end_on_sigterm
from brainsets.planning.final_check import check_nothing_undone
from brainsets.shared.state.summary import summarize_run
from brainsets.shared.text.asset_names import NAME_PATTERN

collect_garbage_rarely()
SCRIPTS = Path(ROOT) / "workflow" / "scripts"
SNAKEMAKE = exit_on_user_error(lambda: Invocation(workflow))
SETTINGS = exit_on_user_error(
    lambda: read_settings(
        config, given=SNAKEMAKE.given_config, where=SNAKEMAKE.config_files
    )
)
RUN = Run(SETTINGS, is_forced=SNAKEMAKE.is_forced, capacity=SNAKEMAKE.capacity)
JOB = JobValues(RUN, SNAKEMAKE, SCRIPTS)
DOWNLOADS_ON_HEAD = SETTINGS.downloads_on == "head"

if SNAKEMAKE.is_main_process:
    for sentence in advice(RUN.brainsets.values()):
        print(f"brainsets: {sentence}", file=sys.stderr)


wildcard_constraints:
    brainset=RUN.brainset_pattern,
    asset=NAME_PATTERN,
    batch=BATCH_PATTERN,


# Shows how far it is; None where Snakemake's own output stays, and in jobs.
DISPLAY = show_display(SNAKEMAKE, RUN)

# Downloads are limited apart from cores; --resources downloads=N has the last word.
SNAKEMAKE.limit("downloads", SETTINGS.downloads)


def brainset_file(path):
    """Return the pattern of a file under a brainset's _workflow folder."""
    return f"{RUN.processed_dir}/{{brainset}}/_workflow/{path}"


def brainset_targets():
    """Return one input function per brainset, so that none waits for another."""
    return [functools.partial(targets_of, brainset) for brainset in RUN.brainsets]


def targets_of(brainset, wildcards):
    """Return the files that a run has to bring about for one brainset."""
    if SNAKEMAKE.is_executing:
        exit_on_user_error(SNAKEMAKE.check_version)
        exit_on_user_error(RUN.check_free)
        show_outcome_at_exit(SNAKEMAKE, RUN)
        SNAKEMAKE.lift_rate_limit()
    plans = SNAKEMAKE.plans_jobs
    targets = exit_on_user_error(
        lambda: RUN.targets(brainset, checkpoints, SNAKEMAKE.force, plans_jobs=plans)
    )
    if DISPLAY is not None and SNAKEMAKE.is_executing:
        DISPLAY.plan(brainset, *RUN.plan(brainset))
    return targets


def lock_brainsets():
    """Keep other runs away until this process ends."""
    exit_on_user_error(RUN.lock)
    show_outcome_at_exit(SNAKEMAKE, RUN)
    # With the lock, so that nobody changes what the table is about.
    atexit.register(summarize_run, RUN.brainsets.values(), RUN.read_manifest)


SNAKEMAKE.check_at_end(
    lambda latency_s: exit_on_user_error(
        lambda: check_nothing_undone(RUN, patience_s=latency_s)
    )
)
SNAKEMAKE.replace_report(
    functools.partial(write_report, ROOT, RUN.processed_dir, RUN.brainsets)
)
