"""A short look at a live source: what it is, and what comes in its first seconds."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from streamcls import clock
from streamcls.builders.source import open_live
from streamcls.config.settings import Settings
from streamcls.records import LiveFrame, Lost, Picture, as_bgr
from streamcls.runtime.stop import Stop

LOOK_S = 3.0  # from its first frame on


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen of a live source.

    Attributes:
        description: codec, size and reader.
        first_frame_s: how long it took to come.
        sizes: of its pictures, px, as "1280x720".
        fps: frames a second as they came; 0 for too few to say.
        faults: how many frames may have no label, by cause.
        picture: the last one, or None.
    """

    description: str
    first_frame_s: float
    sizes: tuple[str, ...]
    fps: float
    faults: Mapping[str, int]
    picture: Picture | None


def look(settings: Settings, stop: Stop) -> Look:
    """Connects once, and watches for a few seconds.

    Raises:
        SourceError: it can't be had; with the reason.
        SettingsError: its address can't be right.
    """
    once = settings.connection.model_copy(update={"max_retries": 0, "retry_for": None})
    settings = settings.model_copy(update={"connection": once})
    source, begun_s = open_live(settings, stop), clock.now_s()
    times: list[float] = []  # captured
    faults: Counter[str] = Counter()
    sizes: set[str] = set()
    picture: Picture | None = None
    with closing(source.watch()) as items:
        for frame in _first_seconds(items, stop):
            times.append(frame.captured_ns / 1e9)
            if frame.fault is not None:
                faults[frame.fault] += 1
            if frame.picture is not None:
                picture = frame.picture
                height, width = as_bgr(picture).shape[:2]
                sizes.add(f"{width}x{height}")
    gaps = len(times) - 2  # not the first: when it began is not known
    span_s = times[-1] - times[1] if gaps > 0 else 0.0
    return Look(
        source.description,
        times[0] - begun_s if times else math.inf,
        tuple(sorted(sizes)),
        gaps / span_s if span_s else 0.0,
        faults,
        picture,
    )


def _first_seconds(items: Iterable[LiveFrame | Lost], stop: Stop) -> Iterator[LiveFrame]:
    """The frames up to a few seconds behind the first one."""
    end_s = math.inf
    for item in items:  # a loss raises: there are no retries
        if isinstance(item, LiveFrame):
            yield item
            end_s = min(end_s, item.captured_ns / 1e9 + LOOK_S)
        if stop.is_set or clock.now_s() > end_s:
            return
