"""Live pictures of cameras for viewers: drawn and encoded once, however many look.

Each camera that somebody looks at has one thread that takes its newest frame, draws the overlay and
makes a JPEG of each size that is wanted. A viewer has no queue: it is told that there is a newer
picture, and when it has time it takes the newest. So a slow one misses pictures and holds up
nobody.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from streamcls import clock
from streamcls.closing import Closing
from streamcls.plant.cameras import RunningCamera
from streamcls.records import Image, Result, State
from streamcls.runtime.buffer import Finished
from streamcls.runtime.output_queue import OutputQueue, Wanted
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads
from streamcls.web.drawing import Drawing, Size
from streamcls.web.problems import Problem

log = logging.getLogger(__name__)

_RATES = {"small": 8.0, "large": 15.0}  # pictures a second that are enough
_WAIT_S = 0.5
_LINGER_S = 3.0  # after the last viewer, who may come back at once
_JOIN_S = 2.0

Find: TypeAlias = Callable[[str], RunningCamera | None]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A JPEG, and which one of its camera and size it is."""

    number: int
    data: bytes


class Viewer:
    """Somebody who looks at some cameras. Lives on the event loop."""

    def __init__(self, views: list[tuple[str, "View"]], size: Size) -> None:
        """See `Views.viewer`."""
        self._views, self._size = views, size
        self._loop = asyncio.get_running_loop()
        self._newer = asyncio.Event()
        self._seen = dict.fromkeys((name for name, _ in views), 0)

    @property
    def size(self) -> Size:
        """Of the pictures."""
        return self._size

    def tell(self) -> None:
        """There is a newer picture, or the end; on any thread."""
        try:
            self._loop.call_soon_threadsafe(self._newer.set)
        except RuntimeError:
            return  # the server has ended

    async def newest(self) -> list[tuple[str, bytes]]:
        """The cameras with a newer picture than this viewer has seen; waits for one.

        Empty at the end.
        """
        while True:
            self._newer.clear()
            if all(view.is_closed for _, view in self._views):
                return []
            found = []
            for name, view in self._views:
                picture = view.newest(self._size)
                if picture is not None and picture.number != self._seen[name]:
                    self._seen[name] = picture.number
                    found.append((name, picture.data))
            if found:
                return found
            await self._newer.wait()


class Views(Closing):
    """The cameras that somebody looks at."""

    def __init__(self, find: Find, most: int) -> None:
        """Nobody looks yet.

        Args:
            find: gives a camera by its name; any thread.
            most: viewers at the same time.
        """
        self._find, self._most = find, most
        self._views: dict[str, View] = {}
        self.viewers = 0

    @contextmanager
    def viewer(self, cameras: list[str], size: Size) -> Iterator[Viewer]:
        """Somebody who looks at these as long as they are inside; on the event loop.

        Raises:
            Problem: there are too many.
        """
        if self.viewers >= self._most:
            raise Problem(503, "busy", f"{self._most} people look already", retry_s=10)
        views = [(name, self._views.setdefault(name, View(name, self._find))) for name in cameras]
        viewer = Viewer(views, size)
        self.viewers += 1
        for _, view in views:
            view.enter(viewer)
        try:
            yield viewer
        finally:
            self.viewers -= 1
            for _, view in views:
                view.leave(viewer)

    def close(self) -> None:
        """Sends everybody home. Can be called again."""
        views = tuple(self._views.values())
        for view in views:
            view.end()
        for view in views:
            view.close()


class View(Closing):
    """One camera's pictures, made while somebody looks."""

    def __init__(self, name: str, find: Find) -> None:
        """See `Views`."""
        self._name, self._find = name, find
        self._lock = threading.Lock()
        self._viewers: tuple[Viewer, ...] = ()
        self._left_s = 0.0
        self._is_at_work = self._has_failed = False
        self._newest: dict[str, Picture] = {}
        self._made_s: dict[str, float] = {}
        self._stop = Stop()
        self._threads = Threads(Stop())
        self._drawing = Drawing()

    @property
    def is_closed(self) -> bool:
        """Whether no more pictures will come: at the end, or after a failure."""
        return self._stop.is_set or self._has_failed

    def newest(self, size: Size) -> Picture | None:
        """The newest picture; any thread."""
        return self._newest.get(size)

    def enter(self, viewer: Viewer) -> None:
        """One more looks."""
        with self._lock:
            if viewer.size not in {one.size for one in self._viewers}:
                self._newest.pop(viewer.size, None)  # from when somebody looked last
                self._made_s.pop(viewer.size, None)
            self._viewers = (*self._viewers, viewer)
            if not self._is_at_work and not self._stop.is_set:
                self._is_at_work, self._has_failed = True, False
                self._newest = {}
                self._threads.start(f"view-{self._name}", self._work)

    def leave(self, viewer: Viewer) -> None:
        """One less."""
        with self._lock:
            self._viewers = tuple(one for one in self._viewers if one is not viewer)
            self._left_s = clock.now_s()

    def end(self) -> None:
        """Makes no more pictures."""
        self._stop.set()
        for viewer in self._viewers:
            viewer.tell()

    def close(self) -> None:
        """Waits for the end. Can be called again."""
        self.end()
        self._threads.join(_JOIN_S)

    def _is_over(self) -> bool:
        with self._lock:
            lingers = clock.now_s() - self._left_s < _LINGER_S
            if not self._stop.is_set and (self._viewers or lingers):
                return False
            self._is_at_work = False
            return True

    # -- its thread

    def _work(self) -> None:
        at: tuple[RunningCamera, OutputQueue] | None = None
        try:
            while not self._is_over():
                camera = self._find(self._name)
                if at is not None and at[0] is not camera:
                    _detached(at)
                    at = None
                if at is None and camera is not None:
                    at = (camera, _attached(camera))
                self._look(at)
        except Exception as error:
            log.error("%s: the live view failed: %s", self._name, error)
            log.debug("where it was raised:", exc_info=error)
            with self._lock:
                self._is_at_work, self._has_failed = False, True
                viewers = self._viewers
            for viewer in viewers:
                viewer.tell()
        finally:
            _detached(at)

    def _look(self, at: tuple[RunningCamera, OutputQueue] | None) -> None:
        """Shows the newest frame; where none comes, the state that it is in."""
        if at is None:
            self._stop.wait(_WAIT_S)
            return
        camera, queue = at
        try:
            item = queue.get(_WAIT_S)
        except (TimeoutError, Finished) as none:
            status = camera.run.pipeline.status
            if camera.state != "ok":
                state = cast(State, camera.state)  # or one that only people make, as "stopped"
                status = replace(status, state=state, reason=camera.gone or status.reason)
                self._show(lambda size: self._drawing.idle(camera, status, size))
            if isinstance(none, Finished):
                self._stop.wait(_WAIT_S)
            return
        if isinstance(item, Result):
            self._show(lambda size: self._drawing.frame(camera, item, size))

    def _show(self, draw: Callable[[Size], Image]) -> None:
        now_s = clock.now_s()
        viewers = self._viewers
        for size in {viewer.size for viewer in viewers}:
            if now_s - self._made_s.get(size, 0.0) < 1 / _RATES[size] - 0.01:
                continue
            from streamcls.sinks.jpeg import encoded

            self._made_s[size] = now_s
            number = self._newest[size].number + 1 if size in self._newest else 1
            self._newest[size] = Picture(number, encoded(draw(size)))
            for viewer in viewers:
                if viewer.size == size:
                    viewer.tell()


def _attached(camera: RunningCamera) -> OutputQueue:
    wanted = Wanted(answers=False, frames=True, images=True, newest=True)
    return camera.run.pipeline.output("view", wanted)


def _detached(at: tuple[RunningCamera, OutputQueue] | None) -> None:
    if at is not None:
        at[0].run.pipeline.outputs.remove(at[1])
