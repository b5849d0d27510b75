import os
import sys
import threading

import pytest

from streamcls.runtime import threads as module
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads, in_background, left_behind

pytestmark = pytest.mark.alone


def test_a_failure_stops_the_run_with_its_error() -> None:
    stop = Stop()
    threads = Threads(stop)
    error = ValueError("broken")

    def fail() -> None:
        raise error

    threads.start("fails", fail)
    assert threads.join()
    assert stop.is_set
    assert stop.failure is error


@pytest.mark.skipif(sys.platform != "linux", reason="there the priority is the process's")
def test_the_background_gives_way_and_so_do_threads_started_there() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def of_a_new_thread() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(priority()))
        thread.start()
        thread.join()
        return found[0]

    own, found = priority(), []
    threads = Threads(Stop())
    threads.start("front", lambda: found.append(priority()))
    threads.start("back", lambda: found.append(priority()), background=True)
    assert threads.join()
    assert sorted(found) == [own, min(own + 10, 19)]
    assert in_background(of_a_new_thread) == min(own + 10, 19)
    assert priority() == own


def test_what_fails_in_the_background_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0)


def test_threads_have_names() -> None:
    names: list[str] = []
    threads = Threads(Stop())
    threads.start("worker-3", lambda: names.append(threading.current_thread().name))
    assert threads.join()
    assert names == ["streamcls-worker-3"]


@pytest.mark.slow
def test_a_thread_that_hangs_is_named_and_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "JOIN_S", 0.05)
    release = threading.Event()
    threads = Threads(Stop())

    def hang() -> None:
        release.wait(10)

    threads.start("hangs", hang)
    assert not threads.join()
    assert "streamcls-hangs did not end" in caplog.text
    assert left_behind()
    release.set()
    monkeypatch.setattr(module, "JOIN_S", 5.0)
    assert threads.join()
    assert not left_behind()


def test_something_may_go_on_meanwhile() -> None:
    begun, seen = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        assert seen.wait(10)
        return 3

    def meanwhile() -> None:
        if begun.is_set():
            seen.set()

    assert in_background(work, meanwhile) == 3
