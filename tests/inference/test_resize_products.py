"""Pictures as decoders give them, against exact RGB and torchvision's resize."""

import time
from dataclasses import replace

import numpy as np
import pytest

from streamcls.inference.preprocess import Preprocess
from streamcls.records import Planes
from tests.inference.pictures import (
    BT601,
    BT709,
    Decoded,
    as_planes,
    card,
    exact_bgr,
    picture,
    reference,
    smooth,
)


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
