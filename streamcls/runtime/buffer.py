"""Hands things from one thread to another, in order and bounded."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Finished(Exception):
    """Nothing more will come out of a buffer."""


class Buffer(Generic[T]):
    """A queue of limited length; a full one makes its writer wait.

    It is *finished* at the normal end, when what is in it still comes out, and *aborted* at a stop,
    when everything in it is let go and everybody who waits is woken.
    """

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` items."""
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._finished = False
        self._aborted = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Waits for room; False where the buffer was aborted and the item is not in it."""
        with self._changed:
            while len(self._items) >= self._capacity and not self._aborted:
                self._changed.wait()
            if self._aborted:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> T:
        """The oldest item.

        Raises:
            Finished: nothing more will come.
            TimeoutError: nothing came in time.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._items or self._finished or self._aborted, timeout_s
            ):
                raise TimeoutError
            if not self._items:
                raise Finished
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def finish(self) -> None:
        """Nothing more will be put in."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Lets go of everything; waiters are woken."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()
