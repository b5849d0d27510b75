import os
import signal
from collections.abc import Iterator

import pytest

from streamcls.builders.backend import Work
from streamcls.builders.model import load_classifier
from streamcls.config.settings import ModelSettings
from streamcls.runtime import stop as module
from streamcls.runtime.stop import Stop, end_if_signalled, end_on_signals


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


@pytest.fixture
def outside_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_early", [])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    end_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
@pytest.mark.usefixtures("outside_runs")
def test_a_signal_before_the_run_is_not_lost_where_a_library_swallows_it(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    end_if_signalled()
    with pytest.raises(raised):
        os.kill(os.getpid(), number)
    with pytest.raises(raised):
        end_if_signalled()
    with pytest.raises(raised):
        load_classifier(ModelSettings(name="demo"), Work(1, 1), progress=False)


@pytest.mark.usefixtures("outside_runs")
def test_a_second_signal_before_the_run_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert codes == [143]
