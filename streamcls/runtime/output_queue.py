"""An output of a live run: behind a bounded buffer, so that it may stall or fail on its own."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import NO_IMAGE, Event, Result
from streamcls.runtime.buffer import Buffer, Finished

_ROWS = 1000  # results without their images that wait for a slow disk
_FRAME_BYTES = 64_000_000  # of images that wait for a slow encoder


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results somebody wants; recordings give all answers and go by `frames` and `images`.

    Attributes:
        answers: classified frames, when they have their answer.
        frames: those that are not classified, too; of live sources every frame at once, with the
            last steady label.
        images: that they have their pictures.
        events: segments and states that begin and end.
        newest: only the latest result matters, as for a picture on a screen.
    """

    answers: bool = True
    frames: bool = False
    images: bool = False
    events: bool = False
    newest: bool = False


class OutputQueue:
    """Takes results from any thread, and hands them out on one.

    Where that one is too slow, the oldest results give way, are counted, and nobody waits; events
    never do.
    """

    def __init__(self, name: str, wanted: Wanted, metrics: Metrics) -> None:
        """Sets up an empty one.

        Args:
            name: in the statistics and messages.
            wanted: what it gets.
            metrics: where what is written and dropped is counted.
        """
        self.name = name
        self._wanted = wanted
        self._metrics = metrics
        self._buffer: Buffer[Result | Event] = Buffer(
            1 if wanted.newest else _ROWS,
            dropped=lambda _: self._metrics.output(self.name, dropped=1),
            kind=self._kind,
        )

    def wants(self, item: Result | Event) -> bool:
        """Whether it is to be put in."""
        if isinstance(item, Event):
            return self._wanted.events
        return self._wanted.answers if item.raw is not None else self._wanted.frames

    @property
    def shows_frames(self) -> bool:
        """Whether it gets every frame with its picture."""
        return self._wanted.frames and self._wanted.images

    @property
    def shows_answers(self) -> bool:
        """Whether it gets classified frames with their pictures."""
        return self._wanted.answers and self._wanted.images

    def _kind(self, item: Result | Event) -> bool | None:
        """Events never give way; where only the latest matters, frames and answers don't mix."""
        if isinstance(item, Event):
            return None
        return self._wanted.newest and item.raw is not None

    def put(self, item: Result | Event) -> None:
        """Takes in a result or an event; never waits."""
        if isinstance(item, Result):
            if not self._wanted.images:
                item = replace(item, frame=replace(item.frame, image=NO_IMAGE))
            elif not self._wanted.newest:
                self._buffer.capacity = max(2, _FRAME_BYTES // item.frame.image.nbytes)
        self._buffer.put(item)

    def get(self, timeout_s: float | None = None) -> Result | Event:
        """The next result or event.

        Raises:
            Finished: nothing more will come.
            TimeoutError: nothing came in time.
        """
        item = self._buffer.get(timeout_s)
        if isinstance(item, Result):
            self._metrics.output(self.name, written=1)
        return item

    def finish(self) -> None:
        """Nothing more will be put in; what is in it still comes out."""
        self._buffer.finish()

    def abort(self) -> None:
        """Lets go of everything, now and from now on."""
        self._buffer.abort()

    def items(self) -> Iterator[Result | Event]:
        """All of it, to the end."""
        while True:
            try:
                yield self.get()
            except Finished:
                return


def serve(queue: OutputQueue, sink: Sink, failed: Callable[[str, Exception], None]) -> None:
    """Feeds a sink from its queue, on the calling thread, until it is finished; then closes it.

    Args:
        queue: where results come from.
        sink: where they go.
        failed: is told, with the queue's name, if the sink fails; what comes later is let go.
    """
    try:
        _feed(queue, sink)
    except Exception as error:  # noqa: BLE001 - the run goes on without this output, and says so
        queue.abort()
        failed(queue.name, error)


def _feed(queue: OutputQueue, sink: Sink) -> None:
    try:
        for item in queue.items():
            if isinstance(item, Event):
                sink.event(item)
            else:
                sink.write(item)
    except Exception:  # raised again when the sink is closed
        with suppress(Exception):  # what it says in closing comes from the same trouble
            sink.close()
        raise
    sink.close()
