"""A run over a live source: the newest frame is classified, every frame is shown at once.

    capture thread   source ─► desk ─┬─► queue (newest) ─► classifier thread ─► desk ─► outlets
                                     └─► outlets: every frame, with the last steady label
    watch thread     notices that frames stay away, whatever the capture thread hangs in
    outlet threads   one for each output, which may stall or fail without the others noticing

The label's age is bounded by one inference and one frame interval: the classifier always takes the
newest frame, and waits for nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics, OutputCounts
from streamcls.protocols import Classifier, LiveSource, Sampler, Sink, Smoother
from streamcls.records import Event, Frame, Lost, Result, Status, Timing
from streamcls.runtime.buffer import Buffer, Finished
from streamcls.runtime.camera_state import CameraState
from streamcls.runtime.closing import Closing
from streamcls.runtime.output_queue import OutputQueue, serve
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

_LOOK_S = 0.1  # how often the clock is looked at for frames that stay away
_LINES = 100  # of the log that may wait where standard error is blocked
_JOIN_S = 2.0  # for capture and classifier, and again for the outputs


class LivePipeline(Closing):
    """One live source through one classifier, into outlets.

    Use it in a `with`; leaving it ends all threads, whatever happened inside.
    """

    def __init__(
        self,
        source: LiveSource,
        sampler: Sampler,
        classifier: Classifier,
        smoother: Smoother,
        *,
        top_k: int,
        queue_size: int,
        newest: bool,
        stale_after_s: float,
        duration_s: float | None,
        begun_ns: int,
        metrics: Metrics,
        stop: Stop,
    ) -> None:
        """Starts nothing yet.

        Args:
            source, sampler, classifier, smoother: the stages.
            top_k: how many labels `Result.top` gives unless told otherwise.
            queue_size: frames that may wait for the classifier.
            newest: whether newer frames replace older ones in a full queue, or wait.
            stale_after_s: without a frame for so long, the source is stale.
            duration_s: how long to run, or None for ever.
            begun_ns: `time.monotonic_ns` that is 0 in the source's times.
            metrics: where frames are counted.
            stop: what ends the run.
        """
        self._source = source
        self._sampler = sampler
        self._classifier = classifier
        self._duration_s = duration_s
        self._begun_ns = begun_ns
        self._metrics = metrics
        self.stop = stop
        self._lines: Buffer[tuple[int, str]] = Buffer(_LINES, dropped=lambda _: None)
        self._outlets: tuple[OutputQueue, ...] = ()  # replaced, never changed: others go through it
        self._desk = CameraState(
            source.camera,
            smoother,
            top_k=top_k,
            stale_after_s=stale_after_s,
            metrics=metrics,
            tell=self._tell,
            say=self._say,
        )
        self._queue: Buffer[tuple[Frame, int]] = Buffer(
            queue_size, dropped=self._desk.superseded if newest else None
        )
        self._lanes = Threads(stop)
        self._output_lanes = Threads(stop)
        self._ended = threading.Event()  # nothing more will be counted
        self._closed = False
        self.output_failure: Exception | None = None

    # -- outputs

    def outlet(
        self,
        name: str,
        *,
        frames: bool,
        answers: bool,
        images: bool,
        newest: bool = False,
        events: bool = False,
    ) -> OutputQueue:
        """A place to take results from, on any one thread; see `OutputQueue`."""
        made = OutputQueue(
            name,
            self._metrics,
            frames=frames,
            answers=answers,
            images=images,
            newest=newest,
            events=events,
        )
        self._outlets = (*self._outlets, made)
        return made

    def remove(self, outlet: OutputQueue) -> None:
        """Ends one output; what it has got still goes out."""
        self._outlets = tuple(one for one in self._outlets if one is not outlet)
        outlet.finish()

    def add(self, name: str, sink: Sink) -> OutputQueue:
        """An output on a thread of its own, which closes it in the end; also while running."""
        every = sink.every_frame
        outlet = self.outlet(name, frames=every, answers=not every, images=every, events=True)
        self._output_lanes.start(f"output-{name}", lambda: serve(outlet, sink, self._failed))
        return outlet

    def every(
        self, seconds: float, name: str, work: Callable[[], None], last: Callable[[], None]
    ) -> None:
        """Does some work again and again on a thread of its own, and the last of it at the end."""

        def repeat() -> None:
            while not self.stop.wait(seconds):
                self._tried(name, work)
            self._ended.wait(_JOIN_S)
            self._tried(name, last)

        self._output_lanes.start(f"output-{name}", repeat)

    def _tried(self, name: str, work: Callable[[], None]) -> None:
        """A failure is said once; the next time it may work again."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the run goes on
            if not self._metrics.snapshot().outputs.get(name, OutputCounts()).failure:
                self._failed(name, error)

    # -- the run

    def start(self) -> None:
        """Starts the threads."""
        self.stop.wake(self._queue.abort)
        self._desk.begin()
        self._lanes.start("capture", self._capture)
        self._lanes.start("classify", self._classify, background=True)
        self._lanes.start("watch", self._watch)
        self._output_lanes.start("log", self._log)

    def results(self, outlet: OutputQueue) -> Iterator[Result | None]:
        """What comes out of an outlet, on the caller's thread, until the run is stopped.

        None comes where nothing else does for a moment, so that the caller can look around.

        Raises:
            the first failure of capture or classifier.
        """
        while not self.stop.is_set:
            try:
                item = outlet.get(_LOOK_S)
            except TimeoutError:
                yield None
                continue
            if isinstance(item, Result):
                yield item
        if self.stop.failure is not None:
            raise self.stop.failure

    @property
    def status(self) -> Status:
        """How it is doing at this moment."""
        return self._desk.status()

    def close(self) -> None:
        """Ends the threads, and the outputs when they have all that is theirs. Can be repeated."""
        if self._closed:
            return
        self._closed = True
        self.stop.set()
        self._lanes.join(_JOIN_S)
        self._desk.finish(self._now_s())
        self._ended.set()
        self._lines.finish()
        for outlet in self._outlets:
            outlet.finish()
        self._output_lanes.join(_JOIN_S)

    def _now_s(self) -> float:
        return (time.monotonic_ns() - self._begun_ns) / 1e9

    def _tell(self, item: Result | Event) -> None:
        """To all outlets that want it; called under the desk's lock, never waits."""
        for outlet in self._outlets:
            if isinstance(item, Event):
                wanted = outlet.events
            else:
                wanted = outlet.answers if item.raw is not None else outlet.frames
            if wanted:
                outlet.put(item)

    def _failed(self, name: str, error: Exception) -> None:
        # Whoever read our standard output has enough; or an output can't even be created.
        if isinstance(error, (BrokenPipeError, OutputPathError)):
            self.stop.set(error)
        else:
            self._fail(name, error)

    def _fail(self, name: str, error: Exception) -> None:
        log.error("%s; the run goes on without this output", error)
        self.output_failure = self.output_failure or error
        self._metrics.output(name, failure=str(error))
        self._desk.tell_failure(name, str(error), self._now_s())

    # -- capture thread

    def _capture(self) -> None:
        with closing(self._source.watch()) as items:
            for item in items:
                if self.stop.is_set:
                    return
                if isinstance(item, Lost):
                    self._desk.lost(item, self._now_s())
                    continue
                self._metrics.read()
                sampled = item.fault is None and self._sampler.wants(item)
                taken = self._desk.frame(item, self._now_s(), sampled=sampled)
                if item.fault is not None:
                    self._metrics.rejected(item.fault)
                elif not sampled or taken is None:
                    self._metrics.not_sampled()
                elif not self._queue.put(taken):
                    return

    # -- classifier thread

    def _classify(self) -> None:
        while True:
            try:
                frame, epoch = self._queue.get()
            except Finished:
                return
            begun_ns = time.monotonic_ns()
            answer = self._classifier.classify([frame.image])
            ended_ns = time.monotonic_ns()
            timing = Timing(
                waited_ms=(begun_ns - frame.captured_ns) / 1e6,
                preprocess_ms=answer.preprocess_ms,
                infer_ms=answer.infer_ms,
                age_ms=(ended_ns - frame.captured_ns) / 1e6,
            )
            self._desk.classified(frame, epoch, answer.predictions[0], timing)

    # -- log thread

    def _say(self, level: int, line: str) -> None:
        self._lines.put((level, line))

    def _log(self) -> None:
        """Logs on a thread that nobody waits for."""
        while True:
            try:
                log.log(*self._lines.get())
            except Finished:
                return

    # -- watch thread

    def _watch(self) -> None:
        while not self.stop.wait(_LOOK_S):
            now_s = self._now_s()
            self._desk.look(now_s)
            if self._duration_s is not None and now_s >= self._duration_s:
                self.stop.set()
