"""However a supervised function ends, its parent knows how, and what it cost."""

import os
import signal
import time

import pytest

from tests.helpers.supervised_scripts import ended, failure
from tests.helpers.waiting import within


def test_a_result_comes_back_with_what_it_cost(start):
    outcome, _ = ended(start, "return {'é': [1, None, sum(range(10**6)) * 0.5]}")
    assert outcome["result"] == {"é": [1, None, sum(range(10**6)) * 0.5]}
    assert outcome["failure"] is None
    assert 0 < outcome["cpu_s"] < 10
    assert 1 < outcome["max_rss_mb"] < 1000


def test_a_large_result_comes_back_whole(start):
    outcome, _ = ended(start, "return 'x' * 3_000_000")
    assert outcome["result"] == "x" * 3_000_000


def test_what_a_function_uses_is_measured_with_its_sub_processes(start):
    outcome, _ = ended(
        start,
        """
        code = "x = bytearray(150_000_000); sum(range(10**6))"
        subprocess.run([sys.executable, "-c", code], check=True)
        """,
    )
    assert outcome["max_rss_mb"] > 140


def test_an_exception_is_told_with_its_message_and_traceback(start):
    outcome, script = ended(
        start,
        """
        def inner():
            raise ValueError("no such\\nsession é")
        inner()
        """,
    )
    found = outcome["failure"]
    assert found["error"] == "ValueError"
    assert found["message"] == "no such\nsession é"
    assert "in inner" in found["traceback"]
    assert "in run_child" not in found["traceback"]
    assert found["traceback"].endswith("ValueError: no such\nsession é")
    assert (found["signal"], found["timeout_s"], found["transient"]) == (
        None,
        None,
        False,
    )
    # The log has all of it.
    assert found["traceback"] in script.stderr


def test_only_the_end_of_a_long_traceback_is_kept_and_all_of_it_is_in_the_log(start):
    outcome, script = ended(
        start,
        """
        def deep(n):
            if n:
                try:
                    deep(n - 1)
                except KeyError as error:
                    raise KeyError(n) from error
            raise KeyError("first")
        deep(30)
        """,
    )
    assert len(outcome["failure"]["traceback"].splitlines()) == 20
    assert "KeyError: 'first'" not in outcome["failure"]["traceback"]
    assert "KeyError: 'first'" in script.stderr


def test_an_error_of_ours_is_one_sentence_without_traceback(start):
    outcome, script = ended(start, "raise OutputError('process wrote a link.')")
    assert outcome["failure"]["error"] == "OutputError"
    assert outcome["failure"]["message"] == "process wrote a link."
    assert outcome["failure"]["traceback"] == ""
    assert script.stderr == "process wrote a link.\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise SystemExit('no token; log in first')", "no token; log in first"),
        ("sys.exit(3)", "the pipeline called sys.exit(3)"),
        ("sys.exit()", "the pipeline called sys.exit()"),
        ("exit(0)", "the pipeline called sys.exit(0)"),
    ],
)
def test_an_exit_is_a_failure_whatever_its_status(start, body, message):
    found = failure(start, body)
    assert (found["error"], found["message"]) == ("SystemExit", message)


def test_a_question_that_nobody_can_answer_is_a_failure_that_says_so(start):
    found = failure(start, "input('go on? ')")
    assert found["error"] == "EOFError"
    assert "there is nobody to answer" in found["message"]


def test_an_interrupt_raised_by_the_function_is_its_own_failure(start):
    assert failure(start, "raise KeyboardInterrupt")["error"] == "KeyboardInterrupt"


@pytest.mark.parametrize("status", [0, 3])
def test_an_exit_without_a_word_is_a_failure_whatever_its_status(start, status):
    found = failure(start, f"os._exit({status})")
    assert found["error"] == "UnexpectedExit"
    assert f"exit status {status} " in found["message"]


@pytest.mark.parametrize(
    ("signum", "hint"),
    [
        ("SIGSEGV", "(a crash in C code)"),
        ("SIGKILL", "out of memory?"),
        ("SIGTERM", "killed by SIGTERM"),
        ("SIGABRT", "killed by SIGABRT"),
    ],
)
def test_a_signal_that_ends_the_function_is_named(start, signum, hint):
    found = failure(start, f"os.kill(os.getpid(), signal.{signum})")
    assert (found["error"], found["signal"]) == ("Killed", signum)
    assert signum in found["message"]
    assert hint in found["message"]


def test_a_crash_in_c_code_shows_in_the_log_where_it_was(start):
    outcome, script = ended(
        start,
        """
        import ctypes
        def crash():
            ctypes.string_at(0)
        crash()
        """,
    )
    assert outcome["failure"]["signal"] == "SIGSEGV"
    assert "in crash" in script.stderr


def test_a_kill_from_outside_is_named(start):
    script = start(
        """
        (here / "part").write_text(str(os.getpid()))
        os.replace(here / "part", here / "pid")
        time.sleep(60)
        """
    )
    os.kill(int(script.wait_for("pid").read_text()), signal.SIGKILL)
    found = script.end()["failure"]
    assert found["message"] == "killed by SIGKILL; out of memory?"
    assert found["signal"] == "SIGKILL"


def test_a_function_that_dies_while_it_closes_has_not_succeeded(start):
    found = failure(
        start,
        """
        import atexit
        atexit.register(os.kill, os.getpid(), signal.SIGKILL)
        return 1
        """,
    )
    assert found["signal"] == "SIGKILL"
    assert "while closing" in found["message"]


def test_a_bad_status_at_the_end_is_a_failure(start):
    body = "import atexit; atexit.register(os._exit, 3); return 1"
    assert failure(start, body)["error"] == "UnexpectedExit"


def test_a_thread_that_runs_on_does_not_keep_the_step_for_ever(start):
    found = failure(
        start,
        "import threading; threading.Thread(target=time.sleep, args=[60]).start()",
        before="supervision._EXIT_TIMEOUT_S = 0.3",
    )
    assert found["error"] == "UnexpectedExit"
    assert "did not end within 0.3 s" in found["message"]


def test_a_worker_that_runs_on_does_not_keep_the_step_for_ever(start):
    found = failure(
        start,
        """
        import multiprocessing
        worker = multiprocessing.get_context("fork").Process(
            target=time.sleep, args=[5]
        )
        worker.start()
        """,
        before="supervision._EXIT_TIMEOUT_S = 0.3",
    )
    assert "did not end within 0.3 s" in found["message"]


def test_a_function_that_closes_every_file_is_not_taken_for_finished(start):
    # As a library does that makes a daemon; the report cannot be given any more.
    script = start(
        'os.closerange(3, 256); time.sleep(1.5); (here / "through").touch()',
        before="supervision._EXIT_TIMEOUT_S = 0.3",
    )
    assert script.end()["failure"]["error"] == "UnexpectedExit"
    assert (script.folder / "through").exists()


def test_a_timeout_ends_the_function_and_what_it_started(start):
    started = time.monotonic()
    outcome, script = ended(
        start, "hold(); time.sleep(60)", before="options['timeout_s'] = 3"
    )
    assert 3 < time.monotonic() - started < 50
    found = outcome["failure"]
    assert (found["error"], found["timeout_s"]) == ("Timeout", 3)
    assert "3 s" in found["message"]
    assert (script.folder / "held").exists()
    assert within(20, lambda: not script.is_held())


def test_a_function_that_ends_in_time_is_not_timed_out(start):
    outcome, _ = ended(start, "return 1", before="options['timeout_s'] = 20")
    assert (outcome["result"], outcome["failure"]) == (1, None)


def test_an_hdf5_file_that_is_left_open_is_whole(start):
    h5py = pytest.importorskip("h5py", reason="writes an HDF5 file")
    outcome, script = ended(
        start,
        """
        import h5py
        file = h5py.File(here / "x.h5", "w")
        file["values"] = range(100_000)
        kept.append((file, file["values"]))
        return 1
        """,
    )
    assert outcome["failure"] is None
    with h5py.File(script.folder / "x.h5", "r") as file:
        assert file["values"][-1] == 99_999


def test_a_text_file_that_is_left_open_is_whole(start):
    body = 'kept.append(open(here / "x.txt", "w")); kept[0].write("x" * 100); return 1'
    _, script = ended(start, body)
    assert (script.folder / "x.txt").read_text() == "x" * 100


def test_everything_is_printed_once_and_in_order(start):
    _, script = ended(
        start,
        """
        print("in the function", flush=True)
        subprocess.run(["echo", "in a sub-process"])
        os.write(1, b"in C\\n")
        """,
        before="print('before', end=';'); print('error', end=';', file=sys.stderr)",
    )
    assert script.stdout == "before;in the function\nin a sub-process\nin C\n"
    assert script.stderr == "error;"


def test_the_heart_beats_while_the_function_works(start):
    _, script = ended(
        start,
        "time.sleep(1.2)",
        before="""
        def beat():
            with open(here / "beats", "a") as file:
                print(os.getpid(), file=file)

        options.update(heartbeat=beat, heartbeat_s=0.1)
        """,
    )
    beats = (script.folder / "beats").read_text().split()
    assert set(beats) == {str(script.process.pid)}


def test_functions_can_be_supervised_one_after_the_other(start):
    outcome, _ = ended(
        start,
        "return first.result + 1",
        before="""
        first = run_supervised(lambda: 1)
        second = run_supervised(lambda: 1 / 0)
        assert second.failure["error"] == "ZeroDivisionError"
        """,
    )
    assert outcome["result"] == 2


def test_child_whose_birth_cannot_be_written_down_does_nothing(start):
    outcome, script = ended(
        start,
        "return born",
        before="""
        def full(pid):
            born.append(pid)
            raise OSError(28, "No space left on device")

        def run():
            (here / "ran").touch()

        born = []
        try:
            run_supervised(run, on_fork=full)
        except OSError as error:
            born.append(error.errno)
        # Nobody but this process waits for it.
        os.waitpid(born[0], 0)
        """,
    )
    pid, number = outcome["result"]
    assert number == 28 and not os.path.exists(f"/proc/{pid}")
    assert not (script.folder / "ran").exists()
