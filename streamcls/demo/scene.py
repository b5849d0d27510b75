"""Draws one picture of parts on a conveyor belt, for the clip and the demo model's training.

Everything comes from code and a seed, so the truth of every picture is known. Coordinates are
pixels of the full 1280x720 picture; `draw` can render the same scene smaller.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamcls.demo.parts import OUTLINES, Points
from streamcls.media import cv2

WIDTH, HEIGHT = 1280, 720
EMPTY = "empty belt"
PARTS = tuple(OUTLINES)
LABELS = tuple(sorted((*PARTS, EMPTY)))

# What the model sees of the picture after Resize(256) and CenterCrop(224): the middle square.
VIEW = HEIGHT * 224 / 256

Image: TypeAlias = NDArray[np.uint8]  # (H, W, 3) BGR
_SUBPIXEL = 4  # bits, for cv2's fixed-point coordinates


@dataclass(frozen=True, slots=True)
class Part:
    """One part on the belt: centre `x`, `y` and radius `size` in px, turned by `angle` radians.

    `tilt` is the share of its height that the camera's angle leaves, `tone` its BGR colour,
    `detail` 0 to 1 its variant.
    """

    label: str
    x: float
    y: float
    size: float
    angle: float
    tilt: float
    tone: tuple[float, float, float]
    detail: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Parts on the belt and how the camera sees them.

    `belt_px` is how far the belt has moved, `gain` the brightness around 1, `light` the change of
    brightness from edge to edge in x and y, `warmth` -1 (blue) to 1 (yellow), `blur_px` the width
    of the lens blur, `motion_px` the belt's way during the exposure, `noise` the grey levels of
    noise.
    """

    parts: tuple[Part, ...]
    belt_px: float = 0.0
    gain: float = 1.0
    light: tuple[float, float] = (0.0, 0.0)
    warmth: float = 0.0
    blur_px: float = 0.0
    motion_px: float = 0.0
    noise: float = 4.0
    seed: int = 0


def truth(scene: Scene) -> str | None:
    """The right label of the middle square; None where its edge cuts a part or two are in it."""
    left, right = (WIDTH - VIEW) / 2, (WIDTH + VIEW) / 2
    touching = [p for p in scene.parts if left < p.x + p.size and p.x - p.size < right]
    if not touching:
        return EMPTY
    if len(touching) > 1:
        return None
    part = touching[0]
    return part.label if left <= part.x - part.size and part.x + part.size <= right else None


def draw(scene: Scene, width: int = WIDTH) -> Image:
    """Renders the scene: (round(width * 9 / 16), width, 3) uint8 BGR."""
    scale = width / WIDTH
    image = _belt(scene.belt_px, width)
    for part in scene.parts:
        _draw_part(image, part, scale)
    light = _light(scene, image.shape[1], image.shape[0])
    image = np.asarray(cv2.multiply(image, light, dtype=cv2.CV_8U), np.uint8)
    if scene.motion_px * scale > 1:
        image = np.asarray(cv2.blur(image, (round(scene.motion_px * scale), 1)), np.uint8)
    if scene.blur_px * scale > 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), scene.blur_px * scale), np.uint8)
    # Averaging 1 / scale**2 pixels into one would take away that much of the noise.
    grain = _grain(scene.seed, image.shape[1], image.shape[0], scene.noise * scale)
    return np.asarray(cv2.add(image, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U), np.uint8)


@functools.cache
def _noise_tile() -> NDArray[np.int16]:
    """Noise of deviation 64."""
    noise = np.random.default_rng(11).standard_normal((1024, 2048), dtype=np.float32)
    return np.round(noise * 64).astype(np.int16)


def _grain(seed: int, width: int, height: int, deviation: float) -> NDArray[np.int16]:
    """(H, W) of noise: a window of one tile, at a place drawn from the seed."""
    tile = _noise_tile()
    random = np.random.default_rng(seed)
    top = int(random.integers(0, tile.shape[0] - height))
    left = int(random.integers(0, tile.shape[1] - width))
    window = tile[top : top + height, left : left + width]
    return np.round(window * np.float32(deviation / 64)).astype(np.int16)


@functools.cache
def _rubber(width: int, height: int) -> NDArray[np.uint8]:
    """The belt's grey speckles, (H, 2 W)."""
    speckle = np.random.default_rng(7).integers(-9, 10, (height, 2 * width), dtype=np.int16)
    return (cv2.GaussianBlur(speckle, (0, 0), 1.2 * width / WIDTH + 0.4) + 74).astype(np.uint8)


def _belt(moved_px: float, width: int) -> Image:
    """Dark rubber with a seam every 640 px, moved to the left between two rails."""
    height = round(width * HEIGHT / WIDTH)
    scale = width / WIDTH
    shift = round(moved_px * scale) % (2 * width)
    grey = np.roll(_rubber(width, height), -shift, axis=1)[:, :width]
    image = np.stack([grey, grey, grey - 4], axis=2)  # (H, W, 3)
    for seam in range(3):
        x = (seam * 640 - moved_px % 640) * scale
        cv2.line(image, (round(x), 0), (round(x), height), (56, 56, 54), max(1, round(3 * scale)))
    rail = round(34 * scale)
    image[:rail] = image[height - rail :] = (112, 116, 118)
    image[rail - 2 : rail] = image[height - rail : height - rail + 2] = (30, 30, 30)
    return image


def _draw_part(image: Image, part: Part, scale: float) -> None:
    layers = OUTLINES[part.label](part.detail)
    _draw_shadow(image, [_placed(layer.outlines, part, scale, lift=9) for layer in layers], scale)
    for layer in layers:
        placed = _placed(layer.outlines, part, scale)
        colour = tuple(min(255.0, channel * layer.shade) for channel in part.tone)
        cv2.fillPoly(image, placed, colour, cv2.LINE_AA, _SUBPIXEL)
        edge = tuple(channel * 0.45 for channel in colour)
        cv2.polylines(image, placed, True, edge, max(1, round(2 * scale)), cv2.LINE_AA, _SUBPIXEL)


def _draw_shadow(image: Image, layers: Sequence[list[NDArray[np.int32]]], scale: float) -> None:
    """Darkens what lies under the layers, with soft edges."""
    shade = np.full(image.shape[:2], 255, np.uint8)
    for outlines in layers:
        cv2.fillPoly(shade, outlines, 112, cv2.LINE_AA, _SUBPIXEL)
    corners = np.concatenate([points for outlines in layers for points in outlines])  # (N, 2)
    margin = round(25 * scale)
    left, top = np.maximum((corners.min(axis=0) >> _SUBPIXEL) - margin, 0)
    right, bottom = np.maximum((corners.max(axis=0) >> _SUBPIXEL) + margin, 0)
    window = image[top:bottom, left:right]
    if window.size:
        soft = cv2.GaussianBlur(shade[top:bottom, left:right], (0, 0), 7 * scale)
        cv2.multiply(window, cv2.merge([soft, soft, soft]), dst=window, scale=1 / 255)


def _placed(
    outlines: Sequence[Points], part: Part, scale: float, lift: float = 0.0
) -> list[NDArray[np.int32]]:
    """Part to picture coordinates in cv2's fixed point, `lift` px to the lower right."""
    cos, sin = math.cos(part.angle) * part.size, math.sin(part.angle) * part.size
    turn = np.array([(cos, sin * part.tilt), (-sin, cos * part.tilt)])
    at = np.array([part.x + lift, part.y + lift])
    return [
        np.round((points @ turn + at) * scale * (1 << _SUBPIXEL)).astype(np.int32)
        for points in outlines
    ]


def _light(scene: Scene, width: int, height: int) -> NDArray[np.float32]:
    """What each channel of each pixel is multiplied with: (H, W, 3)."""
    across = np.linspace(-0.5, 0.5, 33, dtype=np.float32)[None, :] * scene.light[0]
    down = np.linspace(-0.5, 0.5, 19, dtype=np.float32)[:, None] * scene.light[1]
    brightness = np.clip(scene.gain * (1 + across + down), 0.15, 2.5)
    warm = np.array([1 - 0.12 * scene.warmth, 1.0, 1 + 0.12 * scene.warmth], np.float32)
    coarse = np.asarray(brightness[..., None] * warm, np.float32)  # (19, 33, 3)
    return np.asarray(cv2.resize(coarse, (width, height)), np.float32)
