"""Files with times in the future, as after a clock was set back, harm nothing."""

import os
import time

import pytest


def set_ahead(*roots):
    """Give all files below some folders a time in an hour."""
    later = time.time() + 3600
    for root in roots:
        for folder, _, files in os.walk(root):
            for file in files:
                os.utime(os.path.join(folder, file), (later, later))


@pytest.mark.parametrize("settings", [{}, {"batch_size": 2}], ids=str)
def test_times_in_the_future_make_nothing_run_twice(recorder, settings):
    assets = ["a", "b", "c"]
    recorder.write_rows([{"id": asset} for asset in assets])
    pipeline = [{"pipeline": str(recorder.pipeline), **settings}]

    def finished():
        """Run twice; return what the first run did, as the second does nothing."""
        run = recorder.run(pipeline)
        assert run.returncode == 0, run.stdout
        events = sorted(recorder.events())
        again = recorder.run(pipeline)
        assert again.returncode == 0 and "Nothing to be done" in again.stdout
        return events

    assert recorder.run(pipeline, "--until", "write_manifest").returncode == 0
    set_ahead(recorder.folder().workflow)
    assert finished() == sorted(["manifest", *both_steps(assets)])
    # One of each kind: nothing done, the download done, all done.
    for asset, states in {"a": ["DONE", "DOWNLOADED"], "b": ["DONE"]}.items():
        for state in states:
            recorder.folder().sentinel(asset, state).unlink()
    set_ahead(recorder.processed_dir, recorder.raw_dir, recorder.pipeline.parent)
    assert finished() == ["download 'a'", "process 'a'", "process 'b'"]


def both_steps(assets):
    steps = ("download", "process")
    return [f"{step} {asset!r}" for step in steps for asset in assets]
