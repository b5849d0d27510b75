"""Cameras that share one classifier: what one of them does, the others don't notice."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from streamcls.protocols import Classified, Pictured
from streamcls.records import Image, Picture, Planes, Prediction, as_bgr
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns
from streamcls.runtime.views import Views
from tests.fakes import LABELS, FakeClassifier
from tests.runtime.rig import PATIENCE_S, Gate, Kept, Rig, balanced

pytestmark = pytest.mark.alone


class InPixels(FakeClassifier):
    """Looks at the luma of what is decoded, as the real one does."""

    def classify(self, images: Sequence[Picture]) -> Classified:
        seen = []
        for image in images:
            planes = None if isinstance(image, np.ndarray) else image.planes()
            seen.append(as_bgr(image) if planes is None else planes.y[..., None])
        return super().classify(seen)


class Decoded:
    """A decoded picture whose luma is its number; counts who wants it in BGR."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.asked = 0

    def planes(self) -> Planes | None:
        y, small = np.full((24, 32), self._number, np.uint8), np.zeros((12, 16), np.uint8)
        return Planes(y, small, small, (0.299, 0.114), False)

    def bgr(self) -> Image:
        self.asked += 1
        return np.full((24, 32, 3), self._number, np.uint8)


class Counted(Gate):
    """Also says how many came."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __call__(self, _: object = None) -> None:
        self.count += 1
        super().__call__()


class WantsPictures(Kept, Pictured):
    """Of the classified frames."""


@contextmanager
def shared(*names: str, gate: Gate | None = None, newest: bool = True) -> Iterator[list[Rig]]:
    """Running cameras with one classifier and a sink each; `gate` is before the classifier."""
    gate = gate or Gate()
    with ExitStack() as stack:
        turns = Turns(
            FakeClassifier(batch=1, before=gate), Stop(), workers=1, room=1, newest=newest
        )
        stack.enter_context(turns)
        turns.start()
        rigs = [Rig(camera=name, turns=turns, newest=newest) for name in names]
        for rig in rigs:
            rig.add()
            stack.enter_context(rig)
        stack.callback(gate.open)
        yield rigs


def sink_of(rig: Rig) -> Kept:
    (sink,) = rig.sinks
    return sink


# -- several cameras


def test_each_camera_gets_its_own_answers() -> None:
    with shared("a", "b") as (a, b):
        for _ in range(5):
            a.answered(sink_of(a))
        for _ in range(3):
            b.answered(sink_of(b))
    for rig, name, count in ((a, "a", 5), (b, "b", 3)):
        results = sink_of(rig).results
        assert [r.frame.camera for r in results] == [name] * count
        assert [r.steady for r in results] == [LABELS[i % 3] for i in range(count)]
        assert rig.counts.classified == rig.counts.read == count


def test_a_camera_that_floods_gets_its_turn_and_no_more() -> None:
    gate = Gate()
    with shared("flood", "calm", gate=gate) as (flood, calm):
        gate.shut()
        flood.camera.give()
        gate.somebody_waits()
        for _ in range(200):
            flood.camera.give()
        calm.camera.give()
        gate.open()
        sink_of(calm).until_it_has(0)
        sink_of(flood).until_it_has(200)
    assert sink_of(flood).indices == [0, 200]
    assert flood.counts.dropped == {"newer": 199}
    assert calm.counts.dropped == {}


def test_while_one_camera_hangs_the_other_has_its_labels() -> None:
    with shared("hangs", "other") as (hangs, other):
        hangs.answered(sink_of(hangs))
        assert hangs.camera.hangs.wait(PATIENCE_S)
        for _ in range(10):
            other.answered(sink_of(other))
    assert other.counts.classified == 10


def test_a_camera_that_fails_ends_alone() -> None:
    with shared("fails", "other") as (fails, other):
        fails.answered(sink_of(fails))
        ended = threading.Event()
        fails.stop.wake(ended.set)
        fails.camera.fail(RuntimeError("a bug"))
        assert ended.wait(PATIENCE_S)
        fails.pipeline.close()
        for _ in range(5):
            other.answered(sink_of(other))
        assert not other.stop.is_set
    assert isinstance(fails.stop.failure, RuntimeError)
    assert other.counts.classified == 5


@pytest.mark.parametrize("newest", [True, False])
def test_a_camera_that_ends_while_its_picture_waits_takes_nobodys_turn(newest: bool) -> None:
    gate = Counted()
    with shared("ends", "other", gate=gate, newest=newest) as (ends, other):
        gate.shut()
        other.camera.give()
        gate.somebody_waits()
        ends.camera.give()
        ends.camera.give(wait=False)  # with block, it waits for room
        ends.stop.set()
        ends.pipeline.close()
        assert ends.counts.in_flight == 0
        assert balanced(ends.counts)
        gate.open()
        other.answered(sink_of(other))
    assert gate.count == 2  # of the other's pictures
    assert sink_of(ends).results == []
    assert sink_of(other).indices == [0, 1]
    assert ends.counts.classified == 0


def test_a_sink_that_stalls_holds_up_no_other_camera() -> None:
    with shared("stalls", "other") as (stalls, other):
        sink_of(stalls).gate.shut()
        stalls.camera.give()
        sink_of(stalls).gate.somebody_waits()
        for _ in range(5):
            stalls.camera.give()
            other.answered(sink_of(other))
    assert other.counts.classified == 5


# -- pictures for those who want them


@pytest.mark.parametrize(
    ("rotation", "pictured", "asked"), [(0, False, 0), (0, True, 1), (90, False, 1)]
)
def test_bgr_is_made_only_for_who_wants_it(rotation: int, pictured: bool, asked: int) -> None:
    """The classifier needs none, but of turned pictures."""
    rig = Rig(classifier=InPixels(batch=1), views=Views(rotation))
    sink = rig.add(kind=WantsPictures if pictured else Kept)
    frames = [Decoded(number) for number in range(6)]
    with rig:
        for number, decoded in enumerate(frames):
            rig.camera.give(image=decoded)
            sink.until_it_has(number)
    assert [one.asked for one in frames] == [asked] * 6
    assert [r.steady for r in sink.results] == [LABELS[number % 3] for number in range(6)]
    shapes = {r.frame.image.shape for r in sink.results}
    assert shapes == {(24, 32, 3) if pictured else (0, 0, 3)}


def test_frames_that_are_not_classified_are_not_made_for_who_wants_answers() -> None:
    rig = Rig(every=3, classifier=InPixels(batch=1))
    sink = rig.add(kind=WantsPictures)
    frames = [Decoded(number) for number in range(7)]
    with rig:
        for decoded in frames:
            rig.camera.give(image=decoded)
            if rig.camera.last % 3 == 0:
                sink.until_it_has(rig.camera.last)
    assert [one.asked for one in frames] == [1, 0, 0, 1, 0, 0, 1]
    assert [int(r.frame.image[0, 0, 0]) for r in sink.results] == [0, 3, 6]


def test_each_gets_pictures_as_it_wants_them() -> None:
    rig = Rig(every=2, classifier=InPixels(batch=1))
    rows, pictures, shown = rig.add(), rig.add(kind=WantsPictures), rig.add(every_frame=True)
    with rig:
        for number in range(4):
            rig.camera.give(image=Decoded(number))
            shown.until_it_has(number)
            if number % 2 == 0:
                rows.until_it_has(number)
                pictures.until_it_has(number)
    assert {r.frame.image.size for r in rows.results} == {0}
    assert [int(r.frame.image[0, 0, 0]) for r in pictures.results] == [0, 2]
    assert [int(r.frame.image[0, 0, 0]) for r in shown.results] == [0, 1, 2, 3]


# -- labels called otherwise


def test_all_that_comes_of_an_answer_has_the_names_of_the_settings() -> None:
    def relabel(prediction: Prediction) -> Prediction:
        return Prediction(prediction.probs, ("Katze", "", "Vogel"))

    rig = Rig(relabel=relabel)
    sink = rig.add()
    with rig:
        for _ in range(3):
            rig.answered(sink)
    assert [r.steady for r in sink.results] == ["Katze", "", "Vogel"]
    assert sink.results[0].top(1)[0].label == "Katze"
    begun = [e.label for e in sink.events if e.kind == "label" and e.end_s is None]
    assert begun == ["Katze", "", "Vogel"]


# -- what is said of outputs, and of silence


def test_an_output_that_comes_back_is_told_and_counted() -> None:
    rig = Rig()
    sink = rig.add()
    with rig:
        rig.answered(sink)
        rig.pipeline.outputs.failed("csv", OSError("rtsp://anna:geheim@h is full"))
        assert rig.pipeline.status.failed == ("csv",)
        counts = rig.counts.outputs["csv"]
        assert counts.failure == "rtsp://anna:***@h is full"
        rig.pipeline.outputs.lost("csv", 3)
        rig.pipeline.outputs.lost("csv", 4)
        assert rig.counts.outputs["csv"].dropped == 7
        rig.pipeline.outputs.recovered("csv")
        assert not rig.pipeline.status.failed
        assert rig.counts.outputs["csv"].failure is None
        assert rig.counts.outputs["csv"].dropped == 7
        rig.answered(sink)
        assert not rig.stop.is_set
    assert rig.pipeline.outputs.failure is None  # or the run would end with an error
    assert sink.states == ["connecting", "ok", "output_failed", "output_recovered"]


def test_silence_is_the_time_without_frame_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    sink = rig.add()
    ns = [1_000_000_000]
    monkeypatch.setattr("streamcls.runtime.live_pipeline.clock.now_ns", lambda: ns[0])
    monkeypatch.setattr(
        "streamcls.runtime.live_pipeline.clock.since_s", lambda begun: (ns[0] - begun) / 1e9
    )
    with rig:
        rig.answered(sink)
        assert rig.pipeline.silent_s == 0
        ns[0] += 5_000_000_000
        assert rig.pipeline.silent_s == 5
        rig.camera.give(fault="black", state="black")
        assert rig.pipeline.silent_s == 0
        ns[0] += 7_000_000_000
        rig.camera.lose("it is away")
        assert rig.pipeline.silent_s == 0
