"""The checks of pictures on planes: they find what they would in BGR, and make none of most."""

import numpy as np
import pytest

from streamcls.capture.picture_checks import PictureChecks
from streamcls.media import cv2
from streamcls.records import Image, Planes
from tests.capture.test_picture_checks import (
    GREY,
    HEIGHT,
    WIDTH,
    dark_scene_with_a_lamp,
    find,
    kind,
    noise,
    with_half,
)


class Decoded:
    """A picture in planes; it counts who wants it in BGR."""

    def __init__(self, y: Image, u: Image, v: Image, *, full_range: bool = False) -> None:
        """`u` and `v` are of half the size."""
        self._planes = Planes(y, u, v, (0.299, 0.114), full_range)
        self.asked = 0

    def planes(self) -> Planes | None:
        return self._planes

    def bgr(self) -> Image:
        """As video is converted, BT.601."""
        self.asked += 1
        return converted(self._planes)


def converted(planes: Planes) -> Image:
    y = planes.y.astype(np.float64)
    u, v = (np.kron(one, np.ones((2, 2)))[: y.shape[0], : y.shape[1]] for one in chroma(planes))
    if not planes.full_range:
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    red, blue = y + 1.402 * v, y + 1.772 * u
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.round(np.stack([blue, green, red], axis=2)), 0, 255).astype(np.uint8)


def chroma(planes: Planes) -> tuple[Image, Image]:
    u, v = (one.astype(np.float64) - 128 for one in (planes.u, planes.v))
    return u, v  # type: ignore[return-value]


def decoded(image: Image, *, full_range: bool = False) -> Decoded:
    """A picture as a camera would have sent it."""
    blue, green, red = (image[..., channel].astype(np.float64) for channel in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = ((one - y)[::2, ::2] / scale for one, scale in ((blue, 1.772), (red, 1.402)))
    if not full_range:
        y, u, v = 16 + y * 219 / 255, u * 224 / 255, v * 224 / 255
    planes = (np.clip(np.round(one), 0, 255) for one in (y, u + 128, v + 128))
    return Decoded(*(one.astype(np.uint8) for one in planes), full_range=full_range)


def painted(value: int, share: float, *, full_range: bool) -> Decoded:
    """The lower part has planes of one value, as decoders leave them where data is missing."""
    found = decoded(noise(), full_range=full_range).planes()
    assert found is not None
    y, u, v = found.y.copy(), found.u.copy(), found.v.copy()
    for plane in (y, u, v):
        plane[round(len(plane) * (1 - share)) :] = value
    return Decoded(y, u, v, full_range=full_range)


def lamp_on_black() -> Image:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[8:24, 8:120] = 255
    return image


def coloured(*colour: int) -> Image:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


PICTURES = {
    "ordinary": noise(),
    "black 0": coloured(0, 0, 0),
    "black 16": coloured(16, 16, 16),
    "dark noise": noise(low=0, high=24),
    "tiny": np.zeros((8, 8, 3), np.uint8),
    "clock on black": lamp_on_black(),
    "lamp": dark_scene_with_a_lamp(),
    "night": noise(low=10, high=40),
    "at the limit": coloured(24, 24, 24),
    "blue": coloured(60, 0, 0),
    "green": coloured(0, 60, 0),
    "red": coloured(0, 0, 60),
    "grey wall": noise(low=125, high=135),
    "evenly grey wall": noise(low=110, high=150),
    "half grey": with_half(GREY),
    "half 128": with_half((128, 128, 128)),
    "half dark grey": with_half((90, 90, 90)),
    "half light grey": with_half((160, 160, 160)),
    "half greenish": with_half((40, 135, 40)),
    "half yellowish": with_half((130, 130, 100)),
    "odd size": np.zeros((17, 9, 3), np.uint8),
}


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("name", PICTURES)
def test_planes_and_bgr_have_the_same_finding(name: str, full_range: bool) -> None:
    picture = decoded(PICTURES[name], full_range=full_range)
    expected = find(picture.bgr())
    found = PictureChecks(10).find(picture, 0.0)
    assert kind(found) == kind(expected)
    assert (found and found.reason) == (expected and expected.reason)


def test_the_pictures_above_are_of_all_kinds() -> None:
    """Or the test of them would say little."""
    found = {kind(find(decoded(image).bgr())) for image in PICTURES.values()}
    assert found == {None, ("black", "black"), ("damaged", "damaged")}


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(("value", "colour"), [(0, "green"), (128, "grey")])
def test_what_a_decoder_paints_is_damage(
    value: int, colour: str, share: float, full_range: bool
) -> None:
    picture = painted(value, share, full_range=full_range)
    found = PictureChecks(10).find(picture, 0.0)
    assert kind(found) == kind(find(picture.bgr()))
    if share < 0.25:
        assert found is None
    else:
        assert found is not None
        assert found.reason == f"large parts are plain {colour}"


@pytest.mark.parametrize("name", ["ordinary", "half dark grey", "half light grey", "half greenish"])
def test_of_ordinary_pictures_no_bgr_is_made(name: str) -> None:
    picture = decoded(PICTURES[name])
    checks = PictureChecks(10)
    for at_s in (0.0, 1.0, 20.0):
        checks.find(picture, at_s)
    assert picture.asked == 0


def test_the_same_planes_are_repeated_then_frozen_and_ok_when_they_change() -> None:
    checks, image = PictureChecks(2.0), noise()
    found = [kind(checks.find(decoded(image), at_s)) for at_s in (5.0, 5.5, 7.0)]
    assert found == [None, ("repeated", "ok"), ("repeated", "frozen")]
    assert checks.find(decoded(noise(1)), 7.1) is None
    assert kind(checks.find(decoded(noise(1)), 7.2)) == ("repeated", "ok")


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("place", [(1, 1), (0, 0), (HEIGHT // 2 - 1, WIDTH // 2 - 1)])
def test_a_change_of_one_value_in_any_plane_is_a_change(plane: int, place: tuple[int, int]) -> None:
    first = decoded(noise()).planes()
    assert first is not None
    changed = [one.copy() for one in (first.y, first.u, first.v)]
    changed[plane][place] ^= 1
    checks = PictureChecks(1.0)
    assert checks.find(Decoded(first.y, first.u, first.v), 0.0) is None
    assert checks.find(Decoded(*changed), 5.0) is None


def test_another_size_or_another_form_is_a_change() -> None:
    checks, image = PictureChecks(1.0), noise()
    assert checks.find(decoded(image), 0.0) is None
    assert checks.find(decoded(image[: HEIGHT // 2]), 5.0) is None
    assert checks.find(image, 5.1) is None  # a camera that goes over to another codec
    assert checks.find(decoded(image), 5.2) is None


def test_black_between_is_no_repetition() -> None:
    checks, image = PictureChecks(1.0), noise()
    assert checks.find(decoded(image), 0.0) is None
    assert kind(checks.find(decoded(PICTURES["black 0"]), 1.0)) == ("black", "black")
    assert checks.find(decoded(image), 2.0) is None


def test_the_planes_of_these_tests_are_those_that_converters_make() -> None:
    """OpenCV goes from full-range YCrCb to the BGR that `Decoded` gives."""
    picture = decoded(PICTURES["half yellowish"], full_range=True)
    found = picture.planes()
    assert found is not None
    large = [cv2.resize(one, (WIDTH, HEIGHT), interpolation=0) for one in (found.v, found.u)]
    expected = cv2.cvtColor(np.dstack([found.y, *large]), cv2.COLOR_YCrCb2BGR)
    assert np.abs(picture.bgr().astype(int) - expected.astype(int)).max() <= 2
