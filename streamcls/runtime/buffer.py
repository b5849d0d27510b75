"""Hands things from one thread to another, in order and bounded."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Finished(Exception):
    """Nothing more will come out of a buffer."""


class Buffer(Generic[T]):
    """A queue of limited length, and the one place where anything gives way to something newer.

    A full one makes its writer wait, or, told what to do with items that are dropped, gives up its
    oldest one for the newest. It is *finished* at the normal end, when what is in it still comes
    out, and *aborted* at a stop, when everything in it is let go and everybody who waits is woken.
    """

    def __init__(
        self,
        capacity: int,
        *,
        dropped: Callable[[T], None] | None = None,
        kind: Callable[[T], Hashable | None] = lambda _: 0,
    ) -> None:
        """Sets up an empty buffer.

        Args:
            capacity: how many items there is room for; may be changed later.
            dropped: is told of each item that gave way to a newer one; None makes writers wait.
            kind: each kind has that much room of its own; items of kind None never give way, so
                there must be few of them.
        """
        self.capacity = capacity
        self._dropped = dropped
        self._kind = kind
        self._items: deque[T] = deque()
        self._of_kind: Counter[Hashable | None] = Counter()
        self._finished = False
        self._aborted = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Waits for room, or makes it; False where the buffer was aborted and it is not in it."""
        gone: list[T] = []
        with self._changed:
            if self._dropped is None:
                self._changed.wait_for(lambda: len(self._items) < self.capacity or self._aborted)
            if self._aborted:
                return False
            kind = self._kind(item)
            self._items.append(item)
            self._of_kind[kind] += 1
            while self._dropped and kind is not None and self._of_kind[kind] > self.capacity:
                gone.append(self._give_way(kind))
            self._changed.notify_all()
        for old in gone:
            assert self._dropped is not None
            self._dropped(old)
        return True

    def _give_way(self, kind: Hashable) -> T:
        """Takes out the oldest item of a kind."""
        at = next(at for at, item in enumerate(self._items) if self._kind(item) == kind)
        old = self._items[at]
        del self._items[at]
        self._of_kind[kind] -= 1
        return old

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
            self._of_kind[self._kind(item)] -= 1
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
            self._of_kind.clear()
            self._changed.notify_all()
