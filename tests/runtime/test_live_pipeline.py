"""A live run with a camera and a classifier that do one step when the test says so."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics, Snapshot
from streamcls.records import Event, Fault, Image, LiveFrame, Lost, Result, State, Status
from streamcls.runtime import live_pipeline
from streamcls.runtime.labels import Labelling
from streamcls.runtime.live_pipeline import LivePipeline, LiveRules
from streamcls.runtime.output_queue import OutputQueue, Wanted
from streamcls.runtime.stop import Stop
from streamcls.sampling import EveryNth
from streamcls.smoothing import SteadyLabel
from tests.fakes import LABELS, FakeClassifier, ListSink

pytestmark = pytest.mark.alone

SHOWN = Wanted(frames=True, answers=False, images=True, newest=True)
PATIENCE_S = 10.0  # for what comes at once, on a busy machine
INTERVAL_S = 0.1


class Camera:
    """A LiveSource that gives what the test puts in, and lets it wait until that is dealt with."""

    camera = "cam"

    def __init__(self) -> None:
        self.begun_ns = time.monotonic_ns()
        self.closed = threading.Event()
        self.hangs = threading.Event()
        self._items: queue.SimpleQueue[LiveFrame | Lost | BaseException | None] = (
            queue.SimpleQueue()
        )
        self._dealt_with = threading.Semaphore(0)
        self._index = -1

    def watch(self) -> Generator[LiveFrame | Lost, None, None]:
        try:
            while True:
                self.hangs.set()
                item = self._items.get()
                self.hangs.clear()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
                self._dealt_with.release()
        finally:
            self.closed.set()

    def end(self) -> None:
        """Lets `watch` return, which a real source does by itself when the run is stopped."""
        self._items.put(None)

    def fail(self, error: BaseException) -> None:
        self._items.put(error)

    def lose(self, reason: str) -> None:
        self._give(Lost(reason, 1.0), wait=True)

    def give(
        self,
        *,
        fault: Fault | None = None,
        state: State = "ok",
        image: Image | None = None,
        wait: bool = True,
    ) -> int:
        """One frame more, whose pixels are its index; gives the index."""
        self._index += 1
        now_ns = time.monotonic_ns()
        if image is None:
            image = np.full((24, 32, 3), self._index % 256, np.uint8)
        frame = LiveFrame(
            index=self._index,
            pts_s=(now_ns - self.begun_ns) / 1e9,
            duration_s=INTERVAL_S,
            captured_ns=now_ns,
            captured_utc=time.time(),
            image=image,
            fault=fault,
            state=state,
            reason="" if state == "ok" else f"it is {state}",
        )
        self._give(frame, wait=wait)
        return self._index

    def _give(self, item: LiveFrame | Lost, *, wait: bool) -> None:
        self._items.put(item)
        if wait:
            assert self._dealt_with.acquire(timeout=PATIENCE_S), "the capture thread is held up"


class Gate:
    """A door in a classifier or a sink: shut, whoever comes waits until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.entered = threading.Semaphore(0)  # one more each time that somebody comes

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def __call__(self, _: object = None) -> None:
        self.entered.release()
        assert self._open.wait(60)

    def somebody_waits(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE_S)


class Kept(ListSink):
    """A sink whose contents can be waited for, with a gate before it."""

    def __init__(self, *, every_frame: bool = False, fail_at: int | None = None) -> None:
        super().__init__(every_frame=every_frame, fail_at=fail_at)
        self.gate = Gate()
        self._changed = threading.Condition()

    def write(self, result: Result) -> None:
        self.gate()
        with self._changed:
            super().write(result)
            self._changed.notify_all()

    def event(self, event: Event) -> None:
        with self._changed:
            super().event(event)
            self._changed.notify_all()

    def until(self, found: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(found, PATIENCE_S), (self.indices, self.states)

    def until_it_has(self, index: int) -> None:
        self.until(lambda: index in self.indices)

    @property
    def indices(self) -> list[int]:
        return [result.frame.index for result in self.results]

    @property
    def states(self) -> list[str]:
        """Those that began, and what happened to outputs."""
        return [
            event.label
            for event in self.events
            if event.kind == "state" and event.end_s in (None, event.start_s)
        ]


@dataclass
class Refreshing:
    """A sink that does some work again and again, and the last of it at the end."""

    refresh_s: float
    refresh: Callable[[], None]
    close: Callable[[], None]
    every_frame: bool = False

    def write(self, result: Result) -> None:
        raise AssertionError("it gets no results")

    def event(self, event: Event) -> None:
        raise AssertionError("it gets no events")


class Rig:
    """A live pipeline of fakes; leaving it lets everything go, and no thread is left."""

    def __init__(
        self,
        *,
        every: int = 1,
        queue_size: int = 1,
        newest: bool = True,
        stale_after_s: float = 60.0,
        duration_s: float | None = None,
        ends: bool = True,
        before: Callable[[int], None] | None = None,
    ) -> None:
        self.stop, self.metrics = Stop(), Metrics()
        self.camera = Camera()
        self.gate = Gate()
        self.pipeline = LivePipeline(
            self.camera,
            Labelling(
                EveryNth(every),
                FakeClassifier(batch=1, before=before or self.gate),
                SteadyLabel("cam", threshold=0.5, smoothing_s=0, dwell_s=0),
                top_k=3,
            ),
            LiveRules(queue_size, newest, stale_after_s, duration_s),
            metrics=self.metrics,
            stop=self.stop,
        )
        self._sinks: list[Kept] = []
        self._threads: set[threading.Thread] = set()
        if ends:
            self.stop.wake(self.camera.end)

    def add(self, *, every_frame: bool = False, fail_at: int | None = None) -> Kept:
        sink = Kept(every_frame=every_frame, fail_at=fail_at)
        self._sinks.append(sink)
        self.pipeline.add(f"sink{len(self._sinks)}", sink)
        return sink

    def add_later(self, sink: Kept) -> OutputQueue:
        """While it runs."""
        queue = self.pipeline.add("recording", sink)
        assert queue is not None
        return queue

    def __enter__(self) -> Self:
        before = set(threading.enumerate())
        self.pipeline.start()
        self._threads = set(threading.enumerate()) - before
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gate.open()
        for sink in self._sinks:
            sink.gate.open()
        self.camera.end()
        self.pipeline.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def answered(self, sink: Kept) -> int:
        """Gives a frame, and waits for its answer in a sink."""
        index = self.camera.give()
        sink.until_it_has(index)
        return index

    @property
    def counts(self) -> Snapshot:
        return self.metrics.snapshot()


def balanced(s: Snapshot) -> bool:
    out = s.classified + s.not_sampled + sum(s.dropped.values()) + sum(s.rejected.values())
    return s.read == out + s.in_flight and s.in_flight >= 0


# -- freshness


def test_each_frame_has_its_own_answer_and_its_age() -> None:
    rig = Rig()
    sink = rig.add()
    begun = time.monotonic()
    with rig:
        for _ in range(20):
            rig.answered(sink)
    passed_ms = (time.monotonic() - begun) * 1000
    assert sink.indices == list(range(20))
    assert [r.top(1)[0].class_id for r in sink.results] == [i % 3 for i in range(20)]
    for one in sink.results:
        assert one.timing is not None
        assert 0 <= one.timing.waited_ms <= one.timing.age_ms <= passed_ms
        assert (one.timing.preprocess_ms, one.timing.infer_ms) == (1.0, 2.0)
        assert one.status is not None and one.status.age_ms == one.timing.age_ms
    assert rig.counts.classified == rig.counts.read == 20


def test_the_newest_frame_is_next_when_the_classifier_was_busy() -> None:
    """However long that took: nothing of what came meanwhile is left to be done."""
    rig = Rig()
    sink = rig.add()
    with rig:
        rig.gate.shut()
        first = rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(300):
            newest = rig.camera.give()
        assert rig.counts.dropped == {"newer": 299}
        assert rig.pipeline.status.dropped == 299
        rig.gate.open()
        sink.until_it_has(newest)
        after = rig.answered(sink)
    assert sink.indices == [first, newest, after]
    assert rig.counts.dropped == {"newer": 299}
    assert rig.counts.outputs["sink1"].dropped == 0


def test_a_longer_queue_has_the_newest_frames_in_it() -> None:
    rig = Rig(queue_size=3)
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(10):
            rig.camera.give()
        rig.gate.open()
        sink.until_it_has(10)
    assert sink.indices == [0, 8, 9, 10]


def test_every_frame_is_shown_while_the_classifier_is_busy() -> None:
    """With the last steady label, and without having to wait for anything."""
    rig = Rig()
    answers, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        rig.answered(answers)
        rig.gate.shut()
        for _ in range(50):
            rig.camera.give()
        shown.until_it_has(50)
        assert answers.indices == [0]  # the classifier is busy with frame 1 or, before it, nothing
        rig.gate.open()
        answers.until_it_has(50)
        rig.camera.give()
        shown.until_it_has(51)
    assert shown.indices == list(range(52))
    assert [r.steady for r in shown.results[1:51]] == [LABELS[0]] * 50
    assert all(r.raw is None for r in shown.results)
    assert shown.results[51].steady == LABELS[50 % 3]
    assert [int(r.frame.image[0, 0, 0]) for r in shown.results] == list(range(52))


def test_block_holds_the_source_up_and_drops_nothing() -> None:
    rig = Rig(newest=False)
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.give()  # has room in the queue
        for _ in range(8):
            rig.camera.give(wait=False)
        rig.gate.open()
        sink.until_it_has(9)
    assert sink.indices == list(range(10))
    assert rig.counts.dropped == {}
    assert rig.counts.classified == 10


def test_block_does_not_read_on_while_there_is_no_room() -> None:
    rig = Rig(newest=False, queue_size=2)
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(2):
            rig.camera.give()
        for _ in range(8):
            rig.camera.give(wait=False)
        rig.gate.open()
        for read_more in range(1, 8):  # with each one that is done there is room for one more
            sink.until_it_has(read_more)
            in_queue_and_hand = 2 + 1 + 1
            assert rig.counts.in_flight <= in_queue_and_hand
        sink.until_it_has(10)


def test_the_end_wakes_a_source_that_is_held_up() -> None:
    rig = Rig(newest=False)
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.give()
        rig.camera.give(wait=False)
        rig.stop.set()
        assert rig.camera.closed.wait(PATIENCE_S)
    assert rig.counts.read in (2, 3)
    assert rig.counts.in_flight == 0


def test_frames_that_are_not_sampled_are_shown_but_not_classified() -> None:
    rig = Rig(every=5)
    answers, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        for _ in range(4):
            rig.answered(answers)
            for _ in range(4):
                rig.camera.give()
        shown.until_it_has(19)
    assert answers.indices == [0, 5, 10, 15]
    assert [r.frame.sampled for r in shown.results] == [i % 5 == 0 for i in range(20)]
    assert rig.counts.not_sampled == 16


# -- outputs that stall


def test_a_sink_that_stalls_holds_nobody_up_and_leaves_no_backlog() -> None:
    """8 MB a picture: 64 MB are kept for it, events and all, and the rest gives way."""
    large = np.zeros((1000, 2666, 3), np.uint8)
    rig = Rig()
    stalled, shown, answers = rig.add(every_frame=True), rig.add(every_frame=True), rig.add()
    with rig:
        stalled.gate.shut()
        rig.camera.give(image=large)
        stalled.gate.somebody_waits()
        for number in range(1, 101):
            rig.camera.give(image=large)
            shown.until_it_has(number)
        answers.until_it_has(100)
        stalled.gate.open()
        stalled.until_it_has(100)
    kept = len(stalled.indices) - 1
    assert kept in (7, 8)
    assert stalled.indices == [0, *range(101 - kept, 101)]
    counts = rig.counts.outputs
    assert (counts["sink1"].written, counts["sink1"].dropped) == (1 + kept, 100 - kept)
    assert (counts["sink2"].written, counts["sink2"].dropped) == (101, 0)
    assert counts["sink3"].dropped == 0


def test_a_stalled_sink_gets_all_events() -> None:
    rig = Rig()
    stalled, other = rig.add(), rig.add()
    with rig:
        stalled.gate.shut()
        rig.answered(other)
        stalled.gate.somebody_waits()
        for number in range(50):
            rig.camera.lose(f"reason {number}")
            rig.answered(other)
        stalled.gate.open()
        stalled.until_it_has(50)
    assert [e.label for e in stalled.events] == [e.label for e in other.events]
    assert stalled.states.count("no_signal") == 50


def test_sinks_get_no_images_unless_they_want_every_frame() -> None:
    rig = Rig()
    rows, pictures = rig.add(), rig.add(every_frame=True)
    with rig:
        rig.answered(rows)
        pictures.until_it_has(0)
    assert rows.results[0].frame.image.size == 0
    assert pictures.results[0].frame.image.shape == (24, 32, 3)


def test_a_slow_reader_of_results_gets_the_newest_next() -> None:
    """As the window, and a loop over `streamcls.stream`."""
    still = np.zeros((24, 32, 3), np.uint8)  # its label never changes
    rig = Rig()
    sink = rig.add(every_frame=True)
    output = rig.pipeline.output(
        "window", Wanted(frames=True, answers=False, images=True, newest=True)
    )
    with rig:
        results = rig.pipeline.results(output)
        rig.camera.give(image=still)
        sink.until_it_has(0)
        assert list(islice(results, 2))[-1] is None  # the events of the beginning are out
        for _ in range(100):
            rig.camera.give(image=still)
        sink.until_it_has(100)
        newest = next(results)
        assert newest is not None
        assert newest.frame.index == 100
        rig.stop.set()
        assert list(results) == []
    assert rig.counts.outputs["window"].dropped in (99, 100)


def test_a_reader_of_results_gets_the_one_with_a_new_label() -> None:
    rig = Rig()
    sink = rig.add()
    output = rig.pipeline.output("stream", Wanted(images=True, newest=True))
    with rig:
        rig.answered(sink)
        found = next(rig.pipeline.results(output))
        assert found is not None
        assert [event.label for event in found.events] == ["cat"]


def test_none_comes_while_nothing_else_does() -> None:
    """So that the window goes on living."""
    rig = Rig()
    output = rig.pipeline.output(
        "window", Wanted(frames=True, answers=False, images=True, newest=True)
    )
    with rig:
        results = rig.pipeline.results(output)
        begun = time.monotonic()
        assert next(results) is None
        assert time.monotonic() - begun < PATIENCE_S


# -- the ledger


def test_the_ledger_balances_at_every_moment() -> None:
    """Looked at from each thread of the run, and all the time from one more."""
    wrong: list[Snapshot] = []
    seen: list[int] = []
    over = threading.Event()

    def look(_: object = None) -> None:
        now = rig.counts
        seen.append(now.read)
        # In the queue, in the hands of the capture thread and of the classifier.
        if not balanced(now) or now.in_flight > 2 + 2:
            wrong.append(now)

    def look_on() -> None:
        while not over.wait(0.001):  # lets the others run
            look()

    rig = Rig(every=2, queue_size=2, before=look)
    rig.pipeline.add("looks", Looking(look))
    looker = threading.Thread(target=look_on)
    looker.start()
    try:
        with rig:
            for number in range(600):
                if number % 7 == 3:
                    rig.camera.give(fault="black", state="black")
                elif number % 50 == 49:
                    rig.camera.lose(f"loss {number}")
                else:
                    rig.camera.give()
                look()
    finally:
        over.set()
        looker.join(PATIENCE_S)
    assert wrong == []
    assert len(set(seen)) > 100
    done = rig.counts
    assert balanced(done) and done.in_flight == 0
    assert done.rejected == {"black": 86}
    assert done.classified > 0 and done.not_sampled > 0


class Looking(ListSink):
    """A sink that looks at something with each thing that it gets."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def write(self, result: Result) -> None:
        self._look()

    def event(self, event: Event) -> None:
        self._look()


def test_what_is_in_flight_at_the_end_was_stopped() -> None:
    rig = Rig(queue_size=4)
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(3):
            rig.camera.give()
        assert rig.counts.in_flight == 4
        rig.stop.set()
    done = rig.counts
    assert balanced(done) and done.in_flight == 0
    assert done.dropped["stopped"] >= 3
    assert done.read == 4


def test_an_answer_that_comes_after_the_end_is_not_counted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A classifier that hangs for longer than the end waits for it."""
    monkeypatch.setattr(live_pipeline, "_JOIN_S", 0.1)
    rig = Rig()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.pipeline.close()
        assert rig.counts.dropped == {"stopped": 1}
    # Leaving it has opened the gate and waited for the classifier.
    assert rig.counts.dropped == {"stopped": 1}
    assert rig.counts.in_flight == 0


# -- signal


def test_faulty_frames_get_no_label_row() -> None:
    rig = Rig()
    rows, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        good = [rig.answered(rows)]
        faults: tuple[tuple[Fault, State], ...] = (
            ("black", "black"),
            ("corrupt", "damaged"),
            ("late", "late"),
            ("repeated", "frozen"),
        )
        for fault, state in faults:
            bad = rig.camera.give(fault=fault, state=state)
            good.append(rig.answered(rows))
        shown.until_it_has(good[-1])
    assert rows.indices == good
    assert bad not in good
    assert shown.indices == list(range(9))
    assert [r.frame.sampled for r in shown.results] == [i in good for i in range(9)]
    assert rig.counts.rejected == {"black": 1, "corrupt": 1, "late": 1, "repeated": 1}
    assert rows.states == [
        *("connecting", "ok", "black", "ok", "damaged", "ok"),
        *("late", "ok", "frozen", "ok"),
    ]


def test_faulty_frames_do_not_count_for_the_sampler() -> None:
    """Each second good one, whatever lies between them."""
    wanted: list[int] = []

    class Sampler:
        def wants(self, grabbed: object) -> bool:
            assert isinstance(grabbed, LiveFrame)
            assert grabbed.fault is None
            wanted.append(grabbed.index)
            return True

    rig = Rig()
    rig.pipeline._sampler = Sampler()
    rows = rig.add()
    with rig:
        rig.answered(rows)
        rig.camera.give(fault="black", state="black")
        rig.answered(rows)
    assert wanted == [0, 2]


def test_an_answer_to_a_frame_from_before_a_loss_is_no_row() -> None:
    rig = Rig()
    rows = rig.add()
    with rig:
        first = rig.answered(rows)
        rig.gate.entered.acquire()
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.lose("the camera hung up")
        after = rig.camera.give()
        rig.gate.open()
        rows.until_it_has(after)
    assert rows.indices == [first, after]
    assert rig.counts.dropped == {"signal lost": 1}


def test_a_source_that_falls_silent_is_noticed_while_it_hangs() -> None:
    rig = Rig(stale_after_s=0.01)  # but five intervals of 0.1 s
    rows = rig.add()
    with rig:
        rig.answered(rows)
        rows.until(lambda: "stale" in rows.states)
        assert rig.camera.hangs.is_set()
        silent = rig.pipeline.status
        rig.answered(rows)
        assert (silent.state, rig.pipeline.status.state) == ("stale", "ok")
    assert rows.states == ["connecting", "ok", "stale", "ok"]
    stale = next(e for e in rows.events if e.label == "stale")
    assert stale.start_s == pytest.approx(rows.results[0].frame.pts_s + INTERVAL_S)


# -- failures


def test_a_source_that_fails_raises_from_the_results() -> None:
    rig = Rig()
    sink = rig.add()
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.answered(sink)
        rig.camera.fail(OSError("given up"))
        with pytest.raises(OSError, match="given up"):
            list(rig.pipeline.results(output))
    assert sink.closed == 1
    assert sink.events[-1].end_s is not None
    assert rig.pipeline.output_failure is None


def test_a_classifier_that_fails_raises_from_the_results() -> None:
    def before(_size: int) -> None:
        raise MemoryError("too large")

    rig = Rig(before=before)
    sink = rig.add()
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(MemoryError, match="too large"):
            list(rig.pipeline.results(output))
    assert sink.closed == 1
    assert balanced(rig.counts) and rig.counts.in_flight == 0


@pytest.mark.parametrize("every_frame", [False, True])
def test_the_run_goes_on_without_an_output_that_fails(
    every_frame: bool, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    failing, other = rig.add(every_frame=every_frame, fail_at=2), rig.add()
    with rig:
        for _ in range(3):
            rig.answered(other)
        other.until(lambda: "output_failed" in other.states)
        for _ in range(3):
            rig.answered(other)
        assert not rig.stop.is_set
    assert failing.indices == [0, 1]
    assert failing.closed == other.closed == 1
    assert other.indices == [0, 1, 2, 3, 4, 5]
    (told,) = [e for e in other.events if e.label == "output_failed"]
    assert (told.kind, told.reason) == ("state", "sink1: sink failed")
    assert told.start_s == told.end_s
    assert str(rig.pipeline.output_failure) == "sink failed"
    assert rig.counts.outputs["sink1"].failure == "sink failed"
    assert rig.counts.outputs["sink2"].failure is None
    assert rig.stop.failure is None
    (logged,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert logged == "sink failed; the run goes on without this output"


def test_the_first_output_failure_is_kept() -> None:
    rig = Rig()
    rig.add(fail_at=0)
    rig.add(fail_at=2)
    other = rig.add()
    with rig:
        rig.answered(other)
        other.until(lambda: other.states.count("output_failed") == 1)
        kept = rig.pipeline.output_failure
        for _ in range(2):
            rig.answered(other)
        other.until(lambda: other.states.count("output_failed") == 2)
        assert rig.pipeline.output_failure is kept is not None
    assert [e.reason for e in other.events if e.label == "output_failed"] == [
        "sink1: sink failed",
        "sink2: sink failed",
    ]


def test_a_reader_who_has_enough_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    class Pipe(ListSink):
        def write(self, result: Result) -> None:
            raise BrokenPipeError("nobody reads")

    rig = Rig()
    other = rig.add()
    rig.pipeline.add("lines", Pipe())
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(BrokenPipeError, match="nobody reads"):
            list(rig.pipeline.results(output))
    assert other.closed == 1
    assert "goes on" not in caplog.text


def test_an_output_that_can_not_be_created_ends_the_run() -> None:
    """It would write nothing for months."""

    class Taken(ListSink):
        def write(self, result: Result) -> None:
            raise OutputPathError("o.csv: exists")

    rig = Rig()
    rig.pipeline.add("csv", Taken())
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(OutputPathError, match=r"o\.csv: exists"):
            list(rig.pipeline.results(output))


def test_work_that_is_done_again_and_again_may_fail_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The failure is said once, and the next time it is tried again."""
    rig, again, calls = Rig(), threading.Event(), list[int]()

    def work() -> None:
        calls.append(0)
        if len(calls) < 3:
            raise OSError("disk full")
        again.set()

    rig.pipeline.add("stats", Refreshing(0.01, work, lambda: calls.append(1)))
    with rig:
        assert again.wait(PATIENCE_S)
    assert calls[-1] == 1
    assert caplog.text.count("disk full") == 1
    assert rig.counts.outputs["stats"].failure == "disk full"


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """Standard error may be a pipe that is full, or a terminal that was stopped."""
    reads = threading.Event()

    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reads.wait(PATIENCE_S)

    full, log = Full(), logging.getLogger("streamcls.runtime.live_pipeline")
    log.addHandler(full)
    rig = Rig()
    sink = rig.add()
    try:
        with rig:
            for _ in range(3):
                rig.answered(sink)
                rig.camera.lose("gone")
            rig.answered(sink)
            reads.set()
    finally:
        reads.set()
        log.removeHandler(full)
    assert sink.states.count("no_signal") == 3


def test_an_output_that_can_not_be_closed_is_a_failure_too() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            super().close()
            raise OSError("close failed")

    rig = Rig()
    sour, other = Sour(), rig.add()
    rig.pipeline.add("sour", sour)
    with rig:
        rig.answered(other)
    assert sour.closed and other.closed == 1
    assert str(rig.pipeline.output_failure) == "close failed"
    assert rig.counts.outputs["sour"].failure == "close failed"


# -- the end


def test_it_ends_after_the_duration() -> None:
    begun = time.monotonic()
    rig = Rig(duration_s=0.3)
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        assert all(one is None for one in rig.pipeline.results(output))
        assert time.monotonic() - begun >= 0.3
    assert rig.stop.failure is None


def test_closing_ends_the_label_and_the_state_and_every_sink() -> None:
    rig = Rig()
    rows, shown = rig.add(), rig.add(every_frame=True)
    output = rig.pipeline.output("o", Wanted(answers=False, events=True))
    with rig:
        rig.answered(rows)
        rig.pipeline.close()
        rig.pipeline.close()
    states = [e for e in output.items() if isinstance(e, Event) and e.kind == "state"]
    assert [(e.label, e.end_s is None) for e in states] == [
        *(("connecting", True), ("connecting", False)),
        *(("ok", True), ("ok", False)),
    ]
    assert rig.camera.closed.is_set()
    for sink in (rows, shown):
        assert sink.closed == 1
        label, state = sink.events[-2:]
        assert (label.kind, label.label) == ("label", "cat")
        assert (state.kind, state.label) == ("state", "ok")
        assert label.end_s is not None and state.end_s is not None
        assert rows.results[0].frame.pts_s < label.end_s <= state.end_s


def test_sinks_get_what_is_theirs_before_they_are_closed() -> None:
    rig = Rig()
    slow, other = rig.add(), rig.add()
    with rig:
        slow.gate.shut()
        for _ in range(100):
            rig.answered(other)
        opener = threading.Timer(0.2, slow.gate.open)
        opener.start()
        rig.pipeline.close()
        opener.join()
    assert slow.indices == list(range(100))
    assert slow.closed == 1


def test_a_run_that_was_never_started_can_be_closed() -> None:
    rig = Rig()
    sink = rig.add()
    rig.pipeline.close()
    assert sink.closed == 1


def test_a_loop_body_that_raises_leaves_no_thread() -> None:
    rig = Rig()
    sink = rig.add()
    with pytest.raises(ZeroDivisionError), rig.pipeline:
        rig.pipeline.start()
        rig.answered(sink)
        raise ZeroDivisionError
    assert not [t for t in threading.enumerate() if t.name.startswith("streamcls")]
    assert sink.closed == 1


def test_a_source_that_hangs_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """In a read that never returns. The rest of the run ends as ever."""
    rig = Rig(ends=False)
    sink = rig.add()
    with rig:
        rig.answered(sink)
        begun = time.monotonic()
        rig.pipeline.close()
        took_s = time.monotonic() - begun
        assert rig.camera.hangs.is_set()
        assert not rig.camera.closed.is_set()
        assert sink.closed == 1
        assert sink.events[-1].end_s is not None
        assert "streamcls-capture did not end" in caplog.text
    assert 1.5 < took_s < 2.0 + 1.0
    assert rig.camera.closed.is_set()


def test_a_frame_that_comes_after_the_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read that hung returns at last."""
    monkeypatch.setattr(live_pipeline, "_JOIN_S", 0.1)
    rig = Rig(ends=False)
    sink = rig.add(every_frame=True)
    with rig:
        rig.camera.give()
        sink.until_it_has(0)
        rig.pipeline.close()
        rig.camera.give(wait=False)
        assert rig.camera.closed.wait(PATIENCE_S)
    assert rig.counts.read == 1
    assert sink.indices == [0]


def test_a_sink_that_hangs_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_pipeline, "_JOIN_S", 0.2)
    rig = Rig()
    hangs, other = rig.add(), rig.add()
    before = set(threading.enumerate())
    hangs.gate.shut()
    with rig:
        rig.answered(other)
        hangs.gate.somebody_waits()
        begun = time.monotonic()
        rig.pipeline.close()
        assert time.monotonic() - begun < 0.4 + 1.0
        assert other.closed == 1
        assert "streamcls-output-sink1 did not end" in caplog.text
    for thread in before - {threading.main_thread()}:
        thread.join(PATIENCE_S)
    assert hangs.closed == 1


# -- outputs that come and go


def test_an_output_can_be_added_and_removed_while_it_runs() -> None:
    rig = Rig()
    always = rig.add()
    with rig:
        rig.answered(always)
        recording = Kept(every_frame=True)
        output = rig.add_later(recording)
        for _ in range(3):
            rig.answered(always)
        rig.pipeline.remove(output)
        (thread,) = [t for t in threading.enumerate() if t.name == "streamcls-output-recording"]
        thread.join(PATIENCE_S)
        assert recording.closed == 1
        for _ in range(3):
            rig.answered(always)
        again = Kept(every_frame=True)
        rig.pipeline.add("recording", again)
        last = rig.answered(always)
        again.until_it_has(last)
    assert recording.indices == [1, 2, 3]
    assert again.indices == [7]
    assert always.indices == list(range(8))
    assert again.closed == always.closed == 1
    assert rig.counts.outputs["recording"].written == 4


def test_what_a_removed_output_has_got_still_goes_out() -> None:
    rig = Rig()
    recording, always = Kept(every_frame=True), rig.add()
    recording.gate.shut()
    with rig:
        output = rig.add_later(recording)
        for _ in range(20):
            rig.answered(always)
        rig.pipeline.remove(output)
        assert recording.closed == 0
        recording.gate.open()
    assert recording.indices == list(range(20))
    assert recording.closed == 1


def test_a_removed_output_is_told_nothing_more() -> None:
    rig = Rig()
    kept = rig.add()
    output: OutputQueue = rig.pipeline.output("o", Wanted())
    with rig:
        rig.answered(kept)
        rig.pipeline.remove(output)
        rig.answered(kept)
    items = list(output.items())
    assert [item.frame.index for item in items if isinstance(item, Result)] == [0]
    assert not [item for item in items if isinstance(item, Event) and item.end_s is not None][1:]


def test_work_is_repeated_and_done_once_more_when_all_is_counted() -> None:
    done: list[tuple[str, int]] = []
    thrice = threading.Event()

    def work() -> None:
        done.append(("work", rig.counts.in_flight))
        if len(done) >= 3:
            thrice.set()

    rig = Rig()
    rig.pipeline.add(
        "stats", Refreshing(0.001, work, lambda: done.append(("last", rig.counts.in_flight)))
    )
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        assert thrice.wait(PATIENCE_S)
        rig.gate.open()
    assert [name for name, _ in done].count("last") == 1
    assert done[-1] == ("last", 0)


def test_repeated_work_that_fails_is_an_output_that_fails() -> None:
    def work() -> None:
        raise OSError("the disk is full")

    rig = Rig()
    other = rig.add()
    rig.pipeline.add("stats", Refreshing(0.001, work, lambda: None))
    with rig:
        other.until(lambda: "output_failed" in other.states)
        rig.answered(other)
    assert str(rig.pipeline.output_failure) == "the disk is full"
    assert rig.counts.outputs["stats"].failure == "the disk is full"


def test_the_status_can_be_asked_for_at_any_time() -> None:
    rig = Rig()
    sink = rig.add()
    before = rig.pipeline.status
    assert before.state == "connecting"
    with rig:
        rig.answered(sink)
        found: Status = rig.pipeline.status
        assert (found.state, found.reason, found.dropped) == ("ok", "", 0)
        assert found.age_ms is not None
    assert rig.pipeline.status.state == "ok"
