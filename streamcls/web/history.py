"""What the cameras saw in the last hour, and what they see now, for the page."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from streamcls import clock
from streamcls.alerts.message import Messages, clean
from streamcls.media import cv2
from streamcls.protocols import Pictured
from streamcls.records import NO_IMAGE, Event, Image, Result
from streamcls.web.feed import Feed

HOURS = 1.0
_SEGMENTS = 2000  # of a camera
_SNAPSHOTS = 60  # of a camera; some 20 kB each
_SNAPSHOT_PX = 480


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A segment or state, and the number of its picture, or None."""

    event: Event
    snapshot: int | None


class History:
    """One camera's; it outlives the camera's restarts. Any thread."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._lock = threading.Lock()
        self._segments: deque[Segment] = deque(maxlen=_SEGMENTS)  # by when they ended
        self._lasting: dict[tuple[str, str], Segment] = {}  # by view and kind
        self._latest: dict[str, Result] = {}  # by view
        self._snapshots: OrderedDict[int, bytes] = OrderedDict()
        # Browsers keep pictures for a while: those of an earlier run have other numbers.
        self._numbers = count(int(clock.epoch_s()))

    def event(self, event: Event) -> None:
        """A segment or state began or ended."""
        key = (event.camera, event.kind)
        event = replace(event, label=clean(event.label), reason=clean(event.reason))
        with self._lock:
            was = self._lasting.pop(key, None)
            if event.end_s is None:
                self._lasting[key] = Segment(event, None)
            else:
                self._segments.append(Segment(event, was.snapshot if was is not None else None))
            if event.kind == "label" and event.end_s is not None:
                self._latest.pop(event.camera, None)  # the next result says what holds now

    def result(self, result: Result) -> bool:
        """The newest answer; whether a picture of it is wanted, for a segment that began."""
        view = result.frame.camera
        with self._lock:
            self._latest[view] = replace(result, frame=replace(result.frame, image=NO_IMAGE))
            lasting = self._lasting.get((view, "label"))
            return lasting is not None and lasting.snapshot is None

    def picture(self, view: str, data: bytes) -> None:
        """A JPEG of what a view's segment shows."""
        with self._lock:
            lasting = self._lasting.get((view, "label"))
            if lasting is None:
                return
            number = next(self._numbers)
            self._lasting[view, "label"] = replace(lasting, snapshot=number)
            self._snapshots[number] = data
            while len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)

    def latest(self, view: str) -> Result | None:
        """The newest answer of a camera, or of a region of it as `camera/region`."""
        with self._lock:
            return self._latest.get(view)

    def snapshot(self, number: int) -> bytes | None:
        """A picture, if it is still there."""
        with self._lock:
            return self._snapshots.get(number)

    def segments(self) -> list[Segment]:
        """Those of the last hours, oldest first; pictures that are gone are left out."""
        since_utc = clock.epoch_s() - HOURS * 3600
        with self._lock:
            ended = (one for one in self._segments if (one.event.end_utc or 0.0) >= since_utc)
            found = [*ended, *self._lasting.values()]
            known = set(self._snapshots)
        found.sort(key=lambda one: one.event.start_utc or 0.0)
        return [one if one.snapshot in known else replace(one, snapshot=None) for one in found]


class HistorySink(Pictured):
    """The output of a camera that writes its history, and tells those who listen."""

    every_frame = False

    def __init__(self, history: History, feed: Feed) -> None:
        """Writes into these; both stay their maker's."""
        self._history, self._feed = history, feed
        self._messages = Messages()

    def event(self, event: Event) -> None:
        """Notes it and tells of it."""
        self._history.event(event)
        message = self._messages.of(event)
        if message is not None:
            self._feed.tell(message)

    def write(self, result: Result) -> None:
        """Notes what is seen, with a picture where a segment has none yet."""
        if self._history.result(result) and result.frame.image.size:
            from streamcls.sinks.jpeg import encoded

            self._history.picture(result.frame.camera, encoded(_small(result.frame.image)))

    def close(self) -> None:
        """Nothing is left to do."""


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = _SNAPSHOT_PX / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
