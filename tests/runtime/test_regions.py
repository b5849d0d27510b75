"""A live run whose camera has regions, each with labels of its own."""

import numpy as np
import pytest

from streamcls.metrics import Snapshot
from streamcls.records import Box, Event, Image, Result
from streamcls.runtime.views import Views
from tests.fakes import LABELS
from tests.runtime.rig import Kept, Rig, balanced

pytestmark = pytest.mark.alone

BOXES = {
    "left": Box(0, 0, 0.5, 1),
    "right": Box(0.5, 0, 0.5, 1),
    "gone": Box(1000, 0, 10, 10),
}


def rigged(*names: str, queue_size: int = 3, newest: bool = True) -> Rig:
    """Room for all of the test's frames, so that each is classified."""
    regions = {name: BOXES[name] for name in names or ("left", "right")}
    return Rig(queue_size=queue_size, newest=newest, views=Views(0, regions))


def halves(left: int, right: int) -> Image:
    """Their answers are `LABELS[left % 3]` and `LABELS[right % 3]`."""
    image = np.full((24, 32, 3), left, np.uint8)
    image[:, 16:] = right
    return image


def show(rig: Rig, sink: Kept, left: int, right: int) -> int:
    """Gives a frame, and waits for both answers."""
    index = rig.camera.give(image=halves(left, right))
    sink.until(lambda: sink.indices.count(index) == 2)
    return index


def of(sink: Kept, camera: str) -> list[Result]:
    return [result for result in sink.results if result.frame.camera == camera]


def segments(events: list[Event], camera: str) -> list[tuple[str, bool]]:
    """Labels in their order, and whether each began or ended."""
    return [
        (event.label, event.end_s is None)
        for event in events
        if event.kind == "label" and event.camera == camera
    ]


def test_each_region_has_labels_and_segments_of_its_own() -> None:
    rig = rigged()
    sink = rig.add()
    with rig:
        for left, right in ((0, 1), (0, 2), (0, 2), (1, 2)):
            show(rig, sink, left, right)
    assert [r.steady for r in of(sink, "cam/left")] == [LABELS[i] for i in (0, 0, 0, 1)]
    assert [r.steady for r in of(sink, "cam/right")] == [LABELS[i] for i in (1, 2, 2, 2)]
    assert len(sink.results) == 8
    cat, dog, bird = LABELS
    expected = [(cat, True), (cat, False), (dog, True), (dog, False)]
    assert segments(sink.events, "cam/left") == expected
    expected = [(dog, True), (dog, False), (bird, True), (bird, False)]
    assert segments(sink.events, "cam/right") == expected
    assert segments(sink.events, "cam") == []


def test_states_are_of_the_camera() -> None:
    rig = rigged()
    sink = rig.add()
    with rig:
        show(rig, sink, 0, 1)
    states = {event.camera for event in sink.events if event.kind == "state"}
    assert states == {"cam"}
    assert sink.states == ["connecting", "ok"]


def test_every_frame_is_shown_with_what_holds_in_each_region() -> None:
    rig = rigged()
    answers, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        first = show(rig, answers, 0, 1)
        second = rig.camera.give(image=halves(2, 2))
        shown.until_it_has(second)
    before, after = shown.results[first], shown.results[second]
    assert (before.frame.camera, before.steady, before.raw) == ("cam", None, None)
    boxes = [("left", (0, 0, 16, 24)), ("right", (16, 0, 32, 24))]
    assert [(r.name, r.box) for r in after.regions] == boxes
    assert [r.steady for r in before.regions] == [None, None]
    assert [r.steady for r in after.regions] == [LABELS[0], LABELS[1]]
    assert [r.steady_prob for r in after.regions] == [pytest.approx(0.9)] * 2
    assert after.frame.image.shape == (24, 32, 3)  # the whole
    assert all(result.regions == () for result in answers.results)


def test_a_lost_signal_ends_the_labels_of_all_regions() -> None:
    rig = rigged()
    sink = rig.add()
    with rig:
        show(rig, sink, 0, 1)
        rig.camera.lose("the line is cut")
        sink.until(lambda: "no_signal" in sink.states)
        ended = {e.camera: e.label for e in sink.events if e.kind == "label" and e.end_s}
        assert ended == {"cam/left": LABELS[0], "cam/right": LABELS[1]}
        labels_end = max(i for i, e in enumerate(sink.events) if e.kind == "label")
        state_begins = next(i for i, e in enumerate(sink.events) if e.label == "no_signal")
        assert labels_end < state_begins
        rig.camera.give(image=halves(2, 2))
        sink.until(lambda: len(sink.results) == 4)
    assert [r.steady for r in of(sink, "cam/left")] == [LABELS[0], LABELS[2]]


def test_answers_of_all_regions_come_too_late_when_the_signal_was_lost() -> None:
    rig = rigged()
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give(image=halves(0, 1))
        rig.gate.somebody_waits()
        rig.camera.lose("the line is cut")
        rig.gate.open()
        show(rig, sink, 2, 2)
    assert sink.indices == [1, 1]
    assert rig.counts.dropped == {"signal lost": 2}


def test_the_ledger_counts_every_region_and_balances_at_every_moment() -> None:
    wrong: list[Snapshot] = []
    rig: Rig

    def look(_: object = None) -> None:
        now = rig.counts
        if not balanced(now):
            wrong.append(now)

    rig = Rig(every=2, before=look, views=Views(0, BOXES))
    sink = rig.add()
    wanted = 0
    with rig:
        for number in range(200):
            if number % 7 == 3:
                rig.camera.give(fault="black", state="black")
            elif number % 50 == 49:
                rig.camera.lose(f"loss {number}")
            else:
                wanted += rig.camera.give() % 2 == 0
            look()
        sink.until(lambda: bool(sink.results))
    assert wrong == []
    done = rig.counts
    assert balanced(done) and done.in_flight == 0
    assert done.read == 3 * 197  # and three losses
    assert done.rejected == {"black": 3 * 29}
    # Of frames that are wanted, the region that is not there.
    assert done.not_sampled == 3 * (197 - 29 - wanted) + wanted
    assert done.classified + sum(done.dropped.values()) == 2 * wanted


def test_a_region_beyond_the_picture_holds_up_no_other() -> None:
    rig = rigged("gone", "left")
    sink = rig.add()
    with rig:
        for _ in range(3):
            rig.answered(sink)
    assert {result.frame.camera for result in sink.results} == {"cam/left"}
    assert rig.counts.not_sampled == rig.counts.classified == 3


def test_a_region_has_room_of_its_own() -> None:
    """So the newest of each is next, however many there are."""
    rig = rigged(queue_size=1)
    sink = rig.add()
    with rig:
        rig.give_while_busy(10)
        sink.until(lambda: sink.indices.count(10) == 2)
    assert [r.frame.index for r in of(sink, "cam/left")] == [0, 10]
    assert [r.frame.index for r in of(sink, "cam/right")] == [10]
    assert rig.counts.dropped == {"newer": 9 + 10}


def test_regions_are_of_the_turned_picture() -> None:
    sides = {name: BOXES[name] for name in ("left", "right")}
    rig = Rig(queue_size=3, views=Views(90, sides))
    answers, shown = rig.add(), rig.add(every_frame=True)
    image = np.full((24, 32, 3), 0, np.uint8)
    image[12:] = 1  # what is below comes to the left
    with rig:
        rig.camera.give(image=image)
        answers.until(lambda: len(answers.results) == 2)
        shown.until_it_has(0)
    assert of(answers, "cam/left")[0].steady == LABELS[1]
    assert of(answers, "cam/right")[0].steady == LABELS[0]
    assert shown.results[0].frame.image.shape == (32, 24, 3)
