"""Live pictures for viewers."""

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from streamcls.media import cv2
from streamcls.plant.plant import Plant
from streamcls.records import Image
from streamcls.web import drawing, live_view
from streamcls.web.live_view import Viewer, Views
from streamcls.web.problems import Problem
from tests.plant.made import Built

PATIENCE_S = 10.0


@pytest.fixture
def views(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
    """Of a plant's cameras, without a bound on the rate."""
    monkeypatch.setattr(live_view, "_RATES", {"small": 1e6, "large": 1e6})
    monkeypatch.setattr(live_view, "_WAIT_S", 0.02)
    monkeypatch.setattr(live_view, "_LINGER_S", 0.0)

    def find(name: str) -> object:
        return next((one for one in plant.cameras.running if one.name == name), None)

    with Views(find, most=3) as made:  # type: ignore[arg-type]
        yield made


def decoded(data: bytes) -> Image:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


async def shown(viewer: Viewer, value: int) -> None:
    """Until the viewer has a picture of that brightness, of whatever camera."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for _, data in await viewer.newest():
                if abs(int(decoded(data)[-1, -1].mean()) - value) <= 3:
                    return


async def given(built: Built, camera: str, value: int) -> None:
    """A frame of that brightness, again and again until the view has begun to look."""
    image = np.full((240, 320, 3), value, np.uint8)
    await asyncio.to_thread(built.sources[camera][-1].give, image=image)


async def sees(viewer: Viewer, built: Built, camera: str, value: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        waiting = asyncio.ensure_future(shown(viewer, value))
        while not waiting.done():
            await given(built, camera, value)
            await asyncio.wait({waiting}, timeout=0.02)
        await waiting


def view_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if "view-" in one.name]


def test_a_viewer_sees_what_the_camera_sees(views: Views, built: Built) -> None:
    async def look() -> None:
        with views.viewer(["left"], "large") as viewer:
            await sees(viewer, built, "left", 200)
            await sees(viewer, built, "left", 100)

    asyncio.run(look())


def test_a_slow_viewer_gets_the_newest_only(views: Views, built: Built) -> None:
    async def look() -> None:
        with views.viewer(["left"], "large") as slow, views.viewer(["left"], "large") as fast:
            for value in (40, 80, 120, 160, 200):
                await sees(fast, built, "left", value)
            (only,) = await slow.newest()
            assert abs(int(decoded(only[1])[-1, -1].mean()) - 200) <= 3

    asyncio.run(look())


def test_several_cameras_in_one_view(views: Views, built: Built) -> None:
    async def look() -> set[str]:
        with views.viewer(["left", "right"], "small") as viewer:
            await sees(viewer, built, "left", 90)
            await sees(viewer, built, "right", 180)
            await given(built, "left", 91)
            await given(built, "right", 181)
            seen: set[str] = set()
            async with asyncio.timeout(PATIENCE_S):
                while len(seen) < 2:
                    seen |= {name for name, _ in await viewer.newest()}
            return seen

    assert asyncio.run(look()) == {"left", "right"}


def test_when_nobody_looks_nothing_is_drawn(views: Views, built: Built, plant: Plant) -> None:
    outputs = plant.cameras.running[0].run.pipeline.outputs

    async def look() -> None:
        with views.viewer(["left"], "small") as viewer:
            await sees(viewer, built, "left", 90)
            assert outputs.show_frames
        async with asyncio.timeout(PATIENCE_S):
            while view_threads():
                await asyncio.sleep(0.01)

    asyncio.run(look())
    assert not outputs.show_frames
    assert views.viewers == 0


def test_a_camera_that_is_stopped_says_so_and_one_that_begins_anew_goes_on(
    views: Views, built: Built, plant: Plant
) -> None:
    async def look() -> None:
        with views.viewer(["left"], "large") as viewer:
            await sees(viewer, built, "left", 180)
            await asyncio.to_thread(plant.cameras.set_running, "left", running=False)
            await shown(viewer, 60)  # the last picture, dark
            await asyncio.to_thread(plant.cameras.set_running, "left", running=True)
            await sees(viewer, built, "left", 210)

    asyncio.run(look())


def test_the_end_sends_everybody_home(views: Views) -> None:
    async def look() -> list[tuple[str, bytes]]:
        with views.viewer(["left"], "large") as viewer:
            waiting = asyncio.ensure_future(viewer.newest())
            await asyncio.sleep(0)
            await asyncio.to_thread(views.close)
            return await asyncio.wait_for(waiting, PATIENCE_S)

    assert asyncio.run(look()) == []


def test_viewers_are_bounded(views: Views) -> None:
    async def look() -> None:
        with (
            views.viewer(["left"], "small"),
            views.viewer(["left"], "small"),
            views.viewer([], "small"),
            pytest.raises(Problem, match="3 people"),
            views.viewer(["left"], "small"),
        ):
            pass

    asyncio.run(look())


def test_a_picture_fits_its_box_and_regions_move_with_it() -> None:
    image = np.zeros((1440, 2560, 3), np.uint8)
    small, scale = drawing.fitted(image, "small")
    assert small.shape == (270, 480, 3)
    assert scale == pytest.approx(480 / 2560)
    tall, _ = drawing.fitted(np.zeros((4000, 100, 3), np.uint8), "large")
    assert tall.shape == (960, 24, 3)
    same, scale = drawing.fitted(np.zeros((100, 100, 3), np.uint8), "large")
    assert same.shape == (100, 100, 3) and scale == 1.0


def test_after_a_failure_viewers_are_sent_home_and_the_next_sees_pictures(
    views: Views, built: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Image:
        raise ValueError("no pen")

    async def look() -> None:
        with monkeypatch.context() as patch, views.viewer(["left"], "large") as viewer:
            patch.setattr(drawing.Drawing, "frame", fails)
            waiting = asyncio.ensure_future(viewer.newest())
            async with asyncio.timeout(PATIENCE_S):
                while not waiting.done():
                    await given(built, "left", 90)
                    await asyncio.wait({waiting}, timeout=0.02)
            assert waiting.result() == []
        with views.viewer(["left"], "large") as viewer:
            await sees(viewer, built, "left", 120)

    asyncio.run(look())
    assert "left: the live view failed: no pen" in caplog.text


def test_who_comes_a_moment_later_gets_no_old_picture(views: Views, built: Built) -> None:
    async def look() -> None:
        with views.viewer(["left"], "large") as viewer:
            await sees(viewer, built, "left", 90)
        with views.viewer(["left"], "large") as viewer:
            waiting = asyncio.ensure_future(viewer.newest())
            await asyncio.sleep(0.05)
            assert not waiting.done()  # until the camera gives another one
            waiting.cancel()
            await sees(viewer, built, "left", 150)

    asyncio.run(look())
