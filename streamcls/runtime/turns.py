"""One classifier for all who want answers: each in turn, however much somebody asks for."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from streamcls import clock
from streamcls.closing import Closing
from streamcls.protocols import Classified, Classifier
from streamcls.records import Picture, Prediction, Timing
from streamcls.runtime.buffer import Buffer, Finished
from streamcls.runtime.labels import timing
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

_JOIN_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A picture to classify.

    Attributes:
        picture: what to classify.
        captured_ns: when it was taken.
        answered: is told the answer and where its time went, on a worker thread; must not wait.
        dropped: is told that a newer picture took its place.
        failed: is told why there is no answer; without it, a picture that the classifier fails on
            ends the run, as it does where pictures come from cameras.
    """

    picture: Picture
    captured_ns: int
    answered: Callable[[Prediction, Timing], None]
    dropped: Callable[[], None]
    failed: Callable[[Exception], None] | None = None


class Turns(Closing):
    """The workers of a classifier, and whose picture is next.

    Each seat has room for a few pictures, mostly one: the newest. Seats are served one after the
    other, so one that asks a hundred times a second gets no more turns than one that asks twice.
    Each gets its answers in the order in which it asked, whichever worker is done first.
    """

    def __init__(
        self, classifier: Classifier, stop: Stop, *, workers: int, room: int, newest: bool
    ) -> None:
        """Starts nothing yet.

        Args:
            classifier: answers.
            stop: is set by a worker that fails; ends all.
            workers: how many batches are classified at the same time.
            room: pictures that may wait in each seat.
            newest: whether newer pictures replace older ones in a full seat, or wait.
        """
        self._classifier = classifier
        self._workers = workers
        self._waiting: Buffer[_Asked] = Buffer(
            room,
            dropped=(lambda asked: asked.seat.drop(asked)) if newest else None,
            kind=lambda asked: asked.seat.kind,
            in_turns=True,
        )
        self._stop = stop
        self._threads = Threads(stop)
        self.answers = 0  # so far, to see that it goes on

    def seat(self, given_up: Callable[[], bool], *, keeps: bool = False) -> "Seat":
        """A place to ask from, for one camera or one part of its picture.

        Args:
            given_up: whether who asks has ended; `wake` makes it look.
            keeps: whether nothing that is asked gives way or waits for room: who asks there sees
                to it that there is not too much. At most one seat does.
        """
        return Seat(self._waiting, given_up, keeps=keeps)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return len(self._waiting) == 0

    def start(self) -> None:
        """Starts the workers."""
        self._stop.wake(self._waiting.abort)
        for number in range(self._workers):
            self._threads.start(f"classify-{number}", self._work, background=True)

    def close(self) -> None:
        """Ends the workers."""
        self._waiting.abort()
        self._threads.join(_JOIN_S)

    def _work(self) -> None:
        while True:
            try:
                asked = [self._waiting.get()]
            except Finished:
                return
            if self._classifier.batch > 1:
                asked += self._waiting.get_more(self._classifier.batch - 1)
            try:
                self._answer(asked)
            except Exception:
                if all(one.question.failed is None for one in asked):
                    raise
                self._answer_each(asked)

    def _answer(self, asked: "list[_Asked]") -> None:
        begun_ns = clock.now_ns()
        answer = self._classifier.classify([one.question.picture for one in asked])
        self._tell(asked, answer, begun_ns)

    def _answer_each(self, asked: "list[_Asked]") -> None:
        """One after the other, so that the one that can't be classified takes no other with it."""
        for one in asked:
            try:
                self._answer([one])
            except Exception as error:
                if one.question.failed is None:
                    raise
                one.seat.leave_out(one)
                one.question.failed(error)

    def _tell(self, asked: "list[_Asked]", answer: Classified, begun_ns: int) -> None:
        ended_ns = clock.now_ns()
        for one, prediction in zip(asked, answer.predictions, strict=True):
            took = timing(one.question.captured_ns, begun_ns, answer, ended_ns)
            one.seat.answer(one, prediction, took)
            self.answers += 1  # may miss one among several workers, which does not matter


class Seat:
    """Asks; any thread, one at a time."""

    def __init__(
        self, waiting: "Buffer[_Asked]", given_up: Callable[[], bool], *, keeps: bool
    ) -> None:
        """See `Turns.seat`."""
        self._waiting = waiting
        self.kind = None if keeps else self
        self._given_up = given_up
        self._lock = threading.RLock()  # who is answered may ask again at once
        self._open: deque[_Asked] = deque()  # without an answer that was told, oldest first

    def ask(self, question: Question) -> bool:
        """Puts it into the line; False where there will be no answer, since all has ended."""
        asked = _Asked(self, question)
        with self._lock:
            self._open.append(asked)
        if self._waiting.put(asked, given_up=self._given_up):
            return True
        self.leave_out(asked)
        return False

    def wake(self) -> None:
        """Makes who waits for room look whether it has given up."""
        self._waiting.wake()

    def leave(self) -> None:
        """Asks no more; what waits gets no answer."""
        self._waiting.forget(self.kind)

    def drop(self, asked: "_Asked") -> None:
        """One gave way to a newer one."""
        self.leave_out(asked)
        asked.question.dropped()

    def answer(self, asked: "_Asked", prediction: Prediction, took: Timing) -> None:
        """Tells an answer when all before it are told."""
        with self._lock:
            asked.answer = (prediction, took)
            self._tell()

    def leave_out(self, asked: "_Asked") -> None:
        """One gets no answer; those behind it don't wait for it."""
        with self._lock:
            with suppress(ValueError):
                self._open.remove(asked)
            self._tell()

    def _tell(self) -> None:
        while self._open and self._open[0].answer is not None:
            first = self._open.popleft()
            assert first.answer is not None
            first.question.answered(*first.answer)


@dataclass(slots=True, eq=False)
class _Asked:
    """A question on its way, and its answer from when there is one."""

    seat: Seat
    question: Question
    answer: tuple[Prediction, Timing] | None = None
