import os
import signal

import pytest

from streamcls.runtime.stop import Stop


def test_the_first_failure_is_kept() -> None:
    stop = Stop()
    first, second = OSError("first"), OSError("second")
    stop.set(first)
    stop.set(second)
    assert stop.is_set
    assert stop.failure is first


def test_wakers_are_called_once_and_late_ones_at_once() -> None:
    stop = Stop()
    woken: list[str] = []
    stop.wake(lambda: woken.append("early"))
    stop.set()
    stop.set()
    stop.wake(lambda: woken.append("late"))
    assert woken == ["early", "late"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_the_stop(number: signal.Signals) -> None:
    stop = Stop()
    before = signal.getsignal(number)
    with stop.on_signals():
        assert not stop.is_set
        os.kill(os.getpid(), number)
        assert stop.is_set
        assert stop.signal == number
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with Stop().on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert codes == []
        os.kill(os.getpid(), signal.SIGINT)
    assert codes == [130]
