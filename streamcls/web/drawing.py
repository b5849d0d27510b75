"""Pictures for viewers: a frame that fits, with its labels, or what is wrong where none comes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from streamcls import clock
from streamcls.media import cv2
from streamcls.plant.cameras import RunningCamera
from streamcls.records import Frame, Image, RegionLabel, Result, Status

if TYPE_CHECKING:
    from streamcls.sinks.fonts import Typeface
    from streamcls.sinks.overlay import Overlay

Size: TypeAlias = Literal["small", "large"]
_BOXES = {"small": (480, 360), "large": (1280, 960)}  # that a picture has to fit in, px
_EMPTY, _GREY = (640, 360), 96  # size in px and brightness of a picture where there was none yet


class Drawing:
    """Draws what a view shows. One thread."""

    def __init__(self) -> None:
        """Has seen no frame yet."""
        self._overlays: dict[tuple[int, int, int], Overlay] = {}
        self._typefaces: dict[tuple[str, ...], Typeface] = {}
        self._last: Result | None = None

    def frame(self, camera: RunningCamera, result: Result, size: Size) -> Image:
        """A frame with its labels, (H, W, 3) uint8 BGR."""
        self._last = result
        return self._drawn(camera, result, size)

    def idle(self, camera: RunningCamera, status: Status, size: Size) -> Image:
        """No frame comes: the last one, dark, and why."""
        last = self._last or _nothing(camera.name)
        return self._drawn(camera, replace(last, status=status), size, dimmed=True)

    def _drawn(
        self, camera: RunningCamera, result: Result, size: Size, *, dimmed: bool = False
    ) -> Image:
        image, scale = fitted(result.frame.image, size)
        if dimmed:
            image = np.asarray(image // 3, np.uint8)
        regions = tuple(_scaled(one, scale) for one in result.regions)
        fps = result.status.fps if result.status is not None else 0.0
        self._overlay(camera, image, result.top_k).draw(
            image, replace(result, regions=regions), fps
        )
        return image

    def _overlay(self, camera: RunningCamera, image: Image, top_k: int) -> "Overlay":
        from streamcls.sinks.fonts import Typeface
        from streamcls.sinks.overlay import Overlay

        height, width = image.shape[:2]
        labels, font = camera.run.classifier.card.labels, camera.asked.outputs.font
        if labels not in self._typefaces:
            self._typefaces = {labels: Typeface(font, labels)}
            self._overlays = {}
        key = (width, height, top_k)
        if key not in self._overlays:
            typeface = self._typefaces[labels]
            self._overlays[key] = Overlay(typeface, width, height, top_k, live=True)
        return self._overlays[key]


def _nothing(camera: str) -> Result:
    """Where no frame ever came."""
    width, height = _EMPTY
    image = np.full((height, width, 3), _GREY, np.uint8)
    frame = Frame(camera, 0, 0.0, "monotonic", 0.0, 0, clock.epoch_s(), False, image)
    return Result(frame, None, None, None, 0.0, (), None, 3)


def fitted(image: Image, size: Size) -> tuple[Image, float]:
    """A copy that fits the size's box, and by what it was scaled."""
    height, width = image.shape[:2]
    box_width, box_height = _BOXES[size]
    scale = min(1.0, box_width / width, box_height / height)
    if scale == 1.0:
        return image.copy(), 1.0
    to = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, to, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scaled(region: RegionLabel, scale: float) -> RegionLabel:
    left, top, right, bottom = (round(edge * scale) for edge in region.box)
    return replace(region, box=(left, top, right, bottom))
