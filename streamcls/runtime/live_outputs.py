"""The outputs of one live run: each on a thread of its own, which may stall or fail alone."""

import logging
import threading
from collections.abc import Callable

from streamcls.errors import OutputPathError
from streamcls.masking import mask
from streamcls.metrics import Metrics, OutputCounts
from streamcls.protocols import Pictured, Refreshed, Sink
from streamcls.records import Event, Result
from streamcls.runtime.output_queue import OutputQueue, Wanted, serve
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

_JOIN_S = 2.0


class LiveOutputs:
    """Hands what happens to all who want it; any thread may tell."""

    def __init__(
        self,
        camera: str,
        *,
        metrics: Metrics,
        stop: Stop,
        changed: Callable[[str, str | None], None],
    ) -> None:
        """Has none yet.

        Args:
            camera: name for the log.
            metrics: where what is written, dropped and failed is counted.
            stop: what ends the run.
            changed: is told of an output by name: why it failed, or None when it works again.
        """
        self._camera = camera
        self._metrics = metrics
        self._stop = stop
        self._changed = changed
        self._queues: tuple[OutputQueue, ...] = ()  # replaced, never changed: others go through it
        self._threads = Threads(stop)
        self._ended = threading.Event()  # nothing more will be counted
        self.failure: Exception | None = None  # the first of an output that was given up

    @property
    def show_frames(self) -> bool:
        """Whether somebody wants to see every frame."""
        return any(one.shows_frames for one in self._queues)

    @property
    def show_answers(self) -> bool:
        """Whether somebody wants to see classified frames."""
        return any(one.shows_answers for one in self._queues)

    def queue(self, name: str, wanted: Wanted) -> OutputQueue:
        """A place to take results from, on any one thread."""
        made = OutputQueue(name, wanted, self._metrics)
        self._queues = (*self._queues, made)
        return made

    def add(self, name: str, sink: Sink) -> OutputQueue | None:
        """An output on a thread of its own, which closes it in the end; also while running.

        What is only refreshed gets no results, so it has no queue.
        """
        if isinstance(sink, Refreshed):
            self._threads.start(f"output-{name}", lambda: self._refresh(name, sink))
            return None
        every = sink.every_frame
        images = every or isinstance(sink, Pictured)
        queue = self.queue(
            name, Wanted(answers=not every, frames=every, images=images, events=True)
        )
        self._threads.start(f"output-{name}", lambda: serve(queue, sink, self._given_up))
        return queue

    def remove(self, output: OutputQueue) -> None:
        """Ends one output; what it has got still goes out."""
        self._queues = tuple(one for one in self._queues if one is not output)
        output.finish()

    def run(self, name: str, work: Callable[[], None]) -> None:
        """Other work that ends with the outputs."""
        self._threads.start(name, work)

    def tell(self, item: Result | Event) -> None:
        """To all outputs that want it; never waits."""
        for queue in self._queues:
            if queue.wants(item):
                queue.put(item)

    def finish(self) -> None:
        """Ends them when they have all that is theirs."""
        self._ended.set()
        for queue in self._queues:
            queue.finish()
        self._threads.join(_JOIN_S)

    # -- those that fail

    def failed(self, name: str, error: Exception) -> None:
        """An output that tries again by itself works no more."""
        log.error("%s: %s; it is tried again and again", self._camera, error)
        self._note(name, error)

    def recovered(self, name: str) -> None:
        """It works again."""
        log.warning("%s: %s is written again", self._camera, name)
        self._metrics.output_recovered(name)
        self._changed(name, None)

    def lost(self, name: str, count: int) -> None:
        """So many results or events were not written meanwhile."""
        self._metrics.output(name, dropped=count)

    def _given_up(self, name: str, error: Exception) -> None:
        # Whoever read our standard output has enough; or an output can't even be created.
        if isinstance(error, (BrokenPipeError, OutputPathError)):
            self._stop.set(error)
            return
        log.error("%s; the run goes on without this output", error)
        self.failure = self.failure or error
        self._note(name, error)

    def _note(self, name: str, error: Exception) -> None:
        reason = mask(str(error))  # not all are ours, whose messages are masked already
        self._metrics.output(name, failure=reason)
        self._changed(name, reason)

    def _refresh(self, name: str, sink: Refreshed) -> None:
        """Again and again, and the last time when all is counted."""
        while not self._stop.wait(sink.refresh_s):
            self._tried(name, sink.refresh)
        self._ended.wait(_JOIN_S)
        self._tried(name, sink.close)

    def _tried(self, name: str, work: Callable[[], None]) -> None:
        """A failure is said once; the next time it may work again."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the run goes on
            if not self._metrics.snapshot().outputs.get(name, OutputCounts()).failure:
                self._given_up(name, error)
