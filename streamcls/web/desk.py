"""Where requests have their pictures classified: all share the cameras' classifier.

They have one seat of its `Turns` together, so that however many ask, every camera gets its turn.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.records import Picture, Prediction
from streamcls.runtime.turns import Question, Seat
from streamcls.web.problems import Problem

if TYPE_CHECKING:
    from streamcls.plant.model import SharedModel

_LOOK_S = 1.0  # how often who waits looks whether another model took over


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    model: "SharedModel"
    seat: Seat


class Desk:
    """Takes pictures on the event loop; how many is for the caller to bound."""

    def __init__(self) -> None:
        """Has no model yet."""
        self._place: _Place | None = None
        self._closed = False

    @property
    def model(self) -> "SharedModel | None":
        """What classifies; None while it is being loaded."""
        return None if self._place is None else self._place.model

    def attach(self, model: "SharedModel") -> None:
        """Another model, on any thread; who waits for an answer of the last one asks this one."""
        if self._place is None or self._place.model is not model:
            seat = model.turns.seat(lambda: self._closed, keeps=True)
            self._place = _Place(model, seat)

    def close(self) -> None:
        """Nobody gets an answer any more; on any thread."""
        self._closed = True

    async def classify(self, picture: Picture) -> Prediction:
        """The model's answer.

        Raises:
            Problem: there is no model yet, the server stops, or the model can't take it.
        """
        while not self._closed:
            place = self._place
            if place is None:
                raise Problem(503, "not_ready", "the model is being loaded", retry_s=2)
            answer = _asked(place.seat, picture)
            while answer is not None and self._place is place and not self._closed:
                done, _ = await asyncio.wait({answer}, timeout=_LOOK_S)
                if done:
                    return answer.result()
            if answer is None:
                await asyncio.sleep(_LOOK_S / 10)  # its model has just ended
        raise Problem(503, "stopping", "the server stops", retry_s=5)


def _asked(seat: Seat, picture: Picture) -> "asyncio.Future[Prediction] | None":
    """What will have the answer; None where there will be none."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Prediction] = loop.create_future()

    def settle(prediction: Prediction | None, error: Exception | None) -> None:
        if answer.done():  # who asked has hung up
            return
        if prediction is not None:
            answer.set_result(prediction)
        else:
            answer.set_exception(Problem(422, "broken", f"it can't be classified: {error}"))

    question = Question(
        picture,
        clock.now_ns(),
        answered=lambda prediction, _: _call(loop, settle, prediction, None),
        dropped=lambda: None,
        failed=lambda error: _call(loop, settle, None, error),
    )
    return answer if seat.ask(question) else None


def _call(loop: asyncio.AbstractEventLoop, *what: object) -> None:
    """On the loop's thread; where the loop has ended, nobody waits."""
    try:
        loop.call_soon_threadsafe(*what)  # type: ignore[arg-type]
    except RuntimeError:
        return
