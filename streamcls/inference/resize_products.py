"""A picture of any size to the square a model sees, as torchvision's own transform makes it.

torchvision resizes a Pillow image with antialiasing: 8 ms for a 1080p frame. Here the same is done
by small matrix products, in 1.8 ms and without torch: a column of the result is a weighted sum of
some neighbouring columns of the picture, so 8 columns of it are the product of an 8 x 42 matrix (at
1080p) with those columns; and then the same along the other axis.

Columns come first, and the values between the two passes are whole grey levels, as in Pillow and in
torch. The other order, or no rounding, changes the label of one photograph in a hundred.
"""

import numpy as np
from numpy.typing import NDArray

from streamcls.inference.resize_weights import (
    BLOCK,
    BLOCK_ACROSS,
    SINGLE_THREADED,
    Geometry,
    Values,
    axis_weights,
    blocks,
    multiply,
)
from streamcls.media import cv2
from streamcls.records import Image, Planes


class Products:
    """Resizes pictures of one size by matrix products; holds the memory for it."""

    def __init__(self, at: Geometry) -> None:
        """Computes the weights."""
        self._rows, down = axis_weights(at.height, at.new_height, at.top, at)
        self._columns, across = axis_weights(at.width, at.new_width, at.left, at)
        self._down, self._across = blocks(down), blocks(across)
        self._negative = bool((down < 0).any() or (across < 0).any())
        widest = max(weights.shape[1] for _, _, weights in self._across)
        strip = max(1, min(down.shape[1], SINGLE_THREADED // (BLOCK * widest * 3)))
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
        multiply(self._down, self._between, self._result)
        bgr = self._whole(self._result).reshape(len(self._result), -1, 3)
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def _narrowed(self, strip: Image) -> NDArray[np.uint8]:
        """Some rows of the picture, (n, W, 3), with their columns resized, (n, S * 3)."""
        turned = cv2.transpose(strip)  # (W, n, 3), so that columns lie one after the other
        values = self._turned[: turned.size].reshape(len(turned), -1)  # (W, n * 3)
        values[:] = turned.reshape(values.shape)
        narrow = self._narrow[: self._between.shape[1] * len(strip)]
        narrow = narrow.reshape(-1, len(strip) * 3)  # (S, n * 3)
        multiply(self._across, values, narrow)
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
        yuv1, few = self._yuv1.reshape(4, -1), SINGLE_THREADED // self._to_rgb.size
        for first in range(0, yuv1.shape[1], few):
            part = slice(first, first + few)
            np.matmul(self._to_rgb, yuv1[:, part], out=self._rgb[:, part])
        np.maximum(self._rgb, 0, out=self._rgb)  # the next one takes absolute values
        channels = cv2.convertScaleAbs(self._rgb).reshape(3, *self._luma.shape)
        return np.asarray(cv2.merge(tuple(channels)), np.uint8)


class _Plane:
    """Resizes planes of one size, rows first: nothing has to be turned for that."""

    def __init__(self, at: Geometry, like: NDArray[np.uint8]) -> None:
        self._rows, down = axis_weights(at.height, at.new_height, at.top, at, like.shape[0])
        self._columns, across = axis_weights(at.width, at.new_width, at.left, at, like.shape[1])
        self._down = blocks(down)
        self._across = [
            (rows, used, part.T.copy()) for rows, used, part in blocks(across, BLOCK_ACROSS)
        ]
        height, width = down.shape[1], across.shape[1]
        tallest = max(part.shape[1] for _, _, part in self._down)
        self._strip = max(1, SINGLE_THREADED // (BLOCK * tallest))
        self._values = np.empty((height, width), np.float32)
        self._low = np.empty((len(down), width), np.float32)
        self.shape = len(down), len(across)

    def __call__(self, plane: NDArray[np.uint8], into: Values) -> None:
        self._values[:] = plane[self._rows, self._columns]
        for first in range(0, self._values.shape[1], self._strip):
            strip = slice(first, first + self._strip)
            multiply(self._down, self._values[:, strip], self._low[:, strip])
        for columns, used, weights in self._across:
            few = max(1, SINGLE_THREADED // weights.size)
            for first in range(0, len(self._low), few):
                rows = slice(first, first + few)
                np.matmul(self._low[rows, used], weights, out=into[rows, columns])


def _rgb_matrix(planes: Planes) -> Values:
    """From (Y, U, V, 1) to (R, G, B): ITU-R BT.601 section 2.5 with the shares of the planes."""
    red, blue = planes.matrix
    green = 1 - red - blue
    luma, chroma = (1.0, 1.0) if planes.full_range else (255 / 219, 255 / 224)
    u, v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    matrix = np.array([[luma, 0, v], [luma, -u * blue / green, -v * red / green], [luma, u, 0]])
    black = np.array([0 if planes.full_range else 16, 128, 128])
    return np.column_stack([matrix, -matrix @ black]).astype(np.float32)
