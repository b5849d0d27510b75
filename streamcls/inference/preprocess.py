"""A picture of any size to the square a model sees, as torchvision's own transform makes it.

torchvision resizes a Pillow image with antialiasing: 10 ms for a 1080p frame. Here the same is done
by small matrix products, in 1.5 ms and without torch: a column of the result is a weighted sum of
some neighbouring columns of the picture, so 8 columns of it are the product of an 8 x 42 matrix (at
1080p) with those columns; and then the same along the other axis.

Columns come first, and the values between the two passes are whole grey levels, as in Pillow and in
torch. The other order, or no rounding, changes the label of one photograph in a hundred.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamcls.media import cv2
from streamcls.protocols import Picture
from streamcls.records import Image, ModelCard, Planes

Values = NDArray[np.float32]
Block = tuple[slice, slice, Values]  # rows of the result, rows of the input, (rows, inputs)

_BLOCK = 8  # rows of the result in one product
_BLOCK_ACROSS = 32  # columns; there the calls take longer than the arithmetic
# OpenBLAS starts its threads for products of more multiplications than this.
_SINGLE_THREADED = 4 * 65536


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


Resize = Callable[[Image], NDArray[np.uint8]]


class Preprocess:
    """Resize, centre crop, BGR to RGB; what a model's card asks for. Any thread may call."""

    def __init__(
        self, card: ModelCard, resizer: "Callable[[Geometry], Resize] | None" = None
    ) -> None:
        """Takes sizes and interpolation from the card.

        Args:
            card: of the model.
            resizer: what makes the resize of pictures of one size: (H, W, 3) BGR to the part of the
                square that the picture covers, RGB. Another one than `Products` must give the same
                within one grey level.
        """
        self._card = card
        self._resizer = resizer or Products
        self._own = threading.local()  # a resize has its own scratch memory

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """A picture of any size to (S, S, 3) uint8 RGB; arrays are (H, W, 3) uint8 BGR."""
        if isinstance(picture, np.ndarray):
            return self._from_bgr(picture)
        planes = picture.planes()
        return self._from_bgr(picture.bgr()) if planes is None else self._from_planes(planes)

    def _from_bgr(self, image: Image) -> NDArray[np.uint8]:
        size = image.shape[:2]
        if getattr(self._own, "size", None) != size:
            geometry = Geometry.of(image.shape[0], image.shape[1], self._card)
            self._own.pad, self._own.resize = geometry.padded, self._resizer(geometry)
            self._own.size = size
        rgb: NDArray[np.uint8] = self._own.pad(self._own.resize(image))
        return rgb

    def _from_planes(self, planes: Planes) -> NDArray[np.uint8]:
        kind = (planes.y.shape, planes.u.shape, planes.matrix, planes.full_range)
        if getattr(self._own, "kind", None) != kind:
            geometry = Geometry.of(planes.y.shape[0], planes.y.shape[1], self._card)
            self._own.pad_planes = geometry.padded
            self._own.products, self._own.kind = PlaneProducts(geometry, planes), kind
        rgb: NDArray[np.uint8] = self._own.pad_planes(self._own.products(planes))
        return rgb


class Products:
    """Resizes pictures of one size by matrix products; holds the memory for it."""

    def __init__(self, at: Geometry) -> None:
        """Computes the weights."""
        self._rows, down = _axis(at.height, at.new_height, at.top, at)
        self._columns, across = _axis(at.width, at.new_width, at.left, at)
        self._down, self._across = _blocks(down), _blocks(across)
        self._negative = bool((down < 0).any() or (across < 0).any())
        widest = max(weights.shape[1] for _, _, weights in self._across)
        strip = max(1, min(down.shape[1], _SINGLE_THREADED // (_BLOCK * widest * 3)))
        self._strip = strip
        self._turned = np.empty(across.shape[1] * strip * 3, np.float32)
        self._narrow = np.empty(len(across) * strip * 3, np.float32)
        self._between = np.empty((down.shape[1], len(across) * 3), np.float32)
        self._result = np.empty((len(down), len(across) * 3), np.float32)

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        """(H, W, 3) BGR to the cropped picture, RGB."""
        part = image[self._rows, self._columns]
        for first in range(0, len(part), self._strip):
            strip = part[first : first + self._strip]
            self._between[first : first + len(strip)] = self._narrowed(strip)
        _multiply(self._down, self._between, self._result)
        bgr = self._whole(self._result).reshape(len(self._result), -1, 3)
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def _narrowed(self, strip: Image) -> NDArray[np.uint8]:
        """Some rows of the picture, (n, W, 3), with their columns resized, (n, S * 3)."""
        turned = cv2.transpose(strip)  # (W, n, 3), so that columns lie one after the other
        values = self._turned[: turned.size].reshape(len(turned), -1)  # (W, n * 3)
        values[:] = turned.reshape(values.shape)
        narrow = self._narrow[: self._between.shape[1] * len(strip)]
        narrow = narrow.reshape(-1, len(strip) * 3)  # (S, n * 3)
        _multiply(self._across, values, narrow)
        back = cv2.transpose(self._whole(narrow).reshape(len(narrow), -1, 3))  # (n, S, 3)
        return np.asarray(back.reshape(len(strip), -1), np.uint8)

    def _whole(self, values: Values) -> NDArray[np.uint8]:
        """Rounded to whole grey levels from 0 to 255."""
        if self._negative:  # convertScaleAbs would take their absolute value
            np.maximum(values, 0, out=values)
        return np.asarray(cv2.convertScaleAbs(values), np.uint8)


class PlaneProducts:
    """Resizes pictures that are planes, and then makes RGB of the little that is left.

    Against BGR first and resize then that saves the larger part of the work, and is closer to what
    is exact: FFmpeg's fast way from planes to BGR is off by one grey level on average.
    """

    def __init__(self, at: Geometry, like: Planes) -> None:
        """Computes the weights for planes like these."""
        self._luma, self._chroma = _Plane(at, like.y), _Plane(at, like.u)
        self._to_rgb = _rgb_matrix(like)
        height, width = self._luma.shape
        self._yuv1 = np.ones((4, height, width), np.float32)  # Y, U, V, and 1 for the offsets
        self._rgb = np.empty((3, height * width), np.float32)

    def __call__(self, planes: Planes) -> NDArray[np.uint8]:
        """To the cropped picture, RGB."""
        self._luma(planes.y, self._yuv1[0])
        self._chroma(planes.u, self._yuv1[1])
        self._chroma(planes.v, self._yuv1[2])
        np.matmul(self._to_rgb, self._yuv1.reshape(4, -1), out=self._rgb)
        np.maximum(self._rgb, 0, out=self._rgb)  # the next one takes absolute values
        channels = cv2.convertScaleAbs(self._rgb).reshape(3, *self._luma.shape)
        return np.asarray(cv2.merge(tuple(channels)), np.uint8)


class _Plane:
    """Resizes planes of one size, rows first: nothing has to be turned for that."""

    def __init__(self, at: Geometry, like: NDArray[np.uint8]) -> None:
        self._rows, down = _axis(at.height, at.new_height, at.top, at, like.shape[0])
        self._columns, across = _axis(at.width, at.new_width, at.left, at, like.shape[1])
        self._down = _blocks(down)
        self._across = [
            (rows, used, part.T.copy()) for rows, used, part in _blocks(across, _BLOCK_ACROSS)
        ]
        height, width = down.shape[1], across.shape[1]
        tallest = max(part.shape[1] for _, _, part in self._down)
        self._strip = max(1, _SINGLE_THREADED // (_BLOCK * tallest))
        self._values = np.empty((height, width), np.float32)
        self._low = np.empty((len(down), width), np.float32)
        self.shape = len(down), len(across)

    def __call__(self, plane: NDArray[np.uint8], into: Values) -> None:
        self._values[:] = plane[self._rows, self._columns]
        for first in range(0, self._values.shape[1], self._strip):
            strip = slice(first, first + self._strip)
            _multiply(self._down, self._values[:, strip], self._low[:, strip])
        for columns, used, weights in self._across:
            np.matmul(self._low[:, used], weights, out=into[:, columns])


def _rgb_matrix(planes: Planes) -> Values:
    """From (Y, U, V, 1) to (R, G, B): ITU-R BT.601 section 2.5 with the shares of the planes."""
    red, blue = planes.matrix
    green = 1 - red - blue
    luma, chroma = (1.0, 1.0) if planes.full_range else (255 / 219, 255 / 224)
    u, v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    matrix = np.array([[luma, 0, v], [luma, -u * blue / green, -v * red / green], [luma, u, 0]])
    black = np.array([0 if planes.full_range else 16, 128, 128])
    return np.column_stack([matrix, -matrix @ black]).astype(np.float32)


def _axis(
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
    weights = _resize_weights(length_in_samples, samples, new, wanted, at.interpolation)
    used = _used(weights)
    return used, weights[:, used]


def _resize_weights(
    length: float, samples: int, new: int, wanted: NDArray[np.int64], interpolation: str
) -> NDArray[np.float64]:
    """The share of each sample in each wanted output pixel, (n, samples); rows sum to 1.

    Pillow's `precompute_coeffs`: the kernel is stretched by the scale where the picture shrinks.
    """
    scale = length / new
    stretch = max(scale, 1.0)
    reach, kernel = _KERNELS[interpolation]
    centre = (wanted + 0.5) * scale
    first = np.maximum((centre - reach * stretch + 0.5).astype(int), 0)
    end = np.minimum((centre + reach * stretch + 0.5).astype(int), samples)
    pixel = np.arange(samples)
    inside = (pixel >= first[:, None]) & (pixel < end[:, None])
    shares = kernel(np.abs((pixel - centre[:, None] + 0.5) / stretch)) * inside
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


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


def _blocks(weights: NDArray[np.float64], size: int = _BLOCK) -> list[Block]:
    """Some rows at a time, each with the inputs that it uses."""
    found = []
    for first in range(0, len(weights), size):
        rows = weights[first : first + size]
        used = _used(rows)
        dense = np.ascontiguousarray(rows[:, used], np.float32)
        found.append((slice(first, first + len(rows)), used, dense))
    return found


def _multiply(blocks: list[Block], values: Values, into: Values) -> None:
    for rows, inputs, weights in blocks:
        np.matmul(weights, values[inputs], out=into[rows])
