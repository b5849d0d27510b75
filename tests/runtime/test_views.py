"""What of a picture is classified: turned, whole or in parts."""

import logging
from itertools import pairwise

import numpy as np
import pytest

from streamcls.records import Box, Image, Picture, Planes, as_bgr
from streamcls.runtime.views import WHOLE, Views

HEIGHT, WIDTH = 6, 8


class Lazy:
    """A decoded picture that counts who wants it in BGR."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.asked = 0

    def planes(self) -> Planes | None:
        y, small = self._image[..., 0], self._image[::2, ::2, 0]
        return Planes(y, small, small, (0.299, 0.114), True)

    def bgr(self) -> Image:
        self.asked += 1
        return self._image


def picture(height: int = HEIGHT, width: int = WIDTH) -> Image:
    """Every pixel is another."""
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    image.flags.writeable = False
    return image


def parts(views: Views, image: Picture) -> dict[str, Picture | None]:
    return dict(views.parts(views.turned(image), "cam"))


# -- turned


def test_without_a_rotation_the_picture_is_the_very_same() -> None:
    decoded, image = Lazy(picture()), picture()
    assert Views().turned(decoded) is decoded
    assert Views().turned(image) is image
    assert parts(Views(), decoded) == {WHOLE: decoded}
    assert decoded.asked == 0


@pytest.mark.parametrize(("rotation", "turns"), [(90, -1), (180, 2), (270, 1)])
@pytest.mark.parametrize("lazy", [True, False])
def test_pictures_are_turned_clockwise(rotation: int, turns: int, lazy: bool) -> None:
    image = picture()
    turned = Views(rotation).turned(Lazy(image) if lazy else image)
    found = as_bgr(turned)
    assert np.array_equal(found, np.rot90(image, turns))
    assert found.flags.c_contiguous
    assert not found.flags.writeable


def test_a_turned_picture_is_made_once_and_only_when_wanted() -> None:
    decoded = Lazy(picture())
    turned = Views(90).turned(decoded)
    assert not isinstance(turned, np.ndarray)
    assert turned.planes() is None  # those that are stored lie as before
    assert decoded.asked == 0
    assert turned.bgr() is turned.bgr()
    assert decoded.asked == 1


# -- parts


def test_names_are_those_of_the_regions_or_of_the_whole() -> None:
    lanes = {"left": Box(0, 0, 0.5, 1), "right": Box(0.5, 0, 0.5, 1)}
    assert Views().names == (WHOLE,)
    assert Views(0, lanes).names == ("left", "right")


def test_each_region_is_a_part_of_its_own() -> None:
    image = picture()
    views = Views(0, {"share": Box(0.5, 0, 0.5, 0.5), "px": Box(1, 2, 3, 4)})
    found = parts(views, Lazy(image))
    share, px = found["share"], found["px"]
    assert isinstance(share, np.ndarray) and isinstance(px, np.ndarray)
    assert np.array_equal(share, image[:3, 4:])
    assert np.array_equal(px, image[2:6, 1:4])
    for part in (share, px):
        assert part.flags.c_contiguous
        assert not part.flags.writeable
        assert not np.shares_memory(part, image)  # or it would keep all of the picture


def test_regions_are_of_the_turned_picture() -> None:
    image = picture()
    found = parts(Views(90, {"top": Box(0, 0, 1, 0.25)}), image)["top"]
    assert np.array_equal(as_bgr(found), np.rot90(image, -1)[: WIDTH // 4])  # type: ignore[arg-type]


def test_a_region_that_reaches_beyond_is_cut() -> None:
    image = picture()
    found = parts(Views(0, {"corner": Box(6, 4, 100, 100)}), image)["corner"]
    assert np.array_equal(as_bgr(found), image[4:, 6:])  # type: ignore[arg-type]


def test_a_region_beyond_the_picture_has_no_part_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    views = Views(0, {"gone": Box(8, 0, 2, 2), "here": Box(0, 0, 2, 2)})
    with caplog.at_level(logging.ERROR, "streamcls"):
        for _ in range(3):
            found = parts(views, picture())
            assert list(found) == ["gone", "here"]
            assert found["gone"] is None
            assert found["here"] is not None
    assert caplog.messages == ["cam/gone: beyond the picture of 8x6; it has no labels"]
    larger = parts(views, picture(6, 20))["gone"]  # the camera changed its size
    assert np.array_equal(as_bgr(larger), picture(6, 20)[:2, 8:10])  # type: ignore[arg-type]


# -- boxes


@pytest.mark.parametrize(
    ("region", "size", "box"),
    [
        ((0, 0, 1, 1), (640, 480), (0, 0, 640, 480)),  # 1 is a share, not a pixel
        ((0.25, 0.5, 0.5, 0.25), (640, 480), (160, 240, 480, 360)),
        ((0, 0, 2, 1), (640, 480), (0, 0, 2, 1)),
        ((10, 20, 30, 40), (640, 480), (10, 20, 40, 60)),
        ((630, 470, 30, 40), (640, 480), (630, 470, 640, 480)),
        ((0.9, 0.9, 0.5, 0.5), (100, 100), (90, 90, 100, 100)),
    ],
)
def test_boxes_in_px_and_in_shares(
    region: tuple[float, float, float, float],
    size: tuple[int, int],
    box: tuple[int, int, int, int],
) -> None:
    assert Box(*region).edges(*size) == box


@pytest.mark.parametrize("region", [(640, 0, 10, 10), (0, 480, 10, 10), (5000, 5000, 1, 1)])
def test_a_box_beyond_the_picture_is_empty(region: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = Box(*region).edges(640, 480)
    assert right <= left or bottom <= top


@pytest.mark.parametrize("count", [2, 3, 7])
def test_regions_side_by_side_leave_no_gap_and_do_not_overlap(count: int) -> None:
    """Whatever the shares are rounded to."""
    share = round(1 / count, 2)
    lanes = [Box(number * share, 0, share, 1) for number in range(count)]
    for width in range(1, 200):
        boxes = [lane.edges(width, 10) for lane in lanes]
        assert boxes[0][0] == 0
        for (_, _, right, _), (left, _, _, _) in pairwise(boxes):
            assert right == left, width
        assert boxes[-1][2] <= width
