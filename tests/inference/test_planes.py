"""Pictures as decoders give them, against exact RGB and torchvision's resize."""

import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from streamcls.inference.preprocess import Preprocess
from streamcls.records import Image, Planes
from tests.inference.test_preprocess import card, picture, reference

BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)


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


@pytest.mark.parametrize("matrix", [BT601, BT709], ids=["bt601", "bt709"])
@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (1, 1)], ids=["420", "422", "444"])
@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (640, 360), (641, 359), (101, 333), (90, 70)]
)
def test_planes_become_what_exact_rgb_becomes(
    width: int, height: int, across: int, down: int, matrix: tuple[float, float]
) -> None:
    planes = as_planes(smooth(width, height), across=across, down=down, matrix=matrix)
    found = Preprocess(card())(Decoded(planes)).astype(int)
    difference = np.abs(found - reference(exact_bgr(planes), card()))
    assert difference.mean() < 0.6  # roundings; where chroma is enlarged, between its samples
    assert np.percentile(difference, 99) <= 4


def test_full_range_uses_all_levels() -> None:
    grey = np.full((300, 300), 128, np.uint8)
    planes = Planes(np.full((300, 300), 200, np.uint8), grey, grey, BT601, full_range=True)
    assert np.unique(Preprocess(card())(Decoded(planes))).tolist() == [200]
    limited = replace(planes, full_range=False)
    assert np.unique(Preprocess(card())(Decoded(limited))).tolist() == [214]  # (200-16)*255/219


def test_beyond_black_and_white_is_black_and_white() -> None:
    grey = np.full((300, 300), 128, np.uint8)
    for level, shown in ((2, 0), (250, 255)):
        planes = Planes(np.full((300, 300), level, np.uint8), grey, grey, BT601, full_range=False)
        assert np.unique(Preprocess(card())(Decoded(planes))).tolist() == [shown]


def test_red_comes_first() -> None:
    planes = as_planes(
        np.full((64, 64, 3), (10, 20, 240), np.uint8), across=2, down=2, matrix=BT601
    )
    pixel = Preprocess(card())(Decoded(planes))[100, 100].astype(int)
    assert np.abs(pixel - (240, 20, 10)).max() <= 2


def test_a_crop_larger_than_the_picture_has_black_around() -> None:
    about = card(size=300, resize=256)
    planes = as_planes(smooth(320, 240), across=2, down=2, matrix=BT601)
    found = Preprocess(about)(Decoded(planes))
    assert found.shape == (300, 300, 3)
    assert not found[0].any()
    assert found[150].any()


def test_what_has_no_planes_goes_through_bgr() -> None:
    image = picture(320, 240)
    found = Preprocess(card())(Decoded(None, image))
    np.testing.assert_array_equal(found, Preprocess(card())(image))


def test_kinds_may_change_from_picture_to_picture() -> None:
    preprocess = Preprocess(card())
    small, large = (
        Decoded(as_planes(smooth(*size), across=2, down=2, matrix=BT601))
        for size in ((320, 240), (640, 360))
    )
    first = preprocess(small)
    preprocess(large)
    preprocess(picture(100, 100))
    np.testing.assert_array_equal(preprocess(small), first)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160), (641, 361)])
@pytest.mark.parametrize("as_stored", [True, False], ids=["planes", "bgr"])
def test_it_takes_one_thread_whatever_the_size(size: tuple[int, int], as_stored: bool) -> None:
    """OpenBLAS's own threads spin: two workers that both start them take each other's time."""
    image = picture(*size)
    planes = as_planes(image, across=2, down=2, matrix=BT709) if as_stored else None
    preprocess, decoded = Preprocess(card()), Decoded(planes, image)
    preprocess(decoded)
    of_all, of_this = time.process_time(), time.thread_time()
    for _ in range(50):
        preprocess(decoded)
    of_all, of_this = time.process_time() - of_all, time.thread_time() - of_this
    assert of_all < 1.1 * of_this + 0.01
