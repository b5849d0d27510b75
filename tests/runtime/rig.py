"""A live run that a test holds in its hands: camera, classifier and sinks, step by step."""

import queue
import threading
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

import numpy as np

from streamcls.metrics import Metrics, Snapshot
from streamcls.protocols import Classifier
from streamcls.records import (
    Event,
    Fault,
    LiveFrame,
    Lost,
    Picture,
    Prediction,
    Result,
    State,
)
from streamcls.runtime.labels import Labelling
from streamcls.runtime.live_pipeline import LivePipeline, LiveRules
from streamcls.runtime.output_queue import OutputQueue
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns
from streamcls.runtime.views import Views
from streamcls.sampling import EveryNth
from streamcls.smoothing import SteadyLabel
from tests.fakes import FakeClassifier, ListSink

PATIENCE_S = 10.0  # for what comes at once, on a busy machine
INTERVAL_S = 0.1


class Camera:
    """A LiveSource that gives what the test puts in, and lets it wait until that is dealt with."""

    def __init__(self, name: str = "cam") -> None:
        self.camera = name
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

    @property
    def last(self) -> int:
        """Index of the latest frame."""
        return self._index

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
        image: Picture | None = None,
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
            picture=image,
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
        self.before_close: Callable[[], object] = lambda: None
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

    def close(self) -> None:
        self.before_close()
        super().close()

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
        camera: str = "cam",
        classifier: Classifier | None = None,
        views: Views | None = None,
        relabel: Callable[[Prediction], Prediction] = lambda prediction: prediction,
        turns: Turns | None = None,
    ) -> None:
        self.stop, self.metrics = Stop(), Metrics()
        self.camera = Camera(camera)
        self.gate = Gate()
        self.pipeline = LivePipeline(
            self.camera,
            Labelling(
                EveryNth(every),
                classifier or FakeClassifier(batch=1, before=before or self.gate),
                lambda name: SteadyLabel(name, threshold=0.5, smoothing_s=0, dwell_s=0),
                top_k=3,
                relabel=relabel,
                views=views or Views(),
            ),
            LiveRules(queue_size, newest, stale_after_s, duration_s),
            metrics=self.metrics,
            stop=self.stop,
            turns=turns,
        )
        self.sinks: list[Kept] = []
        self._threads: set[threading.Thread] = set()
        if ends:
            self.stop.wake(self.camera.end)

    def add(
        self, *, every_frame: bool = False, fail_at: int | None = None, kind: type[Kept] = Kept
    ) -> Kept:
        sink = kind(every_frame=every_frame, fail_at=fail_at)
        self.sinks.append(sink)
        self.pipeline.add(f"sink{len(self.sinks)}", sink)
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
        for sink in self.sinks:
            sink.gate.open()
        self.camera.end()
        self.pipeline.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def give_while_busy(self, count: int) -> None:
        """So many frames while the classifier has one in its hands."""
        self.gate.shut()
        self.camera.give()
        self.gate.somebody_waits()
        for _ in range(count):
            self.camera.give()
        self.gate.open()

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
