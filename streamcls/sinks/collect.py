"""Pictures worth learning from, collected while a camera runs."""

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from streamcls import clock
from streamcls.clock import iso_utc
from streamcls.media import cv2
from streamcls.protocols import Pictured
from streamcls.records import Event, Image, Result
from streamcls.sinks import jpeg
from streamcls.sinks.collection import Collection, Limits, Note
from streamcls.sinks.files import writing
from streamcls.sinks.rotation import plain

_LIKE_BITS = 6  # of 64: pictures that differ in no more are as good as the same
_DOUBT_S = 1.0  # between uncertain pictures, so that a stretch of doubt doesn't fill the disk


class Collector(Pictured):
    """Keeps classified pictures that the model was not sure of, and some others.

    Why a picture is kept stands in its name: `changing` (the steady label changed with it),
    `uncertain`, or `random`. Pictures that look like one of the latest are left out.
    """

    every_frame = False

    def __init__(
        self,
        folder: Path,
        camera: str,
        *,
        uncertain: float | None,
        changing: bool,
        random_s: float | None,
        max_count: int,
        max_size: int,
        max_age_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Makes the folder `folder/camera` if it is missing; of `folder` the parent must be there.

        Args:
            folder: of all cameras.
            camera: whose pictures these are.
            uncertain: pictures are kept whose best probability is below; None for none.
            changing: whether those are kept at which the steady label changes.
            random_s: one is kept in about so many seconds, whatever it shows; None for none.
            max_count: how many are kept; the oldest go first.
            max_size: how many bytes are kept, likewise.
            max_age_s: how long one is kept.
            chance: gives numbers from 0 to below 1.

        Raises:
            OutputError: the folder can't be had, or the disk is full.
        """
        self._uncertain = uncertain
        self._changing = changing
        self._random_s = random_s
        self._chance = chance
        self._doubt_at_s = -math.inf
        self._random_at_s: float | None = None
        with writing(folder):
            folder.mkdir(exist_ok=True)
        limits = Limits(max_count, max_size, max_age_s)
        self._kept = Collection(folder / plain(camera), plain(camera), limits)

    def event(self, event: Event) -> None:
        """Results carry the events of their frames."""

    def write(self, result: Result) -> None:
        """Keeps the picture if there is a reason to.

        Raises:
            OutputError: the disk is full; nothing is left of the picture.
        """
        self._kept.trim()
        image = result.frame.image
        reason = self._reason(result) if image.size else None
        if reason is None:
            return
        hashed = dhash(image)
        if self._kept.has_like(hashed, _LIKE_BITS):
            return
        utc_s = result.frame.captured_utc
        if utc_s is None:
            utc_s = clock.epoch_s()
        note = _note(result, utc_s, reason)
        region = result.frame.camera.partition("/")[2]
        why = f"{plain(region)}-{reason}" if region else reason
        self._kept.add(jpeg.encoded(image), note, utc_s=utc_s, reason=why, dhash=hashed)

    def _reason(self, result: Result) -> str | None:
        """Why to keep it; the rarest reason first."""
        if result.raw is None:
            return None
        at_s = result.frame.pts_s
        is_random = self._is_random(at_s)
        if self._changing and any(event.kind == "label" for event in result.events):
            return "changing"
        doubtful = self._uncertain is not None and result.raw.probs.max() < self._uncertain
        if doubtful and at_s - self._doubt_at_s >= _DOUBT_S:
            self._doubt_at_s = at_s
            return "uncertain"
        return "random" if is_random else None

    def _is_random(self, at_s: float) -> bool:
        """Whether it is time for one: waits are exponential, so no rhythm of the line hides."""
        if self._random_s is None:
            return False
        due = self._random_at_s is not None and at_s >= self._random_at_s
        if due or self._random_at_s is None:
            self._random_at_s = at_s - math.log(1 - self._chance()) * self._random_s
        return due

    def close(self) -> None:
        """Each picture is complete; there is nothing to do."""


def dhash(image: Image) -> int:
    """64 bits of which alike pictures differ in few: where brightness rises from left to right.

    Source: N. Krawetz, "Kind of Like That", The Hacker Factor Blog, 21 January 2013.

    Args:
        image: (H, W, 3) uint8 BGR.
    """
    small = cv2.resize(image, (9, 8), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)  # (8, 9)
    rises = grey[:, :-1] < grey[:, 1:]  # (8, 8)
    return int.from_bytes(np.packbits(rises).tobytes())


def _note(result: Result, utc_s: float, reason: str) -> Note:
    """What stands beside a picture; `label` comes to it, for people to fill in."""
    frame = result.frame
    height, width = frame.image.shape[:2]
    return {
        "camera": frame.camera,
        "captured_utc": iso_utc(utc_s),
        "reason": reason,
        "frame": frame.index,
        "width": width,
        "height": height,
        "top": [{"label": score.label, "prob": round(score.prob, 6)} for score in result.top()],
        "steady_label": result.steady,
        "steady_prob": round(result.steady_prob, 6),
    }
