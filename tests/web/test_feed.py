"""Events for those who listen."""

import asyncio
from dataclasses import replace

import pytest

from streamcls.alerts.message import Message, gap_of_unknown
from streamcls.web import feed as module
from streamcls.web.feed import Feed, Listener
from streamcls.web.problems import Problem


def message(number: int, camera: str = "left") -> Message:
    return replace(gap_of_unknown("a test"), id=f"m{number}", camera=camera)


async def ids(listener: Listener) -> list[str]:
    return [one.id for one in await listener.messages(5.0)]


def test_what_happens_is_told_to_those_it_concerns() -> None:
    feed = Feed()

    async def listen() -> None:
        with feed.listener(None, None) as both, feed.listener("right", None) as right:
            await asyncio.to_thread(feed.tell, message(1, "left"))
            assert await ids(both) == ["m1"]
            await asyncio.to_thread(feed.tell, message(2, "right"))
            assert await ids(both) == ["m2"]
            assert await ids(right) == ["m2"]
            assert await right.messages(0.01) == []

    asyncio.run(listen())


@pytest.mark.parametrize(
    ("after", "expected"),
    [("m1", ["m2", "m3"]), ("m3", []), ("of an earlier run", ["m1", "m2", "m3"]), (None, [])],
)
def test_who_comes_back_gets_what_they_missed(after: str | None, expected: list[str]) -> None:
    feed = Feed()
    for number in (1, 2, 3):
        feed.tell(message(number))

    async def listen() -> list[str]:
        with feed.listener(None, after) as listener:
            return [one.id for one in await listener.messages(0.01)]

    assert asyncio.run(listen()) == expected


def test_who_comes_back_to_a_quiet_camera_gets_its_message_however_busy_the_others_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WAITING", 3)
    feed = Feed()
    for number in range(10):
        feed.tell(message(number, "right" if number == 1 else "left"))

    async def listen(camera: str | None) -> tuple[int, bool]:
        with feed.listener(camera, "m0") as listener:
            return len(await listener.messages(0.01)), listener.is_over

    assert asyncio.run(listen("right")) == (1, False)
    assert asyncio.run(listen(None)) == (9, False)


def test_who_does_not_listen_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITING", 3)
    feed = Feed()

    async def listen() -> tuple[bool, bool]:
        with feed.listener(None, None) as listener:
            for number in range(3):
                feed.tell(message(number))
            await asyncio.sleep(0)
            before = listener.is_over
            feed.tell(message(4))
            await asyncio.sleep(0)
            return before, listener.is_over

    assert asyncio.run(listen()) == (False, True)


def test_the_end_wakes_all_and_nobody_else_comes() -> None:
    feed = Feed()

    async def listen() -> None:
        with feed.listener(None, None) as listener:
            await asyncio.to_thread(feed.close)
            assert await listener.messages(5.0) == []
            assert listener.is_over
        with pytest.raises(Problem), feed.listener(None, None):
            pass

    asyncio.run(listen())


def test_listeners_are_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LISTENERS", 1)
    feed = Feed()

    async def listen() -> None:
        with feed.listener(None, None), pytest.raises(Problem), feed.listener(None, None):
            pass
        with feed.listener(None, None):
            pass

    asyncio.run(listen())
