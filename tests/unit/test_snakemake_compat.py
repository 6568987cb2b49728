"""What the workflow uses of Snakemake beyond its documented interface is there.

And one module alone uses it, which says what is lost where it is not there.
"""

import inspect
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.api

from brainsets.display import snakemake_messages
from brainsets.errors import SettingsError
from brainsets.planning import snakemake_compat
from brainsets.planning.snakemake_compat import (
    Invocation,
    cache_signature,
    end_on_sigterm,
)
from tests.helpers.workspace import ROOT

# A run that looks for all that there should be, at the times at which it is used.
PROBE = f"""
import signal, sys
sys.path.insert(0, {str(ROOT)!r})
from brainsets.planning import snakemake_compat as compat

known = compat.Invocation(workflow)

def look(when):
    # What is None has no attributes yet: it is looked at later.
    for path in compat._OPTIONAL:
        known._get(path)
    print(when, known.capacity(), known.is_forced("a"), known.is_partial)

@compat.cache_signature
def needs(wildcards):
    look("planning")
    known.force(["forced"])
    known.lift_rate_limit()
    assert workflow.dag.forcefiles == {{"forced"}}
    assert workflow.scheduling_settings.max_jobs_per_timespan is None
    return []

def memory(wildcards, attempt):
    from types import SimpleNamespace
    aux = {{"input": [], "attempt": attempt, "threads": 1}}
    return known.default_resource("mem_mb", wildcards, **aux)

known.limit("downloads", 3)
known.check_at_end(lambda latency_s: print("checked", latency_s))
print("parsing", known.given_config, known.config_files)

onstart:
    print("SIGTERM", callable(signal.getsignal(signal.SIGTERM)))
    print("limit", workflow.global_resources["downloads"].value)

rule all:
    input: needs
    output: "made"
    threads: 2
    resources: downloads=1, mem_mb=memory
    shell: "echo mem_mb {{resources.mem_mb}}; touch {{output}}"
"""
# What a module would write to reach what only one may.
REACHES = (
    r"\bworkflow\.(?!basedir\b|scripts\b|shared\b)\w+",
    r"_overwrite_params|forcefiles|max_jobs_per_timespan|logger_manager|queue_listener",
    r"\b(?:dag|config|resource|execution|scheduling|output)_settings\b",
    r"\.evaluate\(|\bcreate_report\b|\bimport signal\b|SIGTERM",
    r"\b(?:from|import) snakemake\b",
)
PLANNING = [
    path
    for room in ("planning", "sources", "display")
    for path in sorted((ROOT / "brainsets" / room).rglob("*.py"))
    if path.name != "snakemake_compat.py"
]
RULES = [*sorted((ROOT / "workflow").rglob("*.smk")), *ROOT.glob("**/Snakefile")]


@pytest.fixture
def workflow():
    """Return an object that has what is used when the Snakefile is read."""

    class Workflow:
        is_main_process = True
        executor_plugin = object()
        dryrun = False
        local_exec = True

        def execute(self):
            return "executed"

        def create_report(self, **plugins):
            return plugins

    return Workflow()


def snake(folder, text, *arguments):
    (folder / "Snakefile").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_all_of_it_is_in_the_installed_snakemake(tmp_path):
    done = snake(
        tmp_path,
        PROBE,
        *("--max-jobs-per-timespan", "100000/1s", "--config", "key=1"),
        *("--default-resources", "mem_mb=attempt*7", "--retries", "2"),
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert "this version of Snakemake has no" not in shown
    assert "parsing {'key': 1} config/config.yaml" in shown
    assert "Capacity(slots=2, min_job_s=2, retries=2, is_executing=True)" in shown
    assert "planning" in shown and "False False" in shown
    for line in ("SIGTERM True", "limit 3", "mem_mb 7", "checked 0"):
        assert line in shown, line


def test_a_dry_run_for_a_cluster_is_known_as_one():
    # Executors that are plugins need not be installed: what tells it is a setting.
    settings = inspect.signature(snakemake.settings.types.ExecutionSettings)
    assert "use_threads" in settings.parameters
    assert "execution_settings.use_threads = (" in source_of(snakemake)


@pytest.mark.parametrize("name", ["execute", "create_report", "register_resource"])
def test_methods_that_are_replaced_or_called_are_there(name):
    assert callable(getattr(snakemake.workflow.Workflow, name))


def test_snakemake_looks_for_parameters_where_they_are_kept():
    from snakemake.common import get_function_params

    class Answers:
        @cache_signature
        def answer(self, wildcards, output):
            pass

    kept = get_function_params(Answers().answer)
    assert [*kept] == ["wildcards", "output"]
    assert kept is Answers.answer._overwrite_params


def test_report_settings_say_where_the_page_goes():
    from snakemake.report.html_reporter import ReportSettings

    names = inspect.signature(ReportSettings).parameters
    assert {"path", "stylesheet_path"} <= {*names}
    # Given by this name, from where Snakemake calls what is replaced.
    assert "report_settings=report_settings," in inspect.getsource(snakemake.api)


def test_output_is_shown_by_a_handler_as_snakemake_has_its_own():
    from snakemake.logging import LoggerManager
    from snakemake.settings.types import OutputSettings

    logger = logging.getLogger("a logger of this test")
    logger.propagate = False
    manager = LoggerManager(logger, OutputSettings())
    ours = logging.StreamHandler(open(os.devnull, "w"))
    shown = []
    ours.emit = lambda record: shown.append(record.getMessage())
    workflow = SimpleNamespace(
        logger_manager=manager,
        execute=None,
        is_main_process=True,
        executor_plugin=None,
        dryrun=False,
        local_exec=True,
    )
    invocation = Invocation(workflow)
    assert invocation.replace_output(lambda settings, ordinary: ours) is ours
    assert manager.get_log_handlers() == [ours]
    # Asked for a second time, it is there already.
    assert invocation.replace_output(lambda settings, ordinary: ours) is None
    logger.info("a record")
    manager.stop()
    assert shown == ["a record"]


def source_of(package):
    files = Path(package.__file__).parent.rglob("*.py")
    return "".join(path.read_text("utf-8", errors="replace") for path in files)


def test_messages_are_those_that_snakemake_prints():
    source = source_of(snakemake)
    messages = [
        *snakemake_messages._NOISE,
        snakemake_messages._STOP,
        snakemake_messages._END,
        snakemake_messages._RESTART,
        # With the name of an exception before it.
        *(line.rpartition("\n")[2] for line in snakemake_messages._OF_FAILED_JOBS),
    ]
    for message in messages:
        assert message.replace("\n", "\\n") in source, message


def test_messages_are_those_that_the_plugin_for_slurm_prints():
    name = "snakemake_executor_plugin_slurm"
    source = source_of(pytest.importorskip(name, exc_type=ImportError))
    for message in (*snakemake_messages._SLURM_NOISE, snakemake_messages._SUBMITTED):
        assert message.strip() in source, message


@pytest.mark.parametrize(
    "message, number",
    [
        ("Trying to restart job 12.", 12),
        ("Trying to restart job twelve.", None),
        ("Trying to restart job ²", None),
        ("Trying to restart job ", None),
        (f"Trying to restart job {'9' * 5000}.", None),
        ("Restarting job 12", None),
    ],
)
def test_a_message_in_other_words_is_no_error(message, number):
    assert snakemake_messages.restarted_job(message) == number


@pytest.mark.parametrize("name", snakemake_compat._REQUIRED)
def test_what_could_do_harm_ends_the_run_in_a_sentence(workflow, name):
    delattr(type(workflow), name)
    with pytest.raises(SettingsError, match=f"no workflow.{name}"):
        Invocation(workflow)


@pytest.mark.parametrize("path", snakemake_compat._REQUIRED_TO_RUN)
def test_a_run_whose_end_nobody_could_judge_is_not_begun(workflow, path):
    whole = {"batch": None, "omit_from": (), "until": (), "targets": ["all"]}
    workflow.dag_settings, workflow.touch = SimpleNamespace(**whole), False
    invocation = Invocation(workflow)
    invocation.check_version()
    assert not invocation.is_partial
    checked = []
    invocation.check_at_end(checked.append)
    workflow.execution_settings = SimpleNamespace(latency_wait=5)
    assert workflow.execute() == "executed" and checked == [0]
    owner, _, name = path.rpartition(".")
    delattr(getattr(workflow, owner) if owner else workflow, name)
    for ask in (invocation.check_version, workflow.execute):
        with pytest.raises(SettingsError, match=f"no workflow.{path}"):
            ask()
    assert checked == [0]


@pytest.mark.parametrize("path", snakemake_compat._OPTIONAL)
def test_what_is_not_there_is_said_once_and_done_without(workflow, capsys, path):
    default, loss = snakemake_compat._OPTIONAL[path]
    # All but the last name of the path is there.
    first, _, last = path.rpartition(".")
    if first:
        setattr(workflow, first, SimpleNamespace())
    invocation = Invocation(workflow)
    assert invocation._get(path) == invocation._get(path) == default
    said = capsys.readouterr().err
    assert said.count(loss) == 1 and said.count(f"workflow.{path}") == 1
    workflow.is_main_process = False
    Invocation(workflow)._get(path)
    assert capsys.readouterr().err == ""


def test_everything_works_without_all_that_is_optional(workflow, capsys):
    invocation = Invocation(workflow)
    assert not invocation.is_forced("a") and not invocation.is_quiet
    assert invocation.capacity().slots == 1
    assert invocation.default_resource("mem_mb", None) is None
    assert invocation.given_config == {}
    assert invocation.config_files == "config/config.yaml"
    invocation.limit("downloads", 3)
    invocation.force(["file"])
    invocation.lift_rate_limit()
    assert invocation.replace_output(pytest.fail) is None
    # Nor is a record of settings that were never made an error.
    for name in ("dag", "dag_settings", "execution_settings", "resource_settings"):
        setattr(workflow, name, None)
    invocation.force(["file"])
    assert not invocation.is_forced("a") and invocation.capacity().retries == 0


def test_a_logger_of_another_kind_leaves_snakemakes_output(workflow, capsys):
    workflow.logger_manager = SimpleNamespace(settings=SimpleNamespace())
    assert Invocation(workflow).replace_output(pytest.fail) is None
    assert "Snakemake's own output is shown" in capsys.readouterr().err


def test_methods_that_cannot_be_replaced_are_left_alone(workflow, capsys):
    del type(workflow).create_report
    Invocation(workflow).replace_report(pytest.fail)
    assert "create_report" not in vars(workflow)
    assert "--report writes Snakemake's own" in capsys.readouterr().err


def test_report_of_another_reporter_is_snakemakes(workflow, capsys):
    written = []
    invocation = Invocation(workflow)
    invocation.replace_report(lambda *paths: written.append(paths))
    settings = SimpleNamespace(path="page.html", stylesheet_path=None)
    # By name, as Snakemake's API does.
    workflow.create_report(report_plugin="plugin", report_settings=settings)
    assert written == [("page.html", None)]
    other = {"report_plugin": "plugin", "report_settings": SimpleNamespace()}
    assert workflow.create_report(**other) == other
    assert capsys.readouterr().err == ""
    # Under other names, Snakemake writes its own.
    assert workflow.create_report(report=settings) == {"report": settings}
    assert "--report writes Snakemake's own" in capsys.readouterr().err
    assert len(written) == 1


def test_sigterm_is_handled_though_the_main_thread_holds_a_lock():
    lock, handled = threading.Lock(), threading.Event()

    def handler(*args):
        with lock:
            handled.set()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        end_on_sigterm()
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
        assert handled.wait(10)
        # Where Snakemake has no handler, the signal does what it always does.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_on_sigterm()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("path", [*PLANNING, *RULES], ids=lambda path: path.name)
def test_no_other_file_reaches_into_snakemake(path):
    text = path.read_text("utf-8")
    # The Snakefile has to find the project before it can import anything of it.
    text = text.replace("workflow.current_basedir.path", "")
    text = re.sub(r"from snakemake\.utils import min_version", "", text)
    for number, line in enumerate(text.splitlines(), 1):
        for reach in REACHES:
            assert not re.search(reach, line.partition("#")[0]), f"{number}: {line}"


def test_the_search_for_reaches_sees_them():
    text = Path(snakemake_compat.__file__).read_text("utf-8")
    for reach in REACHES[1:4]:
        assert re.search(reach, text)
    assert re.search(REACHES[0], "workflow.dag.forcefiles")
    assert len(PLANNING) > 20 and len(RULES) > 6
