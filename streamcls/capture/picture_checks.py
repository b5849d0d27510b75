"""Pictures that show nothing real: black, frozen, or painted by a decoder that lacks data."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamcls.media import cv2
from streamcls.records import Fault, Picture, State, as_bgr

_Channels: TypeAlias = tuple[NDArray[np.uint8], ...]  # BGR in one, or three planes

_STEP_PX = 8  # every 8th pixel of every 8th line is looked at
_BLACK_LEVEL = 24  # 16 is black in most video, plus some noise
_BLACK_SHARE = 0.995
_DAMAGED_SHARE = 0.25  # of the picture in exactly one colour that decoders paint
_TOLERANCE = 2
# What planes of 128 and of 0 become: BGR.
_PAINT = {"grey": (130, 130, 130), "green": (0, 135, 0)}
_PAINT_FULL_RANGE = {"grey": (128, 128, 128), "green": (0, 134, 0)}
# The same in luma, with room for how it is converted.
_BLACK_LUMA, _GREEN_LUMA, _GREY_SPAN = 40, 8, 5


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
        self._last: _Channels | None = None
        self._changed_s = 0.0

    def find(self, picture: Picture, now_s: float) -> Finding | None:
        """What is wrong with the picture that was captured at `now_s`, or None."""
        planes = None if isinstance(picture, np.ndarray) else picture.planes()
        if planes is None or _looks_odd(planes.y[::_STEP_PX, ::_STEP_PX]):
            image = as_bgr(picture)
            found = self._wrong(image[::_STEP_PX, ::_STEP_PX])
            if found is not None:
                return found
            if planes is None:
                return self._repeated((image,), now_s)
        return self._repeated((planes.y, planes.u, planes.v), now_s)

    def _wrong(self, sample: NDArray[np.uint8]) -> Finding | None:
        """What is wrong with the colours of a sample, (h, w, 3) BGR."""
        paint = _painted(sample)
        if paint is not None:
            self.forget()
            return Finding("damaged", "damaged", f"large parts are plain {paint}")
        if (sample.max(axis=2) < _BLACK_LEVEL).mean() >= _BLACK_SHARE:
            self.forget()
            return Finding("black", "black", "the picture is black")
        return None

    def forget(self) -> None:
        """What comes next is no repetition."""
        self._last = None

    def _repeated(self, picture: _Channels, now_s: float) -> Finding | None:
        if not self._frozen_after_s:
            return None
        if self._last is None or not _same(picture, self._last):
            self._last, self._changed_s = picture, now_s
            return None
        # The same picture has the same label: nothing new to write, and nothing wrong yet.
        if now_s - self._changed_s < self._frozen_after_s:
            return Finding("repeated", "ok", "")
        return Finding("repeated", "frozen", f"the same picture for {self._frozen_after_s:g} s")


def _looks_odd(luma: NDArray[np.uint8]) -> bool:
    """Whether a sample, (h, w), may be of a black or a painted picture; few real ones are.

    Making BGR of every picture to look at its colours would cost 0.7 ms each at 1280x720.
    """
    counts = np.bincount(luma.ravel(), minlength=256)  # (256,)
    dark = counts[: _BLACK_LUMA + 1].sum()
    painted = max(counts[:_GREEN_LUMA].sum(), counts[128 - _GREY_SPAN : 129 + _GREY_SPAN].sum())
    return bool(dark >= _BLACK_SHARE * luma.size or painted > _DAMAGED_SHARE * luma.size)


def _same(one: _Channels, other: _Channels) -> bool:
    """Whether two pictures are equal to the bit; for most that differ a few pixels settle it."""
    return (
        len(one) == len(other)
        and one[0].shape == other[0].shape
        and np.array_equal(one[0][::_STEP_PX, ::_STEP_PX], other[0][::_STEP_PX, ::_STEP_PX])
        and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
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
