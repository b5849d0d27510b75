import numpy as np
import pytest

from streamcls.capture.picture_checks import Finding, PictureChecks
from streamcls.records import Image

HEIGHT, WIDTH = 240, 320
GREY, GREEN = (130, 130, 130), (0, 135, 0)


def noise(seed: int = 0, *, low: int = 0, high: int = 256) -> Image:
    values = np.random.default_rng(seed).integers(low, high, (HEIGHT, WIDTH, 3))
    return values.astype(np.uint8)


def with_half(colour: tuple[int, int, int]) -> Image:
    image = noise()
    image[HEIGHT // 2 :] = colour
    return image


def kind(found: Finding | None) -> tuple[str, str] | None:
    return None if found is None else (found.fault, found.state)


def find(image: Image) -> Finding | None:
    return PictureChecks(10).find(image, 0.0)


def dark_scene_with_a_lamp() -> Image:
    image = noise(low=0, high=12)
    image[100:130, 200:230] = 250
    return image


def test_an_ordinary_picture_is_fine() -> None:
    assert find(noise()) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.full((HEIGHT, WIDTH, 3), 16, np.uint8),
        noise(low=0, high=24),
        np.zeros((8, 8, 3), np.uint8),
    ],
    ids=["0", "16", "noise", "tiny"],
)
def test_black_with_and_without_noise(image: Image) -> None:
    found = find(image)
    assert kind(found) == ("black", "black")
    assert found is not None
    assert found.reason == "the picture is black"


def test_a_clock_in_a_corner_makes_no_black_picture_light() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[8:24, 8:120] = 255  # 30 of 14400 samples
    assert kind(find(image)) == ("black", "black")


@pytest.mark.parametrize(
    "image",
    [dark_scene_with_a_lamp(), noise(low=10, high=40), np.full((HEIGHT, WIDTH, 3), 24, np.uint8)],
    ids=["lamp", "night", "at the limit"],
)
def test_dark_is_not_black(image: Image) -> None:
    assert find(image) is None


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_colour_is_enough_not_to_be_black(channel: int) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., channel] = 60
    assert find(image) is None


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        (GREY, "grey"),
        (GREEN, "green"),
        ((128, 128, 128), "grey"),
        ((0, 134, 0), "green"),
        # Converters round in different ways.
        ((132, 131, 132), "grey"),
        ((126, 127, 126), "grey"),
        ((2, 137, 0), "green"),
        ((0, 132, 1), "green"),
    ],
)
def test_a_half_that_a_decoder_painted_is_damage(colour: tuple[int, int, int], name: str) -> None:
    found = find(with_half(colour))
    assert kind(found) == ("damaged", "damaged")
    assert found is not None
    assert found.reason == f"large parts are plain {name}"


@pytest.mark.parametrize(("colour", "share"), [(GREY, 0.26), (GREEN, 0.26)])
def test_how_much_of_it_is_damage(colour: tuple[int, int, int], share: float) -> None:
    image = noise()
    lines = image.shape[0]
    image[: round(lines * (share - 0.03))] = colour
    assert find(image) is None
    image[: round(lines * (share + 0.03))] = colour
    assert kind(find(image)) == ("damaged", "damaged")


@pytest.mark.parametrize("spread", [5, 10, 20])
def test_an_evenly_grey_wall_has_noise_and_is_fine(spread: int) -> None:
    assert find(noise(low=130 - spread, high=130 + spread)) is None


@pytest.mark.parametrize("colour", [(90, 90, 90), (160, 160, 160), (40, 135, 40), (130, 130, 100)])
def test_other_plain_colours_are_fine(colour: tuple[int, int, int]) -> None:
    assert find(with_half(colour)) is None


def test_the_same_picture_is_repeated_then_frozen_and_ok_when_it_changes() -> None:
    checks, still = PictureChecks(2.0), noise()
    found = [kind(checks.find(still.copy(), at_s)) for at_s in (5.0, 5.5, 6.9, 7.0, 60.0)]
    assert found == [
        None,
        ("repeated", "ok"),
        ("repeated", "ok"),
        ("repeated", "frozen"),
        ("repeated", "frozen"),
    ]
    assert checks.find(noise(1), 60.1) is None
    # It begins anew, also with the picture that was frozen before.
    assert checks.find(still, 60.2) is None
    assert kind(checks.find(still, 61.0)) == ("repeated", "ok")
    assert kind(checks.find(still, 62.2)) == ("repeated", "frozen")


def test_what_is_said_of_a_frozen_picture() -> None:
    checks = PictureChecks(2.5)
    checks.find(noise(), 0.0)
    repeated, frozen = checks.find(noise(), 1.0), checks.find(noise(), 3.0)
    assert repeated is not None
    assert repeated.reason == ""
    assert frozen is not None
    assert frozen.reason == "the same picture for 2.5 s"


def test_0_seconds_allow_it_for_ever() -> None:
    checks = PictureChecks(0)
    assert [checks.find(noise(), at_s) for at_s in (0.0, 1.0, 1e6)] == [None] * 3
    assert kind(checks.find(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 1e6)) == ("black", "black")


@pytest.mark.parametrize("place", [(1, 1, 0), (7, 9, 2), (HEIGHT - 1, WIDTH - 1, 1), (0, 0, 0)])
def test_a_change_of_one_pixel_is_a_change(place: tuple[int, int, int]) -> None:
    checks, image = PictureChecks(1.0), noise()
    changed = image.copy()
    changed[place] ^= 1
    assert checks.find(image, 0.0) is None
    assert checks.find(changed, 5.0) is None


@pytest.mark.parametrize("shape", [(HEIGHT // 2, WIDTH // 2), (HEIGHT, WIDTH - 1), (HEIGHT - 1, 8)])
def test_another_size_is_a_change(shape: tuple[int, int]) -> None:
    checks, image = PictureChecks(1.0), noise()
    cut = np.ascontiguousarray(image[: shape[0], : shape[1]])
    assert checks.find(image, 0.0) is None
    assert checks.find(cut, 5.0) is None
    assert kind(checks.find(cut, 5.5)) == ("repeated", "ok")


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 9)])
def test_pictures_smaller_than_the_grid_are_looked_at(size: tuple[int, int]) -> None:
    checks = PictureChecks(1.0)
    assert checks.find(np.full((*size, 3), 200, np.uint8), 0.0) is None
    assert kind(checks.find(np.full((*size, 3), 0, np.uint8), 0.1)) == ("black", "black")
