"""Pictures that show nothing real: black, frozen, or painted by a decoder that lacks data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamcls.media import cv2
from streamcls.records import Fault, Image, State

_STEP_PX = 8  # every 8th pixel of every 8th line is looked at
_BLACK_LEVEL = 24  # 16 is black in most video, plus some noise
_BLACK_SHARE = 0.995
_DAMAGED_SHARE = 0.25  # of the picture in exactly one colour that decoders paint
_TOLERANCE = 2
# What planes of 128 and of 0 become: BGR.
_PAINT = {"grey": (130, 130, 130), "green": (0, 135, 0)}
_PAINT_FULL_RANGE = {"grey": (128, 128, 128), "green": (0, 134, 0)}


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Why a picture gets no label: `fault` for the ledger, the source's `state`, its `reason`."""

    fault: Fault
    state: State
    reason: str


class PictureChecks:
    """Looks at the pictures of one camera in turn."""

    def __init__(self, frozen_after_s: float) -> None:
        """A picture that stays the same for `frozen_after_s` is frozen; 0 switches that off."""
        self._frozen_after_s = frozen_after_s
        self._last: Image | None = None
        self._changed_s = 0.0

    def find(self, image: Image, now_s: float) -> Finding | None:
        """What is wrong with the picture that was captured at `now_s`, or None."""
        sample = image[::_STEP_PX, ::_STEP_PX]  # (h, w, 3)
        paint = _painted(sample)
        if paint is not None:
            self.forget()
            return Finding("damaged", "damaged", f"large parts are plain {paint}")
        if (sample.max(axis=2) < _BLACK_LEVEL).mean() >= _BLACK_SHARE:
            self.forget()
            return Finding("black", "black", "the picture is black")
        return self._repeated(image, now_s)

    def forget(self) -> None:
        """What comes next is no repetition."""
        self._last = None

    def _repeated(self, image: Image, now_s: float) -> Finding | None:
        if not self._frozen_after_s:
            return None
        if self._last is None or not _same(image, self._last):
            self._last, self._changed_s = image, now_s
            return None
        # The same picture has the same label: nothing new to write, and nothing wrong yet.
        if now_s - self._changed_s < self._frozen_after_s:
            return Finding("repeated", "ok", "")
        return Finding("repeated", "frozen", f"the same picture for {self._frozen_after_s:g} s")


def _same(one: Image, other: Image) -> bool:
    """Whether two pictures are equal to the bit; for most that differ a few pixels settle it."""
    return (
        one.shape == other.shape
        and np.array_equal(one[::_STEP_PX, ::_STEP_PX], other[::_STEP_PX, ::_STEP_PX])
        and np.array_equal(one, other)
    )


def _painted(sample: NDArray[np.uint8]) -> str | None:
    """The colour that decoders paint where data is missing, if much of the sample has it."""
    for paints in (_PAINT, _PAINT_FULL_RANGE):
        for name, colour in paints.items():
            low = tuple(max(0, c - _TOLERANCE) for c in colour)
            high = tuple(c + _TOLERANCE for c in colour)
            found = cv2.countNonZero(cv2.inRange(sample, low, high))
            if found > _DAMAGED_SHARE * sample.shape[0] * sample.shape[1]:
                return name
    return None
