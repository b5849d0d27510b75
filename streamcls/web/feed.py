"""Events for programs and pages that listen, as they happen."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from streamcls.alerts.message import Message
from streamcls.web.problems import Problem

_KEPT = 1000  # messages, for those who come back
_WAITING = 256  # of one listener; who is slower is hung up on, and comes back for the rest
_LISTENERS = 64


class Listener:
    """Somebody who listens. Lives on the event loop."""

    def __init__(self, camera: str | None) -> None:
        """To one camera, or to all."""
        self._camera = camera
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Message] = deque()
        self._changed = asyncio.Event()
        self.is_over = False

    def put(self, messages: list[Message]) -> None:
        """Takes messages in, on the loop."""
        self.catch_up(messages)
        self.is_over = self.is_over or len(self._waiting) > _WAITING
        self._changed.set()

    def catch_up(self, messages: list[Message]) -> None:
        """The same, however many, for who has just come."""
        self._waiting += [one for one in messages if self._camera in (None, one.camera)]

    def tell(self, message: Message | None) -> None:
        """The same on any thread; None for the end."""
        try:
            if message is None:
                self._loop.call_soon_threadsafe(self._end)
            else:
                self._loop.call_soon_threadsafe(self.put, [message])
        except RuntimeError:
            return  # the server has ended

    def _end(self) -> None:
        self.is_over = True
        self._changed.set()

    async def messages(self, timeout_s: float) -> list[Message]:
        """What came; nothing after that long."""
        if not self._waiting and not self.is_over:
            self._changed.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait()
            except TimeoutError:
                return []
        found = list(self._waiting)
        self._waiting.clear()
        return found


class Feed:
    """Hands messages to all who listen, and keeps the last ones. Any thread tells."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self._lock = threading.Lock()
        self._kept: deque[Message] = deque(maxlen=_KEPT)
        self._listeners: tuple[Listener, ...] = ()
        self._closed = False

    def tell(self, message: Message) -> None:
        """Something happened."""
        with self._lock:
            self._kept.append(message)
            listeners = self._listeners
        for one in listeners:
            one.tell(message)

    @contextmanager
    def listener(self, camera: str | None, after: str | None) -> Iterator[Listener]:
        """Somebody who listens as long as they are inside; on the event loop.

        Args:
            camera: to this one only.
            after: id of the last message they have; those since then that are still here come
                first, and all that are here where it is not among them.

        Raises:
            Problem: there are too many.
        """
        with self._lock:
            if self._closed or len(self._listeners) >= _LISTENERS:
                raise Problem(503, "busy", f"{_LISTENERS} listen already", retry_s=10)
            listener = Listener(camera)
            if after is not None:
                ids = [one.id for one in self._kept]
                since = ids.index(after) + 1 if after in ids else 0
                listener.catch_up(list(self._kept)[since:])
            self._listeners = (*self._listeners, listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

    def close(self) -> None:
        """Sends everybody home."""
        with self._lock:
            self._closed = True
            listeners = self._listeners
        for one in listeners:
            one.tell(None)
