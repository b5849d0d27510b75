"""What of a camera's picture is classified: the whole, turned maybe, or some regions of it."""

import logging
from collections.abc import Iterator, Mapping

import numpy as np

from streamcls.records import Box, Image, Picture, Planes, as_bgr

log = logging.getLogger(__name__)

_BEYOND = "%s/%s: beyond the picture of %dx%d; it has no labels"
WHOLE = ""  # the name of the view of a camera without regions


class Views:
    """The parts of one camera's pictures. One thread at a time."""

    def __init__(self, rotation: int = 0, regions: Mapping[str, Box] | None = None) -> None:
        """Takes what the settings say.

        Args:
            rotation: degrees by which pictures are turned clockwise.
            regions: what is classified instead of the whole, by name.
        """
        self._rotation = rotation
        self.regions: Mapping[str, Box] = regions or {}
        self.names = tuple(self.regions) or (WHOLE,)
        self._empty: set[str] = set()  # regions of which was said that they are beyond the picture

    def turned(self, picture: Picture) -> Picture:
        """The whole picture as people see it."""
        return picture if not self._rotation else _Turned(picture, self._rotation)

    def parts(self, picture: Picture, camera: str) -> Iterator[tuple[str, Picture | None]]:
        """Each view of a camera's turned picture by name; None for a region that is beyond it."""
        if not self.regions:
            yield WHOLE, picture
            return
        image = as_bgr(picture)
        height, width = image.shape[:2]
        for name, box in self.regions.items():
            left, top, right, bottom = box.edges(width, height)
            if right <= left or bottom <= top:
                self._say_empty(camera, name, width, height)
                yield name, None
                continue
            part = np.ascontiguousarray(image[top:bottom, left:right])
            part.flags.writeable = False
            yield name, part

    def _say_empty(self, camera: str, name: str, width: int, height: int) -> None:
        if name not in self._empty:
            self._empty.add(name)
            log.error(_BEYOND, camera, name, width, height)


class _Turned:
    """A picture that is turned when somebody wants its pixels."""

    def __init__(self, picture: Picture, rotation: int) -> None:
        self._picture, self._rotation = picture, rotation
        self._image: Image | None = None

    def planes(self) -> Planes | None:
        return None

    def bgr(self) -> Image:
        if self._image is None:
            from streamcls.media import cv2  # only here, so that settings can be read without

            turns = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
            turn = turns[self._rotation // 90 - 1]
            image = np.asarray(cv2.rotate(as_bgr(self._picture), turn), np.uint8)
            image.flags.writeable = False
            self._image = image
        return self._image
