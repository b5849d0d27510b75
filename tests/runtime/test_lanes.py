import threading

import pytest

from streamcls.runtime import lanes as module
from streamcls.runtime.lanes import Lanes, left_behind
from streamcls.runtime.stop import Stop


def test_a_failure_stops_the_run_with_its_error() -> None:
    stop = Stop()
    lanes = Lanes(stop)
    error = ValueError("broken")

    def fail() -> None:
        raise error

    lanes.start("fails", fail)
    assert lanes.join()
    assert stop.is_set
    assert stop.failure is error


def test_threads_have_names() -> None:
    names: list[str] = []
    lanes = Lanes(Stop())
    lanes.start("worker-3", lambda: names.append(threading.current_thread().name))
    assert lanes.join()
    assert names == ["streamcls-worker-3"]


def test_a_thread_that_hangs_is_named_and_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "JOIN_S", 0.05)
    release = threading.Event()
    lanes = Lanes(Stop())

    def hang() -> None:
        release.wait(10)

    lanes.start("hangs", hang)
    assert not lanes.join()
    assert "streamcls-hangs did not end" in caplog.text
    assert left_behind()
    release.set()
    monkeypatch.setattr(module, "JOIN_S", 5.0)
    assert lanes.join()
    assert not left_behind()
