"""Requests that share the cameras' classifier."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from streamcls.protocols import Classified
from streamcls.records import Image, Picture
from streamcls.web.desk import Desk
from streamcls.web.problems import Problem
from tests.builders.fake import Fake
from tests.runtime.rig import Gate
from tests.web.conftest import made_model


def grey(value: int) -> Image:
    return np.full((4, 4, 3), value, np.uint8)


class Fails(Fake):
    """On pictures of brightness 99."""

    def __init__(self) -> None:
        super().__init__()
        self.batch = 4

    def classify(self, images: Sequence[Picture]) -> Classified:
        if any(isinstance(one, np.ndarray) and one[0, 0, 0] == 99 for one in images):
            raise ValueError("no such brightness")
        return super().classify(images)


def test_everybody_gets_their_own_answer() -> None:
    model = made_model()

    async def ask() -> list[int]:
        answers = await asyncio.gather(*(desk.classify(grey(value)) for value in range(30)))
        return [answer.top(1)[0].class_id for answer in answers]

    with model.turns:
        desk = Desk()
        desk.attach(model)
        assert asyncio.run(ask()) == [value % 3 for value in range(30)]


def test_without_a_model_it_says_so() -> None:
    with pytest.raises(Problem) as found:
        asyncio.run(Desk().classify(grey(0)))
    assert (found.value.status_code, found.value.code) == (503, "not_ready")
    assert found.value.headers == {"Retry-After": "2"}


def test_a_picture_that_the_network_fails_on_takes_no_other_with_it() -> None:
    model = made_model(Fails())

    async def ask() -> list[object]:
        pictures = [grey(value) for value in (1, 99, 2, 98)]
        return list(await asyncio.gather(*map(desk.classify, pictures), return_exceptions=True))

    with model.turns:
        desk = Desk()
        desk.attach(model)
        found = asyncio.run(ask())
        assert isinstance(found[1], Problem) and found[1].code == "broken"
        assert not any(isinstance(one, Exception) for one in (found[0], found[2], found[3]))
        assert asyncio.run(desk.classify(grey(1))).top(1)[0].class_id == 1


def test_who_waits_when_the_model_is_exchanged_gets_the_new_one_s_answer() -> None:
    gate = Gate()
    gate.shut()
    slow = Fake()
    vars(slow)["_before"] = gate
    before, after = made_model(slow), made_model()

    async def ask() -> int:
        waiting = asyncio.gather(desk.classify(grey(1)), desk.classify(grey(2)))
        await asyncio.to_thread(gate.somebody_waits)
        desk.attach(after)
        first, second = await waiting
        return first.top(1)[0].class_id + second.top(1)[0].class_id

    try:
        desk = Desk()
        desk.attach(before)
        assert asyncio.run(ask()) == 3
    finally:
        gate.open()
        before.turns.close()
        after.turns.close()


def test_at_the_end_nobody_waits() -> None:
    gate = Gate()
    gate.shut()
    slow = Fake()
    vars(slow)["_before"] = gate
    model = made_model(slow)

    async def ask() -> None:
        waiting = asyncio.ensure_future(desk.classify(grey(1)))
        await asyncio.to_thread(gate.somebody_waits)
        desk.close()
        with pytest.raises(Problem, match="stops"):
            await waiting

    try:
        desk = Desk()
        desk.attach(model)
        asyncio.run(ask())
    finally:
        gate.open()
        model.turns.close()
