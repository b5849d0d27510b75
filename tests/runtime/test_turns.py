"""One classifier for many: fair turns, and everybody's own answers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from streamcls.protocols import Classified
from streamcls.records import Image, Picture, Prediction, Timing
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Question, Seat, Turns
from tests.fakes import FakeClassifier
from tests.runtime.rig import PATIENCE_S, Gate


class Asker:
    """Somebody who asks from a seat, and what it was told."""

    def __init__(self, turns: Turns) -> None:
        self.over = False
        self.seat: Seat = turns.seat(lambda: self.over)
        self.answers: list[tuple[int, int]] = []  # what was asked, and the class it got
        self.dropped: list[int] = []
        self.timings: list[Timing] = []
        self._changed = threading.Condition()

    def ask(self, number: int) -> bool:
        """Its answer is class `number % 3`."""

        def answered(prediction: Prediction, timing: Timing) -> None:
            with self._changed:
                self.answers.append((number, prediction.top(1)[0].class_id))
                self.timings.append(timing)
                self._changed.notify_all()

        return self.seat.ask(
            Question(picture(number), 0, answered, lambda: self.dropped.append(number))
        )

    def asking(self, *numbers: int) -> tuple[threading.Thread, list[bool]]:
        """On a thread of its own."""
        done: list[bool] = []
        thread = threading.Thread(target=lambda: done.extend(map(self.ask, numbers)))
        thread.start()
        return thread, done

    def until(self, count: int) -> list[int]:
        """What was answered, when there are so many answers."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.answers) >= count, PATIENCE_S)
            return [number for number, _ in self.answers]


def picture(number: int) -> Image:
    return np.full((2, 2, 3), number, np.uint8)


@contextmanager
def at_work(
    gate: Callable[[int], None],
    *,
    workers: int = 1,
    room: int = 1,
    newest: bool = True,
    batch: int = 1,
    stop: Stop | None = None,
) -> Iterator[Turns]:
    classifier = FakeClassifier(batch=batch, before=gate)
    with Turns(classifier, stop or Stop(), workers=workers, room=room, newest=newest) as turns:
        turns.start()
        try:
            yield turns
        finally:
            if isinstance(gate, Gate):
                gate.open()


def busy(turns: Turns, gate: Gate) -> Asker:
    """Somebody whose picture is with the worker, which waits at the gate."""
    gate.shut()
    first = Asker(turns)
    assert first.ask(0)
    gate.somebody_waits()
    return first


def test_a_seat_that_floods_gets_no_more_turns_than_the_others() -> None:
    """The classifier answers one question at a time; between two, the flood asks 100 times."""
    order: list[str] = []
    gate = threading.Semaphore(0)
    entered = threading.Semaphore(0)

    def one_at_a_time(_: int) -> None:
        entered.release()
        assert gate.acquire(timeout=PATIENCE_S)

    with at_work(one_at_a_time) as turns:
        flood, calm, other = (turns.seat(lambda: False) for _ in range(3))

        def ask(seat: Seat, name: str) -> None:
            def answered(_: Prediction, __: Timing) -> None:
                order.append(name)

            assert seat.ask(Question(picture(0), 0, answered, lambda: None))

        ask(flood, "flood")
        for _ in range(60):
            assert entered.acquire(timeout=PATIENCE_S)  # the worker holds one
            for _ in range(100):
                ask(flood, "flood")
            ask(calm, "calm")
            ask(other, "other")
            gate.release()
        gate.release(100)
        assert entered.acquire(timeout=PATIENCE_S)
    counts = {name: order[:60].count(name) for name in ("flood", "calm", "other")}
    assert counts == {"flood": 20, "calm": 20, "other": 20}


def test_the_newest_question_of_a_seat_is_answered_and_the_others_are_dropped() -> None:
    gate = Gate()
    with at_work(gate) as turns:
        first = busy(turns, gate)
        other = Asker(turns)
        for number in range(1, 11):
            assert first.ask(number)
        assert other.ask(5)
        assert first.dropped == list(range(1, 10))
        gate.open()
        assert first.until(2) == [0, 10]
        assert other.until(1) == [5]
    assert other.dropped == []
    assert turns.answers == 3


def test_a_seat_may_have_room_for_more() -> None:
    gate = Gate()
    with at_work(gate, room=3) as turns:
        first = busy(turns, gate)
        for number in range(1, 7):
            first.ask(number)
        assert first.dropped == [1, 2, 3]
        gate.open()
        assert first.until(4) == [0, 4, 5, 6]


def test_with_block_who_asks_waits_and_nothing_is_dropped() -> None:
    gate = Gate()
    with at_work(gate, newest=False) as turns:
        first, other = busy(turns, gate), Asker(turns)
        assert first.ask(1)
        thread, done = first.asking(2, 3, 4)
        assert other.ask(7)  # has room of its own
        assert done == []
        gate.open()
        thread.join(PATIENCE_S)
        assert done == [True] * 3
        assert first.until(5) == [0, 1, 2, 3, 4]
        assert other.until(1) == [7]
    assert first.dropped == []


def test_who_waits_for_room_and_gives_up_is_let_go() -> None:
    gate = Gate()
    with at_work(gate, newest=False) as turns:
        first, other = busy(turns, gate), Asker(turns)
        other.ask(1)
        thread, done = other.asking(2)
        other.over = True
        other.seat.wake()
        thread.join(PATIENCE_S)
        assert done == [False]
        gate.open()
        first.until(1)
        assert other.until(1) == [1]


def test_who_leaves_gets_no_more_answers_and_the_others_do() -> None:
    gate = Gate()
    with at_work(gate, room=2) as turns:
        first, leaves, other = busy(turns, gate), Asker(turns), Asker(turns)
        for number in (1, 2):
            leaves.ask(number)
        other.ask(3)
        leaves.seat.leave()
        gate.open()
        assert first.until(1) == [0]
        assert other.until(1) == [3]
        other.ask(4)
        other.until(2)  # so whatever was before it is done
    assert leaves.answers == []
    assert leaves.dropped == []


def test_a_worker_that_fails_ends_all_with_its_error() -> None:
    def fails(_: int) -> None:
        raise RuntimeError("the engine broke")

    stop = Stop()
    ended = threading.Event()
    stop.wake(ended.set)
    with at_work(fails, stop=stop, newest=False) as turns:
        asker = Asker(turns)
        asker.ask(1)
        assert ended.wait(PATIENCE_S)
        assert isinstance(stop.failure, RuntimeError)
        assert not asker.ask(2)
        assert not asker.ask(3)  # nor does anybody wait for room
    assert asker.answers == []


def test_the_stop_ends_the_workers_and_who_waits_for_room() -> None:
    gate, stop = Gate(), Stop()
    with at_work(gate, stop=stop, newest=False) as turns:
        first = busy(turns, gate)
        first.ask(1)
        thread, done = first.asking(2)
        stop.set()
        thread.join(PATIENCE_S)
        assert done == [False]


def test_closed_it_leaves_no_thread_and_answers_nobody() -> None:
    gate = Gate()
    before = threading.active_count()
    with at_work(gate, workers=3) as turns:
        assert threading.active_count() == before + 3
        asker = Asker(turns)
        asker.ask(1)
        asker.until(1)
    turns.close()
    assert threading.active_count() == before
    assert not asker.ask(2)
    assert asker.answers == [(1, 1)]


def test_in_a_batch_everybody_gets_their_own_answer() -> None:
    gate = Gate()
    sizes: list[int] = []

    def before(size: int) -> None:
        sizes.append(size)
        gate()

    with at_work(before, batch=4) as turns:
        askers = [Asker(turns) for _ in range(6)]
        gate.shut()
        askers[0].ask(0)
        gate.somebody_waits()
        for number, asker in enumerate(askers[1:], start=1):
            asker.ask(number)
        gate.open()
        for number, asker in enumerate(askers):
            asker.until(1)
            assert asker.answers == [(number, number % 3)]
    assert sizes == [1, 4, 1]


class Slow(FakeClassifier):
    """Each picture waits at a gate of its own."""

    def __init__(self) -> None:
        super().__init__(batch=1)
        self.gates = [Gate() for _ in range(4)]
        for gate in self.gates:
            gate.shut()

    def classify(self, images: Sequence[Picture]) -> Classified:
        (image,) = images
        assert isinstance(image, np.ndarray)
        self.gates[image[0, 0, 0]]()
        return super().classify(images)


def test_answers_come_in_the_order_of_the_questions_whichever_worker_is_first() -> None:
    classifier = Slow()
    with Turns(classifier, Stop(), workers=3, room=1, newest=True) as turns:
        turns.start()
        asker, other = Asker(turns), Asker(turns)
        for number in (0, 1):
            asker.ask(number)
            classifier.gates[number].somebody_waits()
        classifier.gates[1].open()  # the later one is done first, and waits for the other
        classifier.gates[3].open()
        other.ask(3)
        other.until(1)
        assert asker.answers == []
        classifier.gates[0].open()
        assert asker.until(2) == [0, 1]


def test_a_question_that_gives_way_holds_up_no_answer() -> None:
    classifier = Slow()
    with Turns(classifier, Stop(), workers=1, room=1, newest=True) as turns:
        turns.start()
        asker = Asker(turns)
        asker.ask(0)
        classifier.gates[0].somebody_waits()
        for number in (1, 2, 3):
            asker.ask(number)
        for gate in classifier.gates:
            gate.open()
        assert asker.until(2) == [0, 3]
    assert asker.dropped == [1, 2]


def test_who_is_answered_may_ask_again_at_once() -> None:
    with at_work(Gate()) as turns:
        seat, done = turns.seat(lambda: False), threading.Event()
        left = [20]

        def ask() -> None:
            def answered(_: Prediction, __: Timing) -> None:
                left[0] -= 1
                if left[0]:
                    ask()
                else:
                    done.set()

            seat.ask(Question(picture(1), 0, answered, lambda: None))

        ask()
        assert done.wait(PATIENCE_S)


def test_a_watchdog_sees_whether_somebody_waits_and_whether_answers_go_on() -> None:
    gate = Gate()
    with at_work(gate) as turns:
        assert turns.is_idle
        first = busy(turns, gate)
        assert turns.is_idle  # it is being answered; nobody waits in vain yet
        first.ask(1)
        assert not turns.is_idle
        assert turns.answers == 0
        gate.open()
        first.until(2)
        assert turns.is_idle
        gate.shut()
    assert turns.answers == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_times_are_of_the_question(batch: int) -> None:
    with at_work(Gate(), batch=batch) as turns:
        asker = Asker(turns)
        asker.ask(1)
        asker.until(1)
    (timing,) = asker.timings
    assert (timing.preprocess_ms, timing.infer_ms) == (1.0, 2.0)
    assert 0 < timing.waited_ms <= timing.age_ms  # captured_ns is 0


def test_a_seat_that_keeps_drops_nothing_and_gets_its_turn_only() -> None:
    gate = Gate()
    with at_work(gate) as turns:
        first = busy(turns, gate)
        keeps = Asker(turns)
        keeps.seat = turns.seat(lambda: keeps.over, keeps=True)
        for number in range(1, 21):
            assert keeps.ask(number)
        assert first.ask(5)
        gate.open()
        assert keeps.until(20) == list(range(1, 21))
        assert first.until(2) == [0, 5]
        assert first.timings[1].age_ms <= keeps.timings[2].age_ms
    assert keeps.dropped == []


def test_a_seat_that_keeps_does_not_wait_for_room_where_others_do() -> None:
    gate = Gate()
    with at_work(gate, newest=False) as turns:
        busy(turns, gate)
        keeps = Asker(turns)
        keeps.seat = turns.seat(lambda: keeps.over, keeps=True)
        for number in range(5):
            assert keeps.ask(number)  # or the test would hang here
        gate.open()
        keeps.until(5)


def test_a_question_that_can_t_be_answered_fails_alone() -> None:
    failed: list[str] = []
    gate, stop = Gate(), Stop()

    def odd(size: int) -> None:
        gate(size)
        if fail_on[:1] == [size]:
            fail_on.pop(0)
            raise ValueError("odd")

    fail_on: list[int] = []
    with at_work(odd, batch=2, stop=stop) as turns:
        gate.shut()
        first, strange = Asker(turns), turns.seat(lambda: False)
        assert first.ask(0)
        gate.somebody_waits()
        second = Asker(turns)
        bad = Question(
            picture(1), 0, lambda *_: None, lambda: None, lambda e: failed.append(str(e))
        )
        assert strange.ask(bad)
        assert second.ask(2)
        fail_on += [2, 1]  # the batch of both, and then the first of it alone
        gate.open()
        assert second.until(1) == [2]
        assert second.ask(3)
        assert second.until(2) == [2, 3]
    assert failed == ["odd"]
    assert stop.failure is None
