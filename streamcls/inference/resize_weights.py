"""Where a model's square lies in a picture, and the share of each pixel in each of its own.

The weights are Pillow's: a triangle or a cubic, stretched where the picture shrinks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamcls.records import ModelCard

Values = NDArray[np.float32]
Block = tuple[slice, slice, Values]  # rows of the result, rows of the input, (rows, inputs)

BLOCK = 8  # rows of the result in one product
BLOCK_ACROSS = 16  # columns; there the calls take longer than the arithmetic
# OpenBLAS starts its threads for products of more multiplications than this.
SINGLE_THREADED = 4 * 65536


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the square lies in a picture of one size, as `torchvision.transforms.functional` says.

    The shorter side becomes `resize`, the longer one is cut to a whole number, the crop's offset is
    rounded half to even. Where the crop is larger than the resized picture there is black around.

    Attributes:
        height, width: px of the picture.
        new_height, new_width: px of the whole picture, resized.
        top, left: of the crop in the resized picture.
        crop: px, side of the crop.
        interpolation: "bilinear" or "bicubic".
    """

    height: int
    width: int
    new_height: int
    new_width: int
    top: int
    left: int
    crop: int
    interpolation: str

    @classmethod
    def of(cls, height: int, width: int, card: ModelCard) -> "Geometry":
        """What a model's card asks for."""
        short, crop = min(height, width), card.input_size
        new = int(card.resize * height / short), int(card.resize * width / short)
        top, left = (0 if n < crop else round((n - crop) / 2) for n in new)
        return cls(height, width, new[0], new[1], top, left, crop, card.interpolation)

    def padded(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The cropped picture with black around it where it is smaller than the crop."""
        spare = [(self.crop - length) / 2 for length in rgb.shape[:2]]
        return (
            np.pad(rgb, [(int(s), int(s + 0.5)) for s in spare] + [(0, 0)]) if any(spare) else rgb
        )


def axis_weights(
    length: int, new: int, first: int, at: Geometry, samples: int | None = None
) -> tuple[slice, NDArray[np.float64]]:
    """The part of an axis that is needed, and its weights in each row or column of the crop.

    Args:
        length: px of the picture.
        new: px of the picture resized.
        first: where the crop begins.
        at: what else is asked for.
        samples: how many there are along the axis, where that is not one a pixel.
    """
    wanted = np.arange(first, min(first + at.crop, new))
    samples = length if samples is None else samples
    # A sample covers a whole number of pixels, and the last one maybe fewer.
    length_in_samples = length / -(-length // samples)
    begin, weights = _resize_weights(length_in_samples, samples, new, wanted, at.interpolation)
    used = _used(weights)
    return slice(begin + used.start, begin + used.stop), weights[:, used]


def _resize_weights(
    length: float, samples: int, new: int, wanted: NDArray[np.int64], interpolation: str
) -> tuple[int, NDArray[np.float64]]:
    """The share of each sample in each wanted output pixel, (n, used samples); rows sum to 1.

    The first of the two is where these samples begin: of a picture of 1 x 1,000,000 px, few are
    used.

    Pillow's `precompute_coeffs`: the kernel is stretched by the scale where the picture shrinks.
    """
    scale = length / new
    stretch = max(scale, 1.0)
    reach, kernel = _KERNELS[interpolation]
    centre = (wanted + 0.5) * scale
    first = np.maximum((centre - reach * stretch + 0.5).astype(int), 0)
    end = np.minimum((centre + reach * stretch + 0.5).astype(int), samples)
    begin = int(first.min())
    pixel = np.arange(begin, int(end.max()))
    inside = (pixel >= first[:, None]) & (pixel < end[:, None])
    shares = kernel(np.abs((pixel - centre[:, None] + 0.5) / stretch)) * inside
    return begin, np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1 - x, 0)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution with a = -0.5."""
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


_KERNELS: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _cubic),
}


def _used(weights: NDArray[np.float64]) -> slice:
    """From the first to the last input with any weight."""
    columns = np.flatnonzero(weights.any(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1)


def blocks(weights: NDArray[np.float64], size: int = BLOCK) -> list[Block]:
    """Some rows at a time, each with the inputs that it uses."""
    found = []
    for first in range(0, len(weights), size):
        rows = weights[first : first + size]
        used = _used(rows)
        dense = np.ascontiguousarray(rows[:, used], np.float32)
        found.append((slice(first, first + len(rows)), used, dense))
    return found


def multiply(blocks: list[Block], values: Values, into: Values) -> None:
    """All products of some blocks with the inputs, (n, m); the result is (rows, m)."""
    for rows, inputs, weights in blocks:
        np.matmul(weights, values[inputs], out=into[rows])
