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
        in_turns: bool = False,
    ) -> None:
        """Sets up an empty buffer.

        Args:
            capacity: how many items there is room for; may be changed later.
            dropped: is told of each item that gave way to a newer one; None makes writers wait.
            kind: each kind has that much room of its own; items of kind None never give way nor
                wait for room, so there must be few of them.
            in_turns: whether kinds come out one after the other, however many items each puts in;
                else all items in the order in which they came.
        """
        self.capacity = capacity
        self._dropped = dropped
        self._kind = kind
        self._items: deque[T] = deque()
        self._of_kind: Counter[Hashable | None] = Counter()
        self._in_turns = in_turns
        self._turns = 0
        self._last_turn: Counter[Hashable | None] = Counter()
        self._finished = False
        self._aborted = False
        self._changed = threading.Condition()

    def put(self, item: T, *, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Waits for room, or makes it; False where it is not in it.

        That is so if the buffer was aborted, or if its writer has given up, as `given_up` tells
        whenever the buffer changes or is `wake`d.
        """
        gone: list[T] = []
        with self._changed:
            kind = self._kind(item)
            if self._dropped is None:
                self._changed.wait_for(
                    lambda: (
                        kind is None
                        or self._of_kind[kind] < self.capacity
                        or self._aborted
                        or given_up()
                    )
                )
            if self._aborted or given_up():
                return False
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
            item = self._next()
            self._changed.notify_all()
            return item

    def get_more(self, count: int) -> list[T]:
        """Up to so many items that are there already."""
        with self._changed:
            items = [self._next() for _ in range(min(count, len(self._items)))]
            self._changed.notify_all()
            return items

    def _next(self) -> T:
        """Takes out the oldest item, or that of the kind that has waited longest for its turn."""
        at = 0
        if self._in_turns:
            waiting = range(len(self._items))
            at = min(waiting, key=lambda at: self._last_turn[self._kind(self._items[at])])
        item = self._items[at]
        del self._items[at]
        kind = self._kind(item)
        self._of_kind[kind] -= 1
        if self._in_turns:
            self._turns += 1
            self._last_turn[kind] = self._turns
        return item

    def forget(self, kind: Hashable) -> None:
        """Lets go of all items of a kind that will not come again."""
        with self._changed:
            self._items = deque(item for item in self._items if self._kind(item) != kind)
            del self._of_kind[kind], self._last_turn[kind]
            self._changed.notify_all()

    def wake(self) -> None:
        """Lets waiting writers look again whether they have given up."""
        with self._changed:
            self._changed.notify_all()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._items)

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
