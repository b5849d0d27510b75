"""Runs a delivery as the runtime does: on a thread, until it is stopped."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streamcls.alerts.delivery import Delivery

JOIN_S = 5.0
DEADLINE_S = 20.0


def until(true: Callable[[], object]) -> None:
    """Returns as soon as something is so."""
    end_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end_s, "it did not come to be"
        time.sleep(0.01)


@contextmanager
def delivering(delivery: Delivery) -> Iterator[Delivery]:
    """Delivers inside."""
    stop = threading.Event()
    thread = threading.Thread(target=delivery.run, args=(stop.wait,), name="delivery")
    thread.start()
    try:
        yield delivery
    finally:
        stop.set()
        delivery.wake()
        thread.join(JOIN_S)
        assert not thread.is_alive(), "the delivery did not end"
