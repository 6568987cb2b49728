"""Real recordings through a real SLURM of one node, with what goes wrong there."""

import json
import os
import signal
import subprocess
import sys
import time

import h5py
import pytest

from tests.helpers.one_node_slurm import missing_programs, one_node_slurm
from tests.helpers.workspace import ROOT

pytest.importorskip(
    "snakemake_executor_plugin_slurm", reason="no plugin: pip install -e .[slurm]"
)
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(missing_programs()),
        reason=f"no SLURM here: {', '.join(missing_programs())} not installed",
    ),
]

BRAINSET = "scalp_recordings"
# Memory of the jobs beside the steps: _SNAKEMAKE_MB of planning/job_values.py.
OWN_MB = 300


@pytest.fixture(scope="module")
def cluster():
    with one_node_slurm(cpus=6) as running:
        yield running


class Site:
    """A workspace on a login node of a cluster."""

    def __init__(self, workspace, cluster, archive):
        self.workspace, self.cluster = workspace, cluster
        self.root = workspace.root
        pipeline = workspace.copy_pipeline(BRAINSET)
        args = ["--archive", str(archive)]
        self.settings = {"pipeline": pipeline, "args": args, "environment": "active"}
        self.folder = workspace.folder(BRAINSET)
        self.raw = workspace.raw_dir / BRAINSET
        self.raw.mkdir(parents=True)
        self.started = []

    def behave(self, **how):
        """Say how steps end from now on, as process__S001R03="fail"."""
        behave = {key.replace("__", " "): value for key, value in how.items()}
        # At once: steps that wait look into it all the time.
        new = self.raw / "behave.new"
        new.write_text(json.dumps(behave))
        new.replace(self.raw / "behave.json")

    def events(self):
        return self.workspace.events(BRAINSET)

    def start(self, *options, profile="slurm", retries=0, downloads_on="head", **more):
        self.workspace.environment.update(self.cluster.environment)
        words = self.workspace.command(
            [{**self.settings, **more}], *options, downloads_on=downloads_on
        )
        # What a user leaves to the profile.
        words = [word for word in words if word not in ("--scheduler", "greedy")]
        at = words.index("--cores")
        del words[at : at + 2]
        words += ["--profile", ROOT / "profiles" / profile, "--retries", str(retries)]
        if profile == "slurm":
            words += ["--slurm-init-seconds-before-status-checks", "5"]
        else:
            words += ["--seconds-between-status-checks", "3"]
        self.started.append(self.workspace.start_command(words))
        return self.started[-1]

    def end(self):
        """End what a test that failed has left behind."""
        for run in self.started:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()

    def run(self, *options, **settings):
        return self.workspace.finish(self.start(*options, **settings))

    def sentinel(self, asset, state):
        path = self.folder.sentinel(asset, state)
        return json.loads(path.read_text()) if path.exists() else None

    def status(self):
        folder = self.workspace.processed_dir
        told = self.workspace.brainsets("status", "--json", "--processed-dir", folder)
        [brainset] = json.loads(told.stdout)["brainsets"]
        return brainset

    def interrupted(self):
        return [each["asset"] for each in self.status()["interrupted"]]

    def is_processing(self, asset):
        running = self.sentinel(asset, "RUNNING")
        return running is not None and running["status"] == "PROCESSING"

    def jobs(self):
        return {job["JobId"]: job for job in self.cluster.jobs()}


def wait_for(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def text_of(log):
    """Return what is in a log; Snakemake removes it before it starts a job."""
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def memory(job):
    """Return the MB that a job asked for."""
    return int(job["Tres"].partition("mem=")[2].partition("M")[0])


@pytest.fixture
def site(workspace, cluster, shared_data):
    site = Site(workspace, cluster, shared_data)
    yield site
    site.end()


def test_what_goes_wrong_on_a_cluster_stops_nothing_else_and_is_taken_up(site):
    failing, hungry, slow, cancelled = "S001R03", "S001R04", "S001R05", "S001R06"
    good = ["S001R07", "Subject00_1"]
    site.behave(
        process__S001R03="fail",
        process__S001R04="memory once",
        process__S001R05="wait",
        process__S001R06="wait",
    )
    selected = {
        "assets": [failing, hungry, slow, cancelled, *good],
        "process": {
            "mem_mb": 400,
            # The least that SLURM knows.
            "runtime": 1,
            "resources": {"slurm_partition": "short", "constraint": "local"},
        },
    }
    before = site.jobs()
    first = site.start(**selected)
    wait_for(lambda: site.is_processing(cancelled) and site.is_processing(slow))
    job = site.sentinel(cancelled, "RUNNING")["slurm_job"]
    site.cluster.ask("scancel", job)
    # Its minute is over at once; the log of SLURM shows that as its limit.
    overdue = site.sentinel(slow, "RUNNING")["slurm_job"]
    site.cluster.ask("scontrol", "update", f"JobId={overdue}", "EndTime=now")
    ended = site.workspace.finish(first)
    assert ended.returncode == 1, ended.stdout
    for asset in good:
        with h5py.File(site.folder.root / f"{asset}.h5") as file:
            assert file.attrs["duration_s"] in (125, 182, 188)
            assert len(file["signal"]) > 10_000
    # Downloads ran here, lists too; each process step in a job that asked for its own.
    jobs = {key: value for key, value in site.jobs().items() if key not in before}
    assert len(jobs) == 6, jobs
    for asset in good:
        done = site.sentinel(asset, "DONE")
        assert done["host"] == os.uname().nodename
        mine = jobs[done["slurm_job"]]
        assert mine["JobState"] == "COMPLETED"
        assert (mine["Partition"], mine["TimeLimit"]) == ("short", "1")
        assert memory(mine) == 400 + OWN_MB and "cpu=1," in mine["Tres"]
        assert site.sentinel(asset, "DOWNLOADED")["slurm_job"] is None
    states = sorted(job["JobState"] for job in jobs.values())
    assert states.count("COMPLETED") == 2 and states.count("TIMEOUT") == 1
    assert jobs[job]["JobState"].startswith("CANCELLED")
    # Each of the others has its cause, or is seen as interrupted.
    failed = site.sentinel(failing, "FAILED")["attempts"][-1]
    assert failed["message"] == "electrode 7 is missing"
    told = site.status()
    assert told["counts"]["done"] == 2
    ends = {x["asset"]: x for x in told["failed"] + told["interrupted"]}
    assert {*ends} == {failing, hungry, slow, cancelled}
    for asset in (hungry, slow, cancelled):
        assert ends[asset].get("message", "killed").startswith("killed")
    # The next run takes up those four, and nothing else; one is once more too large.
    site.behave(process__S001R04="memory once")
    (site.raw / f"{hungry}.once").unlink()
    site.events()
    before = site.jobs()
    second = site.run(retries=1, **selected)
    assert second.returncode == 0, second.stdout
    again = (failing, hungry, hungry, slow, cancelled)
    assert sorted(site.events()) == sorted(f"process {asset}" for asset in again)
    # It was submitted again, with twice the memory and time of the step.
    jobs = [job for key, job in site.jobs().items() if key not in before]
    asked = sorted((memory(job), job["TimeLimit"]) for job in jobs)
    assert asked == [(400 + OWN_MB, "1")] * 4 + [(800 + OWN_MB, "2")]
    assert site.run(**selected).stdout.count("Nothing to be done") == 1


def test_head_killed_its_jobs_go_on_and_are_not_repeated(site):
    asset = "S001R03"
    site.behave(process__S001R03="wait")
    selected = {"assets": [asset], "process": {"mem_mb": 400, "runtime": 5}}
    before = site.jobs()
    # Where jobs of another run, which still wait, are going to write to.
    logs = site.workspace.root / ".snakemake" / "slurm_logs" / "of another run"
    logs.mkdir(parents=True)
    first = site.start(downloads_on="cluster", **selected)
    wait_for(lambda: site.is_processing(asset))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    job = site.sentinel(asset, "RUNNING")["slurm_job"]
    second = site.start(downloads_on="cluster", **selected)
    log = site.folder.log("process_asset", asset)
    wait_for(lambda: "still works on this asset" in text_of(log))
    site.behave()
    ended = site.workspace.finish(second)
    assert ended.returncode == 0, ended.stdout
    assert logs.is_dir()
    events = [f"download {asset}", f"process {asset}"]
    assert site.events() == events, text_of(log)
    assert site.sentinel(asset, "DONE")["slurm_job"] == job
    # One for the download, one for each run's process step.
    downloaded = site.sentinel(asset, "DOWNLOADED")["slurm_job"]
    assert len({*site.jobs()} - {*before}) == 3
    assert downloaded in site.jobs() and downloaded != job


def test_batches_on_a_cluster_are_cut_off_and_continued(site):
    site.settings["args"] += ["--copies", "6"]
    copies = [f"copy{number}" for number in range(6)]
    failing, overdue = copies[1], copies[4]
    site.behave(**{f"process {failing}": "fail", f"process {overdue}": "wait"})
    selected = {"assets": "copy*", "process": {"mem_mb": 400, "runtime": 2}}
    selected["batch_size"] = 3
    before = site.jobs()
    first = site.start(**selected)
    wait_for(lambda: site.is_processing(overdue))
    job = site.sentinel(overdue, "RUNNING")["slurm_job"]
    site.cluster.ask("scontrol", "update", f"JobId={job}", "EndTime=now")
    ended = site.workspace.finish(first)
    assert ended.returncode == 1, ended.stdout
    # Six assets in two jobs: the memory of one, the time of all.
    jobs = {key: each for key, each in site.jobs().items() if key not in before}
    assert len(jobs) == 2 and jobs[job]["JobState"] == "TIMEOUT"
    assert all(memory(each) == 400 + OWN_MB for each in jobs.values())
    [whole] = [each for key, each in jobs.items() if key != job]
    assert whole["TimeLimit"] == "6"
    done = [asset for asset in copies if site.sentinel(asset, "DONE")]
    assert done == [copies[0], copies[2], copies[3]]
    for asset in done:
        assert site.sentinel(asset, "DONE")["slurm_job"] in jobs
    message = site.sentinel(failing, "FAILED")["attempts"][-1]["message"]
    assert message == "electrode 7 is missing"
    # The next run goes on after the one that was cut off, which comes last.
    site.behave()
    site.events()
    second = site.run(**selected)
    assert second.returncode == 0, second.stdout
    again = [f"process {asset}" for asset in (failing, copies[5], overdue)]
    assert site.events() == again
    assert len({*site.jobs()} - {*before, *jobs}) == 1


def test_a_preempted_step_is_taken_up_again(site):
    asset = "S001R03"
    site.behave(process__S001R03="wait")
    selected = {"assets": [asset], "process": {"mem_mb": 400, "runtime": 5}}
    run = site.start(**selected)
    wait_for(lambda: site.is_processing(asset))
    job = site.sentinel(asset, "RUNNING")["slurm_job"]
    wanted = ("--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true")
    site.cluster.ask("sbatch", *wanted)
    ended = site.workspace.finish(run)
    assert ended.returncode == 1, ended.stdout
    # It ended in its grace time, so for SLURM it is a job that failed by itself. The
    # other one, which needs the whole node, ran after it.
    jobs = site.jobs()
    assert jobs[job]["JobState"] in ("FAILED", "PREEMPTED")
    [other] = [each for each in jobs.values() if each["Partition"] == "urgent"]
    assert other["JobState"] == "COMPLETED"
    assert jobs[job]["EndTime"] <= other["StartTime"]
    assert site.interrupted() == [asset]
    assert site.sentinel(asset, "DONE") is None
    site.behave()
    site.events()
    second = site.run(**selected)
    assert second.returncode == 0, second.stdout
    assert site.events() == [f"process {asset}"]


def test_a_step_on_a_node_that_vanishes_is_taken_up_again(site):
    asset = "S001R03"
    site.behave(process__S001R03="wait")
    selected = {"assets": [asset], "process": {"mem_mb": 400, "runtime": 5}}
    with one_node_slurm(cpus=2) as cluster:
        site.cluster = cluster
        run = site.start(**selected)
        wait_for(lambda: site.is_processing(asset))
        cluster.lose_node()
        ended = site.workspace.finish(run)
        assert ended.returncode == 1, ended.stdout
        [job] = cluster.jobs()
        assert job["JobState"] == "NODE_FAIL"
    assert site.interrupted() == [asset]
    site.behave()
    site.events()
    with one_node_slurm(cpus=2) as site.cluster:
        second = site.run(**selected)
    assert second.returncode == 0, second.stdout
    assert site.events() == [f"process {asset}"]


def test_a_site_without_the_plugin_has_another_profile(site):
    pytest.importorskip(
        "snakemake_executor_plugin_cluster_generic",
        reason="no plugin: pip install -e .[cluster-generic]",
    )
    failing, good, cancelled = "S001R03", "S001R04", "S001R05"
    site.behave(process__S001R03="fail", process__S001R05="wait")
    selected = {"assets": [failing, good, cancelled]}
    selected["process"] = {"mem_mb": 400, "runtime": 3}
    before = site.jobs()
    run = site.start(profile="cluster-generic", **selected)
    wait_for(lambda: site.is_processing(cancelled))
    site.cluster.ask("scancel", site.sentinel(cancelled, "RUNNING")["slurm_job"])
    ended = site.workspace.finish(run)
    assert ended.returncode == 1, ended.stdout
    done = site.sentinel(good, "DONE")
    jobs = {key: each for key, each in site.jobs().items() if key not in before}
    assert len(jobs) == 3
    assert memory(jobs[done["slurm_job"]]) == 400 + OWN_MB
    assert jobs[done["slurm_job"]]["TimeLimit"] == "3"
    assert site.sentinel(failing, "FAILED") and not site.sentinel(cancelled, "DONE")


def test_a_project_folder_runs_on_a_cluster_as_a_clone_does(site):
    project = site.root / "project"
    made = site.workspace.brainsets("init", project)
    assert made.returncode == 0, made.stderr
    entry = {**site.settings, "pipeline": str(site.settings["pipeline"])}
    entry |= {"assets": ["S001R03", "S001R04"], "process": {"mem_mb": 400}}
    folders = {"raw_dir": "raw", "processed_dir": "out"}
    settings = json.dumps({**folders, "brainsets": [entry]})
    (project / "config/config.yaml").write_text(settings)
    before = site.jobs()
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm"]
        + ["--slurm-init-seconds-before-status-checks", "5", "--retries", "0"],
        cwd=project,
        env={**site.workspace.full_environment, **site.cluster.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    assert run.stdout.endswith(f"logs:    {project}/out/{BRAINSET}/_workflow/logs\n")
    jobs = [job for key, job in site.jobs().items() if key not in before]
    assert [job["JobState"] for job in jobs] == ["COMPLETED"] * 2
    for asset in entry["assets"]:
        with h5py.File(project / "out" / BRAINSET / f"{asset}.h5") as file:
            assert len(file["signal"]) > 10_000
