"""An output that fails and comes back, for runs of months: a full disk is so for a while."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from streamcls import clock
from streamcls.errors import OutputError, OutputPathError, StreamclsError
from streamcls.protocols import Pictured, Sink
from streamcls.records import Event, Result

RETRY_S = 10.0


class Recovering:
    """Opens a sink, and opens it anew some time after it failed; what comes meanwhile is counted.

    Sinks that want pictures go into a `PicturedRecovering`. Those that are `Refreshed` need
    neither: whoever refreshes them tries again anyway.
    """

    def __init__(
        self,
        open_: Callable[[], Sink],
        *,
        every_frame: bool,
        of_events: bool = False,
        failed: Callable[[OutputError | OutputPathError], None],
        recovered: Callable[[], None],
        lost: Callable[[int], None],
        retry_s: float = RETRY_S,
    ) -> None:
        """Opens the sink for the first time; where the disk is full, that is its first failure.

        Args:
            open_: opens it; again and again, so with new names for its files.
            every_frame: what the sink says of itself.
            of_events: whether it writes events and not results: what shows that it works again,
                and what is counted while it does not.
            failed: is told why, once until it works again.
            recovered: is told when it has written again.
            lost: is told of results (events) that were not written, and how many.
            retry_s: how long it is left alone.

        Raises:
            OutputPathError: its place can't be right; later, with the first thing written, too.
        """
        self._open = open_
        self._every_frame = every_frame
        self._of_events = of_events
        self._failed, self._recovered, self._lost = failed, recovered, lost
        self._retry_s = retry_s
        self._sink: Sink | None = None
        self._proven = False  # that its place is right
        self._failing = False
        self._retry_at_s = 0.0
        self._attempt(self._reopen)

    @property
    def every_frame(self) -> bool:
        """As its sink wants it."""
        return self._every_frame

    def write(self, result: Result) -> None:
        """Hands it on, or counts it.

        Raises:
            OutputPathError: see `__init__`.
        """
        self._hand_on(lambda sink: sink.write(result), counts=not self._of_events)

    def event(self, event: Event) -> None:
        """Hands it on, or counts it.

        Raises:
            OutputPathError: see `__init__`.
        """
        self._hand_on(lambda sink: sink.event(event), counts=self._of_events)

    def close(self) -> None:
        """Closes the sink, if there is one. Can be called again.

        Raises:
            OutputError: it can't be finalised.
        """
        sink, self._sink = self._sink, None
        self._retry_at_s = float("inf")
        if sink is not None:
            sink.close()

    def _hand_on(self, work: Callable[[Sink], None], *, counts: bool) -> None:
        if self._sink is None and clock.now_s() >= self._retry_at_s:
            self._attempt(self._reopen)
        sink = self._sink
        done = sink is not None and self._attempt(partial(work, sink))
        if not counts:
            return
        if not done:
            self._lost(1)
            return
        self._proven = True
        if self._failing:
            self._failing = False
            self._recovered()

    def _reopen(self) -> None:
        self._sink = self._open()

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Whether it went well; if not, the sink is let go of."""
        try:
            work()
        except (OutputError, OutputPathError) as error:
            if isinstance(error, OutputPathError) and not self._proven:
                raise
            self._let_go(error)
            return False
        return True

    def _let_go(self, error: OutputError | OutputPathError) -> None:
        sink, self._sink = self._sink, None
        self._retry_at_s = clock.now_s() + self._retry_s
        if sink is not None:
            with suppress(StreamclsError, OSError):  # what it says comes from the same trouble
                sink.close()
        if not self._failing:
            self._failing = True
            self._failed(error)


class PicturedRecovering(Recovering, Pictured):
    """The same around a sink that wants the pictures of classified frames."""
