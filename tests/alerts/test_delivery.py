import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.alerts.delivery import Delivery, Outcome
from streamcls.alerts.message import Message
from streamcls.alerts.spool import Spool
from tests.alerts.made import message

DOWN = Outcome("failed", "can't be reached at http://anna:geheim@plant/hook: refused")
BUSY = Outcome("failed", "status 503", pause_s=20.0)
DENIED = Outcome("denied", "status 401: check the secret")
BAD = Outcome("refused", "status 400")
TAKEN = Outcome("delivered")


class Receiver:
    """Gives the outcomes it is told, then takes everything."""

    name = "webhook http://plant"

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.tried: list[str] = []
        self.has: list[str] = []
        self.back = False
        self.interrupted = 0

    def deliver(self, message: Message) -> Outcome:
        self.tried.append(message.id)
        outcome = self._outcomes.pop(0) if self._outcomes else TAKEN
        if outcome.status == "delivered":
            self.has.append(message.id)
        return outcome

    def is_back(self) -> bool:
        return self.back

    def interrupt(self) -> None:
        self.interrupted += 1


class Waits:
    """The run's `wait`, without waiting: stopped when nothing is left to deliver."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pauses: list[float] = [0.0]

    def __call__(self, seconds: float) -> bool:
        if seconds:
            self._pauses[-1] += seconds
        else:
            self._pauses.append(0.0)
        return not self._spool.counts().waiting

    @property
    def pauses(self) -> list[float]:
        """Between the tries, however they were cut into pieces."""
        return [pause for pause in self._pauses if pause]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as spool:
        for number in (1, 2, 3):
            spool.append(message(number))
        yield spool


def deliver(spool: Spool, receiver: Receiver) -> tuple[Delivery, list[float]]:
    """The delivery of all that waits, and the pauses in it."""
    delivery, waits = Delivery(spool, receiver, chance=lambda: 0.0), Waits(spool)
    delivery.run(waits)
    return delivery, waits.pauses


def test_all_arrive_in_order(spool: Spool) -> None:
    receiver = Receiver()
    delivery, pauses = deliver(spool, receiver)
    assert receiver.tried == ["run-1", "run-2", "run-3"]
    assert pauses == []
    tally = delivery.tally()
    assert (tally.delivered, tally.failed_tries, tally.waiting) == (3, 0, 0)
    assert tally.reachable


def test_failures_keep_the_order_and_pauses_grow(spool: Spool) -> None:
    receiver = Receiver(*[DOWN] * 8)
    delivery, pauses = deliver(spool, receiver)
    assert receiver.has == ["run-1", "run-2", "run-3"]
    assert receiver.tried == ["run-1"] * 8 + receiver.has
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert delivery.tally().failed_tries == 8


def test_pauses_are_cut_at_random_and_begin_anew(spool: Spool) -> None:
    receiver = Receiver(DOWN, DOWN, TAKEN, DOWN)
    delivery, waits = Delivery(spool, receiver, chance=lambda: 1.0), Waits(spool)
    delivery.run(waits)
    assert waits.pauses == [0.75, 1.5, 0.75]


def test_one_line_when_it_is_down_and_one_when_it_is_back(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streamcls")
    deliver(spool, Receiver(DOWN, DOWN, DOWN))
    down, back = (record.getMessage() for record in caplog.records)
    assert down == (
        "webhook http://plant: can't be reached at http://anna:***@plant/hook: refused;"
        " messages that wait: 3"
    )
    assert back == "webhook http://plant: takes messages again; 2 are waiting"


def test_wrong_settings_hold_long_and_keep_the_message(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(DOWN, DENIED, DENIED)
    _, pauses = deliver(spool, receiver)
    assert pauses == [1, 60, 60]
    assert receiver.has == ["run-1", "run-2", "run-3"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "check the secret" in caplog.messages[1]


def test_a_receiver_may_ask_for_more_time(spool: Spool) -> None:
    _, pauses = deliver(spool, Receiver(BUSY, BUSY))
    assert pauses == [20, 20]


def test_one_bad_message_does_not_hold_up_the_others(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(BAD, BAD, BAD)
    delivery, pauses = deliver(spool, receiver)
    assert receiver.tried == ["run-1", "run-1", "run-1", "run-2", "run-3"]
    assert pauses == [1, 2]
    tally = delivery.tally()
    assert (tally.delivered, tally.refused, tally.failed_tries) == (2, 1, 3)
    assert "won't take message run-1, given up: status 400" in caplog.text


def test_a_receiver_that_is_back_is_not_kept_waiting(spool: Spool) -> None:
    receiver = Receiver(DENIED)
    receiver.back = True
    _, pauses = deliver(spool, receiver)
    assert pauses == [1]


def test_a_stop_ends_a_pause(spool: Spool) -> None:
    receiver = Receiver(*[DOWN] * 100)
    stopped = False

    def wait(seconds: float) -> bool:
        nonlocal stopped
        stopped = stopped or seconds > 0
        return stopped

    Delivery(spool, receiver).run(wait)
    assert receiver.tried == ["run-1"]


def test_waking_ends_what_it_waits_for(tmp_path: Path) -> None:
    with Spool(tmp_path / "empty") as spool, ThreadPoolExecutor(1) as threads:
        receiver, stopped = Receiver(), False
        delivery = Delivery(spool, receiver)
        runs = threads.submit(delivery.run, lambda _: stopped)
        spool.append(message(1))
        stopped = True
        delivery.wake()
        runs.result(10)
        assert receiver.interrupted == 1


def test_what_came_last_is_delivered_after_the_run(spool: Spool) -> None:
    receiver = Receiver(TAKEN, DOWN)
    delivery = Delivery(spool, receiver)
    delivery.drain()
    assert receiver.has == ["run-1"]
    delivery.drain()
    assert receiver.has == ["run-1", "run-2", "run-3"]
    delivery.drain()


def test_draining_has_an_end(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    times: Callable[[], float] = iter((0.0, 0.5, 1.5)).__next__
    monkeypatch.setattr(clock, "now_s", times)
    receiver = Receiver()
    Delivery(spool, receiver).drain(1.0)
    assert receiver.has == ["run-1"]
