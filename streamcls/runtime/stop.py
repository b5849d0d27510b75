"""The one stop of a run: asked for by a signal or the caller, or caused by the first failure."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_early: list[int] = []  # signals that came while no run was on


def end_on_signals() -> None:
    """From now on, outside of runs, SIGINT and SIGTERM raise; a second one ends the process."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if _early:
            os._exit(128 + number)
        _early.append(number)
        end_if_signalled()

    for number in _SIGNALS:
        signal.signal(number, handle)


def end_if_signalled() -> None:
    """Raises for a signal that came already: while libraries load, some swallow what is raised.

    Raises:
        KeyboardInterrupt: it was SIGINT.
        SystemExit: it was SIGTERM.
    """
    if _early and _early[0] == signal.SIGINT:
        raise KeyboardInterrupt
    if _early:
        raise SystemExit(128 + _early[0])


class Stop:
    """Set once; everything that waits in the run either looks at it or is woken by it."""

    def __init__(self) -> None:
        """Not set, and nobody to wake."""
        self._lock = threading.Lock()
        self._set = False
        self._event = threading.Event()
        self._wakers: list[Callable[[], None]] = []
        self.failure: BaseException | None = None
        self.signal: int | None = None
        self.hung_up = False  # SIGHUP came, which asks a service to read its settings again

    @property
    def is_set(self) -> bool:
        """Whether the run is to end; a signal counts from the moment it came."""
        return self._set or self.signal is not None

    def wait(self, seconds: float) -> bool:
        """Waits so long, less if the stop is set meanwhile; says whether it is."""
        self._event.wait(seconds)
        return self.is_set

    def wake(self, waker: Callable[[], None]) -> None:
        """Registers what ends somebody's wait; called at the stop, at once if that is past."""
        with self._lock:
            if not self._set:
                self._wakers.append(waker)
                return
        waker()

    def set(self, failure: BaseException | None = None) -> None:
        """Ends the run; of several failures the first is kept."""
        with self._lock:
            if failure is not None and self.failure is None:
                self.failure = failure
            if self._set:
                return
            self._set = True
            self._event.set()
            wakers = tuple(self._wakers)
        for waker in wakers:
            waker()

    @contextmanager
    def on_signals(self, *, reload: bool = False) -> Iterator[None]:
        """Inside, SIGINT and SIGTERM ask for the stop; a second one ends the process at once.

        With `reload`, SIGHUP leaves its mark in `hung_up`.

        Only for the main thread. The handler takes no lock, since the thread that it interrupts may
        hold any: it leaves a mark, and the main thread's waits are short enough to see it.
        """

        def handle(number: int, _frame: FrameType | None) -> None:
            if self.signal is not None:
                os._exit(128 + number)
            self.signal = number

        def hang_up(_number: int, _frame: FrameType | None) -> None:
            self.hung_up = True

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        if reload:
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
