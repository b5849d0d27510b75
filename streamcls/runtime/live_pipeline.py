"""A run over a live source: the newest frame is classified, every frame is shown at once.

    capture thread   source ─► state ─┬─► queue (newest) ─► classifier thread ─► state ─► outputs
                                      └─► outputs: every frame, with the last steady label
    watch thread     notices that frames stay away, whatever the capture thread hangs in
    output threads   one for each, which may stall or fail without the others noticing

The label's age is bounded by one inference and one frame interval: the classifier always takes the
newest frame, and waits for nothing.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from streamcls import clock
from streamcls.closing import Closing
from streamcls.metrics import Metrics
from streamcls.protocols import LiveSource, Sink
from streamcls.records import (
    NO_IMAGE,
    Frame,
    Image,
    Lost,
    Picture,
    Prediction,
    Result,
    Status,
    Timing,
    as_bgr,
)
from streamcls.runtime.buffer import Buffer, Finished
from streamcls.runtime.camera_state import CameraState
from streamcls.runtime.labels import Labelling, Labels
from streamcls.runtime.live_outputs import LiveOutputs
from streamcls.runtime.output_queue import OutputQueue, Wanted
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads
from streamcls.runtime.turns import Question, Turns

log = logging.getLogger(__name__)

_LOOK_S = 0.1  # how often the clock is looked at for frames that stay away
_LINES = 100  # of the log that may wait where standard error is blocked
_JOIN_S = 2.0  # for the capture


@dataclass(frozen=True, slots=True, eq=False)
class LiveRules:
    """What a live run does about time.

    Attributes:
        queue_size: frames that may wait for the classifier.
        newest: whether newer frames replace older ones in a full queue, or wait.
        stale_after_s: without a frame for so long, the source is stale.
        duration_s: how long to run, or None for ever.
    """

    queue_size: int
    newest: bool
    stale_after_s: float
    duration_s: float | None


class LivePipeline(Closing):
    """One live source through one classifier, into outputs.

    Use it in a `with`; leaving it ends all threads, whatever happened inside.
    """

    def __init__(
        self,
        source: LiveSource,
        labelling: Labelling,
        rules: LiveRules,
        *,
        metrics: Metrics,
        stop: Stop,
        turns: Turns | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            source: where frames come from.
            labelling: how they get their labels.
            rules: what it does about time.
            metrics: where frames are counted.
            stop: what ends the run.
            turns: the classifier shared with others; without it, one worker of its own.
        """
        self._source = source
        self._sampler = labelling.sampler
        self._relabel = labelling.relabel
        self._views = labelling.views
        self._duration_s = rules.duration_s
        self._metrics = metrics
        self.stop = stop
        self._lines: Buffer[tuple[int, str]] = Buffer(_LINES, dropped=lambda _: None)
        self.outputs = LiveOutputs(
            source.camera, metrics=metrics, stop=stop, changed=self._output_changed
        )
        self._state = CameraState(
            source.camera,
            self._labels_of(labelling),
            self._views,
            begun_ns=source.begun_ns,
            stale_after_s=rules.stale_after_s,
            metrics=metrics,
            tell=self.outputs.tell,
            say=self._say,
        )
        self._own_turns = None if turns is not None else _turns_for_one(labelling, rules, stop)
        asked = turns or self._own_turns
        assert asked is not None
        self._seats = {view: asked.seat(lambda: stop.is_set) for view in self._views.names}
        self._threads = Threads(stop)
        self._heard_ns = clock.now_ns()
        self._closed = False

    def _labels_of(self, labelling: Labelling) -> dict[str, Labels]:
        """Each view's."""
        return {
            view: Labels(labelling.smoother(self._named(view)), top_k=labelling.top_k)
            for view in self._views.names
        }

    # -- outputs

    def output(self, name: str, wanted: Wanted) -> OutputQueue:
        """A place to take results from, on any one thread."""
        return self.outputs.queue(name, wanted)

    def add(self, name: str, sink: Sink) -> OutputQueue | None:
        """An output on a thread of its own; see `LiveOutputs.add`."""
        return self.outputs.add(name, sink)

    def _output_changed(self, name: str, reason: str | None) -> None:
        if reason is None:
            self._state.tell_recovery(name, self._now_s())
        else:
            self._state.tell_failure(name, reason, self._now_s())

    # -- the run

    def start(self) -> None:
        """Starts the threads."""
        if self._own_turns is not None:
            self._own_turns.start()
        for seat in self._seats.values():
            self.stop.wake(seat.wake)
        self._state.begin(self._now_s())
        self._threads.start("capture", self._capture)
        self._threads.start("watch", self._watch)
        self.outputs.run("log", self._log)

    def results(self, output: OutputQueue) -> Iterator[Result | None]:
        """What comes out of an output, on the caller's thread, until the run is stopped.

        None comes where nothing else does for a moment, so that the caller can look around.

        Raises:
            the first failure of capture or classifier.
        """
        while not self.stop.is_set:
            try:
                item = output.get(_LOOK_S)
            except TimeoutError:
                yield None
                continue
            if isinstance(item, Result):
                yield item
        if self.stop.failure is not None:
            raise self.stop.failure

    @property
    def silent_s(self) -> float:
        """For how long the source has given neither a frame nor a reason for none."""
        return clock.since_s(self._heard_ns)

    @property
    def status(self) -> Status:
        """How it is doing at this moment."""
        return self._state.status()

    def close(self) -> None:
        """Ends the threads, and the outputs when they have all that is theirs. Can be repeated."""
        if self._closed:
            return
        self._closed = True
        self.stop.set()
        self._threads.join(_JOIN_S)
        if self._own_turns is not None:
            self._own_turns.close()
        for seat in self._seats.values():
            seat.leave()
        self._state.finish(self._now_s())
        self._lines.finish()
        self.outputs.finish()

    def _now_s(self) -> float:
        return clock.since_s(self._source.begun_ns)

    # -- capture thread

    def _capture(self) -> None:
        count = len(self._views.names)
        with closing(self._source.watch()) as items:
            for item in items:
                self._heard_ns = clock.now_ns()
                if self.stop.is_set:
                    return
                if isinstance(item, Lost):
                    self._state.lost(item, self._now_s())
                    continue
                self._metrics.read(count)
                sampled = item.fault is None and self._sampler.wants(item)
                picture = None if item.picture is None else self._views.turned(item.picture)
                image = picture if picture is None else self._shown(picture)
                taken = self._state.frame(item, image, self._now_s(), sampled=sampled)
                if item.fault is not None:
                    self._metrics.rejected(item.fault, count)
                elif not sampled or taken is None or picture is None:
                    self._metrics.not_sampled(count)
                elif not self._ask(*taken, picture):
                    return

    def _shown(self, picture: Picture) -> Image:
        """BGR if somebody wants to see every frame."""
        return as_bgr(picture) if self.outputs.show_frames else NO_IMAGE

    def _ask(self, frame: Frame, epoch: int, picture: Picture) -> bool:
        """Has every view of a frame classified; False where the run has ended."""
        shown = self.outputs.show_answers
        for view, part in self._views.parts(picture, self._source.camera):
            if part is None:
                self._metrics.not_sampled()
                continue
            image = as_bgr(part) if shown else NO_IMAGE
            seen = replace(frame, camera=self._named(view), image=image)
            question = Question(
                part,
                frame.captured_ns,
                partial(self._answered, view, seen, epoch),
                self._state.superseded,
            )
            if not self._seats[view].ask(question):
                return False
        return True

    def _named(self, view: str) -> str:
        """What rows call a view."""
        return f"{self._source.camera}/{view}" if view else self._source.camera

    # -- classifier thread

    def _answered(
        self, view: str, frame: Frame, epoch: int, prediction: Prediction, took: Timing
    ) -> None:
        try:
            self._state.classified(view, frame, epoch, self._relabel(prediction), took)
        except Exception as error:  # noqa: BLE001 - the worker is others', too; this run ends
            self.stop.set(error)

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
            self._state.look(now_s)
            if self._duration_s is not None and now_s >= self._duration_s:
                self.stop.set()


def _turns_for_one(labelling: Labelling, rules: LiveRules, stop: Stop) -> Turns:
    """One worker with all threads: the newest frame's label comes soonest."""
    classifier, room = labelling.classifier, rules.queue_size
    return Turns(classifier, stop, workers=1, room=room, newest=rules.newest)
