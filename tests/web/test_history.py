"""What a camera saw, for the page."""

from dataclasses import replace

import numpy as np
import pytest

from streamcls import clock
from streamcls.media import cv2
from streamcls.records import Event, Image, Result
from streamcls.web import history as module
from streamcls.web.feed import Feed
from streamcls.web.history import History, HistorySink
from tests.fakes import event, prediction, result

NOW_UTC = 1_800_000_000.0


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "epoch_s", lambda: NOW_UTC)


def seen(label: str, start_s: float, end_s: float | None = None, camera: str = "cam") -> Event:
    """A segment that many seconds before now."""
    return replace(
        event(),
        camera=camera,
        label=label,
        start_s=start_s,
        end_s=end_s,
        start_utc=NOW_UTC + start_s,
        end_utc=None if end_s is None else NOW_UTC + end_s,
    )


def answered(image: Image, camera: str = "cam") -> Result:
    found = result(1, raw=prediction(0.1, 0.8, 0.1))
    return replace(found, frame=replace(found.frame, camera=camera, image=image))


GREY = np.full((600, 800, 3), 90, np.uint8)


def labels(history: History) -> list[str]:
    return [one.event.label for one in history.segments()]


def test_segments_of_the_last_hour_in_their_order() -> None:
    history = History()
    history.event(seen("too old", -5000.0, -3700.0))
    history.event(seen("old enough to be cut", -4000.0, -3500.0))
    history.event(seen("nut", -60.0))
    assert labels(history) == ["old enough to be cut", "nut"]
    history.event(seen("nut", -60.0, -30.0))
    history.event(seen("bolt", -30.0))
    assert labels(history) == ["old enough to be cut", "nut", "bolt"]
    assert [one.event.end_utc is None for one in history.segments()] == [False, False, True]


def test_a_label_and_a_state_last_beside_each_other_and_so_do_regions() -> None:
    history = History()
    history.event(seen("nut", -60.0))
    history.event(replace(seen("late", -50.0), kind="state"))
    history.event(seen("bolt", -40.0, camera="cam/left"))
    assert labels(history) == ["nut", "late", "bolt"]


def test_the_first_picture_of_a_segment_is_kept_small() -> None:
    history = History()
    sink = HistorySink(history, Feed())
    sink.write(answered(GREY))  # nothing began
    sink.event(seen("nut", -60.0))
    sink.write(answered(GREY))
    sink.write(answered(np.zeros_like(GREY)))
    (segment,) = history.segments()
    assert segment.snapshot is not None
    data = history.snapshot(segment.snapshot)
    assert data is not None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (360, 480, 3)
    assert abs(int(picture.mean()) - 90) < 3
    sink.event(seen("nut", -60.0, -30.0))
    assert [one.snapshot for one in history.segments()] == [segment.snapshot]


def test_pictures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SNAPSHOTS", 2)
    history = History()
    sink = HistorySink(history, Feed())
    for at in range(3):
        sink.event(seen(f"part {at}", -60.0 + at))
        sink.write(answered(GREY))
        sink.event(seen(f"part {at}", -60.0 + at, -59.0 + at))
    numbers = [one.snapshot for one in history.segments()]
    assert numbers[0] is None and None not in numbers[1:]
    assert history.snapshot(int(NOW_UTC)) is None  # the first


def test_what_is_seen_now() -> None:
    history = History()
    sink = HistorySink(history, Feed())
    assert history.latest("cam") is None
    sink.write(answered(GREY))
    latest = history.latest("cam")
    assert latest is not None and latest.top(1)[0].class_id == 1
    assert not latest.frame.image.size  # pictures would pile up
    sink.event(seen("nut", -60.0, -1.0))
    assert history.latest("cam") is None


def test_passwords_in_reasons_are_masked() -> None:
    history = History()
    lost = replace(seen("no_signal", -1.0), kind="state", reason="rtsp://a:geheim@b/c is gone")
    history.event(lost)
    assert "geheim" not in history.segments()[0].event.reason
