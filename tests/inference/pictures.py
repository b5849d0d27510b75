"""Pictures to preprocess, as BGR and as planes, and what torchvision makes of them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from streamcls.inference.torchvision_import import import_torchvision
from streamcls.records import Image, ModelCard, Planes

import_torchvision()
from torchvision.transforms import InterpolationMode, v2  # noqa: E402 - needs the import above

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)


def card(*, size: int = 224, resize: int = 256, interpolation: str = "bilinear") -> ModelCard:
    return ModelCard("resnet18", ("a",), size, resize, interpolation, MEAN, STD, "0" * 64)


def picture(width: int, height: int) -> Image:
    """A smooth random picture with all frequencies in it, BGR."""
    rng = np.random.default_rng(width * 10_000 + height)
    small = rng.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3), dtype=np.uint8)
    smooth = np.asarray(
        PillowImage.fromarray(small).resize((width, height), PillowImage.Resampling.BICUBIC)
    )
    noise = rng.integers(-20, 21, smooth.shape)
    return np.clip(smooth.astype(int) + noise, 0, 255).astype(np.uint8)


def reference(image: Image, about: ModelCard) -> Image:
    transform = v2.Compose(
        [
            v2.Resize(about.resize, InterpolationMode(about.interpolation), antialias=True),
            v2.CenterCrop(about.input_size),
        ]
    )
    return np.asarray(transform(PillowImage.fromarray(image[..., ::-1])))


class Decoded:
    def __init__(self, planes: Planes | None, bgr: Image | None = None) -> None:
        self._planes, self._bgr = planes, bgr

    def planes(self) -> Planes | None:
        return self._planes

    def bgr(self) -> Image:
        assert self._bgr is not None, "nothing should ask for BGR"
        return self._bgr


def as_planes(image: Image, *, across: int, down: int, matrix: tuple[float, float]) -> Planes:
    """Limited range, each chroma sample the mean of `down` x `across` pixels."""
    red, blue = matrix
    b, g, r = (image[..., channel].astype(float) for channel in range(3))
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    height, width = y.shape

    def smaller(values: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.pad(values, ((0, -height % down), (0, -width % across)), "edge")
        shape = (padded.shape[0] // down, down, padded.shape[1] // across, across)
        return np.asarray(padded.reshape(shape).mean((1, 3)))

    def stored(values: NDArray[np.float64]) -> Image:
        return np.asarray(np.clip(values.round(), 0, 255), np.uint8)

    return Planes(
        stored(16 + y * 219 / 255),
        stored(128 + smaller(u) * 224 / 255),
        stored(128 + smaller(v) * 224 / 255),
        matrix,
        full_range=False,
    )


def exact_bgr(planes: Planes) -> Image:
    """Each chroma sample spread over its pixels, then the standard's formula in floating point."""
    red, blue = planes.matrix
    height, width = planes.y.shape
    down, across = (-(-a // b) for a, b in zip(planes.y.shape, planes.u.shape, strict=True))
    u, v = (
        np.repeat(np.repeat(c, down, 0), across, 1)[:height, :width].astype(float) - 128
        for c in (planes.u, planes.v)
    )
    y = planes.y.astype(float)
    if not planes.full_range:
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([b, g, r], -1).round(), 0, 255).astype(np.uint8)


def smooth(width: int, height: int) -> Image:
    """Colours that stay away from 0 and 255, where clipping before and after a resize differ."""
    small = picture(max(4, width // 6), max(4, height // 6))
    resized = PillowImage.fromarray(small).resize((width, height), PillowImage.Resampling.BICUBIC)
    return (np.asarray(resized) * 0.4 + 76).astype(np.uint8)
