"""An output of a live run: behind a bounded buffer, so that it may stall or fail on its own."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import NO_IMAGE, Event, Result
from streamcls.runtime.buffer import Buffer, Finished

_ROWS = 1000  # results without their images that wait for a slow disk
_FRAME_BYTES = 64_000_000  # of images that wait for a slow encoder


class OutputQueue:
    """Takes results from any thread, and hands them out on one.

    Where that one is too slow, the oldest results give way, are counted, and nobody waits; events
    never do.
    """

    def __init__(
        self,
        name: str,
        metrics: Metrics,
        *,
        frames: bool,
        answers: bool,
        images: bool,
        newest: bool,
        events: bool = True,
    ) -> None:
        """Sets up an empty one.

        Args:
            name: in the statistics and messages.
            metrics: where what is written and dropped is counted.
            frames: whether every frame is wanted at once, with the last steady label.
            answers: whether classified frames are wanted when they have their answer.
            images: whether they have to have their images.
            newest: whether only the latest result matters, as for a picture on a screen.
            events: whether events are wanted.
        """
        self.name = name
        self.frames = frames
        self.answers = answers
        self.events = events
        self._metrics = metrics
        self._images = images
        self._newest = newest
        self._buffer: Buffer[Result | Event] = Buffer(
            1 if newest else _ROWS,
            dropped=lambda _: self._metrics.output(self.name, dropped=1),
            kind=self._kind,
        )

    def _kind(self, item: Result | Event) -> bool | None:
        """Events never give way; where only the latest matters, frames and answers don't mix."""
        if isinstance(item, Event):
            return None
        return self._newest and item.raw is not None

    def put(self, item: Result | Event) -> None:
        """Takes in a result or an event; never waits."""
        if isinstance(item, Result):
            if not self._images:
                item = replace(item, frame=replace(item.frame, image=NO_IMAGE))
            elif not self._newest:
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


def serve(outlet: OutputQueue, sink: Sink, failed: Callable[[str, Exception], None]) -> None:
    """Feeds a sink from its outlet, on the calling thread, until it is finished; then closes it.

    Args:
        outlet: where results come from.
        sink: where they go.
        failed: is told, with the outlet's name, if the sink fails; what comes later is let go.
    """
    try:
        try:
            for item in outlet.items():
                if isinstance(item, Event):
                    sink.event(item)
                else:
                    sink.write(item)
        except Exception:  # raised again when the sink is closed
            with suppress(Exception):  # what it says in closing comes from the same trouble
                sink.close()
            raise
        sink.close()
    except Exception as error:  # noqa: BLE001 - the run goes on without this output, and says so
        outlet.abort()
        failed(outlet.name, error)
