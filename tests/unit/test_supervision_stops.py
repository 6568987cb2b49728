"""Whoever is stopped or killed, the function or its parent, nothing lives on."""

import signal

import pytest

from tests.helpers.supervised_scripts import ended
from tests.helpers.waiting import within


def test_a_sub_process_that_is_left_behind_ends_with_the_function(start):
    outcome, script = ended(start, "hold(); return 1")
    assert outcome["result"] == 1
    assert within(20, lambda: not script.is_held())


def test_a_killed_parent_takes_the_function_and_its_sub_process_with_it(start):
    script = start("hold(); time.sleep(60)")
    script.wait_for_hold()
    assert script.is_held()
    script.process.kill()
    assert within(20, lambda: not script.is_held())
    assert script.process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("fork", [1, 2])
def test_a_parent_that_is_killed_while_it_starts_leaves_nothing_behind(start, fork):
    script = start(
        "hold(); time.sleep(60)",
        before=f"""
        forks = []
        fork = os.fork

        def dying_fork():
            forks.append(pid := fork())
            if pid and len(forks) == {fork}:
                # As far as the child gets if nobody holds it back.
                time.sleep(1)
                os.kill(os.getpid(), signal.SIGKILL)
            return pid

        os.fork = dying_fork
        """,
    )
    assert script.process.wait(20) == -signal.SIGKILL
    (script.folder / "lock").touch()
    assert within(20, lambda: not script.is_held())


def test_a_killed_parent_takes_also_what_ignores_being_stopped(start):
    script = start(
        """
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        hold()
        time.sleep(60)
        """
    )
    script.wait_for_hold()
    script.process.kill()
    assert within(20, lambda: not script.is_held())


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_parent_that_is_told_to_stop_stops_the_function_first(start, signum):
    script = start("hold(); time.sleep(60)")
    script.wait_for_hold()
    script.process.send_signal(signum)
    assert script.end() == {"interrupted": signum}
    assert within(20, lambda: not script.is_held())


def test_a_function_that_is_stopped_may_clean_up(start):
    script = start(
        """
        def clean(signum, frame):
            (here / "cleaned").touch()
            raise SystemExit

        signal.signal(signal.SIGTERM, clean)
        hold()
        time.sleep(60)
        """
    )
    script.wait_for_hold()
    script.process.terminate()
    assert script.end() == {"interrupted": signal.SIGTERM}
    assert (script.folder / "cleaned").exists()


def test_a_function_that_will_not_stop_is_killed(start):
    script = start(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); hold(); time.sleep(60)",
        before="supervision._TERM_TIMEOUT_S = 0.3",
    )
    script.wait_for_hold()
    script.process.terminate()
    assert script.end() == {"interrupted": signal.SIGTERM}
    assert within(20, lambda: not script.is_held())


def test_handlers_of_signals_are_put_back(start):
    outcome, script = ended(
        start,
        "return 1",
        before="""
        def mine(signum, frame):
            (here / "mine").touch()

        signal.signal(signal.SIGTERM, mine)
        run_supervised(lambda: 1)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    assert outcome["result"] == 1
    assert (script.folder / "mine").exists()
