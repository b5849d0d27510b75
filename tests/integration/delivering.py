"""Runs a delivery as the runtime does: on a thread, until it is stopped."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamcls.alerts.delivery import Delivery

JOIN_S = 5.0


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
