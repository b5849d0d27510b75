"""The preprocessing against torchvision's own transform, which the weights were made with."""

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamcls.inference.preprocess import Preprocess, Resize
from streamcls.inference.resize_products import Products
from streamcls.inference.resize_weights import Geometry
from streamcls.inference.torch_resize import TorchResize
from streamcls.records import Image, ModelCard
from tests.inference.pictures import (
    BT601,
    Decoded,
    as_planes,
    card,
    picture,
    reference,
    smooth,
)


def assert_same(found: Image, expected: Image) -> None:
    """Within one grey level; where both passes round the same way, on noise, now and then two."""
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 2
    assert (difference > 1).mean() < 1e-3


SIZES = [
    (1920, 1080),
    (1280, 720),
    (640, 480),
    (500, 375),
    (256, 256),
    (224, 224),
    (100, 80),
    (57, 333),
]
Resizer = Callable[[Geometry], Resize]
both = pytest.mark.parametrize("resizer", [Products, TorchResize])


@both
@pytest.mark.parametrize(("width", "height"), [*SIZES, (1, 1), (3, 2), (4000, 31), (1081, 1079)])
def test_it_is_torchvisions_transform_within_a_grey_level(
    width: int, height: int, resizer: Resizer
) -> None:
    image, about = picture(width, height), card()
    assert_same(Preprocess(about, resizer)(image), reference(image, about))


@both
@pytest.mark.parametrize(
    "about",
    [
        card(size=299, resize=342),
        card(size=224, resize=232),
        card(size=384, resize=384, interpolation="bicubic"),
        card(size=64, resize=64),
        card(size=300, resize=256),  # larger than the resized picture: black around it
    ],
    ids=str,
)
def test_it_follows_the_card(about: ModelCard, resizer: Resizer) -> None:
    image = picture(640, 360)
    assert_same(Preprocess(about, resizer)(image), reference(image, about))


@both
def test_bgr_comes_in_and_rgb_goes_out(resizer: Resizer) -> None:
    blue = np.zeros((300, 300, 3), np.uint8)
    blue[..., 0] = 255
    assert Preprocess(card(), resizer)(blue)[100, 100].tolist() == [0, 0, 255]


@both
def test_a_read_only_frame_will_do_and_is_left_as_it_was(resizer: Resizer) -> None:
    image = picture(320, 240)
    before = image.copy()
    image.flags.writeable = False
    Preprocess(card(), resizer)(image)
    np.testing.assert_array_equal(image, before)


@both
def test_a_part_of_a_frame_will_do(resizer: Resizer) -> None:
    whole = picture(640, 480)
    part = whole[100:300, 50:400]
    preprocess = Preprocess(card(), resizer)
    np.testing.assert_array_equal(preprocess(part), preprocess(part.copy()))


@both
def test_sizes_may_change_from_picture_to_picture(resizer: Resizer) -> None:
    preprocess, images = Preprocess(card(), resizer), [picture(640, 360), picture(333, 500)]
    first = [preprocess(image) for image in images]
    for image, expected in zip(images, first, strict=True):
        np.testing.assert_array_equal(preprocess(image), expected)


@both
def test_threads_don_t_disturb_each_other(resizer: Resizer) -> None:
    preprocess = Preprocess(card(), resizer)
    images = [picture(640 + 10 * i, 360) for i in range(4)]
    expected = [preprocess(image) for image in images]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(preprocess, images * 10))
    for one, right in zip(found, expected * 10, strict=True):
        np.testing.assert_array_equal(one, right)


def test_a_panorama_takes_no_memory_for_what_is_cut_off() -> None:
    tracemalloc.start()
    Preprocess(card())(np.zeros((50, 20_000, 3), np.uint8))
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


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


@both
@pytest.mark.parametrize(("height", "width"), [(3_000_000, 1), (1, 3_000_000)])
def test_a_thin_picture_takes_no_more_memory_than_its_square(
    resizer: Resizer, height: int, width: int
) -> None:
    """The whole of it, resized, would have a hundred billion pixels."""
    picture = np.full((height, width, 3), 77, np.uint8)
    tracemalloc.start()
    try:
        square = Preprocess(card(), resizer)(picture)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20_000_000
    assert np.array_equal(square, np.full_like(square, 77))
