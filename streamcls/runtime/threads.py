"""Threads: started with a name, their failure reported, joined within a bound."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from streamcls import clock
from streamcls.runtime.stop import Stop

JOIN_S = 3.0  # within the five seconds that a stop may take

_PREFIX = "streamcls-"  # of the threads' names
_MEANWHILE_S = 0.2
_GIVE_WAY = 10  # steps of nice(2)

T = TypeVar("T")

log = logging.getLogger(__name__)


def left_behind() -> bool:
    """Whether a thread of an ended run still hangs in native code.

    Python must not shut down around it: native code that wakes up then aborts the process.
    """
    return any(thread.name.startswith(_PREFIX) for thread in threading.enumerate())


def in_background(work: Callable[[], T], meanwhile: Callable[[], None] | None = None) -> T:
    """Runs `work` on a thread that gives way to others, and so do the threads that it starts.

    Libraries that have threads of their own start them in there, so that inference does not take
    the CPU from the decoder, which has but one thread: 5 to 20 % more frames a second.

    Args:
        work: what to run.
        meanwhile: is called a few times a second on the caller's thread.

    Raises:
        what `work` or `meanwhile` raises.
    """
    if sys.platform != "linux" and meanwhile is None:
        return work()
    found: Future[T] = Future()

    def body() -> None:
        _give_way()
        try:
            found.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
            found.set_exception(error)

    thread = threading.Thread(target=body, name=f"{_PREFIX}load", daemon=True)
    thread.start()
    while meanwhile is not None and thread.is_alive():
        meanwhile()
        thread.join(_MEANWHILE_S)
    thread.join()
    return found.result()


def _give_way() -> None:
    """Lowers the priority of the calling thread; elsewhere than on Linux it is the process's."""
    if sys.platform == "linux":
        own = threading.get_native_id()
        nice = os.getpriority(os.PRIO_PROCESS, own)
        os.setpriority(os.PRIO_PROCESS, own, min(nice + _GIVE_WAY, 19))


class Threads:
    """The threads of one run. A failure in one of them stops the run."""

    def __init__(self, stop: Stop) -> None:
        """`stop` is set by a thread that fails."""
        self._stop = stop
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None], *, background: bool = False) -> None:
        """Runs `work` on a thread of its own; in the background one gives way to all others."""

        def body() -> None:
            try:
                if background:
                    _give_way()
                work()
            except BaseException as error:  # noqa: BLE001 - it is raised again on the run's own thread
                self._stop.set(error)

        # Daemons, so that a native call that never returns can't keep the process alive.
        thread = threading.Thread(target=body, name=f"{_PREFIX}{name}", daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def join(self, timeout_s: float = JOIN_S) -> bool:
        """Waits for all threads, so long together at most; False if one is still running."""
        until = clock.now_s() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - clock.now_s()))
            if thread.is_alive():
                log.warning("%s did not end within %g s; left behind", thread.name, timeout_s)
        return not any(thread.is_alive() for thread in self._threads)
