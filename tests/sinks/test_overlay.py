from dataclasses import replace

import numpy as np
import pytest

from streamcls.records import Image, Prediction, State, Status
from streamcls.sinks.fonts import Typeface
from streamcls.sinks.overlay import Overlay, clock
from tests.fakes import prediction, result


def drawn(
    width: int, height: int, *, grey: int = 128, labels: tuple[str, ...] = ("cat", "dog")
) -> Image:
    probs = np.array([0.75, 0.25], np.float32)
    image = np.full((height, width, 3), grey, np.uint8)
    overlay = Overlay(Typeface(None, labels), width, height, 3)
    overlay.draw(image, result(raw=Prediction(probs, labels), steady=labels[0], image=image), 25.0)
    return image


@pytest.mark.parametrize(
    ("width", "height"), [(320, 180), (426, 240), (1280, 720), (720, 1280), (3840, 2160)]
)
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_the_panel_is_in_the_picture_and_its_text_stands_out(
    width: int, height: int, grey: int
) -> None:
    image = drawn(width, height, grey=grey)
    changed = np.argwhere((image != grey).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert top >= 0 and left >= 0
    assert bottom < height * 0.62 and right < width * 0.8  # most of the picture stays free
    panel = image[top : bottom + 1, left : right + 1]
    # White text (255) on what is left of the picture, at most 28 % of white: a contrast of over 7.
    assert panel.max() == 255
    assert np.median(panel) <= 80
    assert (panel.min(axis=2) > 200).sum() > 100  # as many px of text


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (2, 2), (16, 16), (64, 48), (200, 20), (20, 200)]
)
def test_too_small_pictures_stay_as_they_are(width: int, height: int) -> None:
    assert (drawn(width, height) == 128).all()


def test_bars_are_as_long_as_the_probabilities() -> None:
    """0.75 and 0.25; nothing but the bars is blue (BGR)."""
    image = drawn(1280, 720, grey=0).astype(int)
    blue = (image[..., 0] - image[..., 2] > 100).sum(axis=1)  # px a line
    starts = [y for y in range(1, 720) if blue[y] and not blue[y - 1]]
    assert len(starts) == 2
    assert blue[starts[0]] == pytest.approx(3 * blue[starts[1]], rel=0.05)


def test_long_labels_are_cut_and_stay_within_the_panel() -> None:
    short = drawn(640, 360, labels=("cat", "dog"))
    long = drawn(640, 360, labels=("a very long label that never ends " * 5, "dog"))
    same_panel = (short != 128).any(axis=2).any(axis=0) == (long != 128).any(axis=2).any(axis=0)
    assert same_panel.all()


def test_unknown_is_said() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    overlay = Overlay(Typeface(None, ()), 640, 360, 3)
    overlay.draw(image, result(raw=prediction(), steady=None), 25.0)
    assert image.any()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00.000"), (59.9996, "01:00.000"), (3661.25, "1:01:01.250"), (-0.007, "-00:00.007")],
)
def test_times_are_shown_like_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


AMBER = (60, 190, 255)  # BGR
OK = Status("ok", "", fps=29.9, labels_fps=24.0, age_ms=35.0, dropped=7)
LOST = replace(OK, state="no_signal", reason="connection refused", age_ms=None)


def drawn_live(
    status: Status,
    *,
    size: tuple[int, int] = (1280, 720),
    steady: str | None = "cat",
    utc: float = 1.7e9,
) -> Image:
    width, height = size
    image = np.full((height, width, 3), 128, np.uint8)
    one = result(raw=prediction(), steady=steady, image=image)
    one = replace(one, status=status, frame=replace(one.frame, captured_utc=utc))
    Overlay(Typeface(None, ()), width, height, 3, live=True).draw(image, one, 25.0)
    return image


def panel(image: Image) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what was drawn, end exclusive."""
    changed = np.argwhere((image != 128).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    return int(top), int(bottom) + 1, int(left), int(right) + 1


def amber(image: Image) -> int:
    """How many px are exactly of that colour."""
    return int((image == AMBER).all(axis=2).sum())


def lines(image: Image) -> list[tuple[int, int]]:
    """First and last px row of each line of text in the panel."""
    top, bottom, left, right = panel(image)
    bright = (image[top:bottom, left:right].max(axis=2) > 140).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], bright.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def test_a_good_signal_shows_the_label_and_nothing_amber() -> None:
    image = drawn_live(OK)
    assert amber(image) == 0
    assert (image != drawn_live(OK, steady="dog")).any()


@pytest.mark.parametrize("state", ["connecting", "no_signal", "stale", "late", "frozen", "black"])
def test_a_bad_signal_shows_its_state_in_amber_and_no_label(state: State) -> None:
    bad = replace(LOST, state=state)
    image = drawn_live(bad)
    assert amber(image) > 50
    assert (image == drawn_live(bad, steady="dog")).all()
    blue = image[..., 0].astype(int) - image[..., 2] > 100  # nothing but the bars
    assert not blue.any()
    assert (image != drawn_live(replace(bad, state="damaged"))).any()


def test_the_reason_is_in_it() -> None:
    image, other = drawn_live(LOST), drawn_live(replace(LOST, reason="wrong password"))
    changed = np.argwhere((image != other).any(axis=2))
    (top, _), (bottom, _) = changed.min(axis=0), changed.max(axis=0)
    (_, title_end), *_, (foot, _), _ = lines(image)
    start = panel(image)[0]
    assert start + title_end < top <= bottom < start + foot  # between the state and the rates


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 240), (3840, 2160)])
def test_a_long_reason_takes_more_lines_and_stays_in_the_panel(size: tuple[int, int]) -> None:
    short = drawn_live(LOST, size=size)
    long = drawn_live(
        replace(LOST, reason="the camera gives no pictures since nobody knows when " * 5), size=size
    )
    assert panel(short) == panel(long)
    assert len(lines(long)) >= len(lines(short))
    top, bottom, left, right = panel(long)
    foot = lines(long)[-2][0]
    # The rates below it are as they were, and there is an edge left and right of it.
    assert (long[top + foot : bottom] == short[top + foot : bottom]).all()
    assert long[top:bottom, left : left + 3].max() < 100
    assert long[top:bottom, right - 3 : right].max() < 100


def test_a_long_reason_is_broken_between_words() -> None:
    image = drawn_live(replace(LOST, reason="connection refused by the camera in the far corner"))
    assert len(lines(image)) == 1 + 2 + 2  # state, reason, age and rates


def test_a_word_that_is_longer_than_a_line_stays_within_the_edges() -> None:
    image = drawn_live(replace(LOST, reason="x" * 200))
    top, bottom, _, right = panel(image)
    assert image[top:bottom, right - 3 : right].max() < 100


def test_a_word_that_is_longer_than_a_line_begins_on_the_first_one() -> None:
    word = drawn_live(replace(LOST, reason="x" * 200))
    assert lines(word)[1][0] == pytest.approx(lines(drawn_live(LOST))[1][0], abs=10)


def test_a_bad_signal_without_a_reason() -> None:
    assert len(lines(drawn_live(replace(LOST, reason="")))) == 1 + 2


def test_age_rates_drops_and_time_are_shown() -> None:
    image = drawn_live(OK)
    foot = panel(image)[0] + lines(image)[-2][0]
    for other in (
        drawn_live(replace(OK, age_ms=350.0)),
        drawn_live(replace(OK, age_ms=None)),
        drawn_live(replace(OK, fps=12.0)),
        drawn_live(replace(OK, labels_fps=3.0)),
        drawn_live(replace(OK, dropped=8)),
        drawn_live(OK, utc=1.7e9 + 1),
    ):
        assert (image[foot:] != other[foot:]).any()
        assert (image[:foot] == other[:foot]).all()


def test_an_output_that_failed_is_said_in_amber() -> None:
    image = drawn_live(replace(OK, failed=("csv",)))
    assert amber(image) > 20
    assert (image != drawn_live(replace(OK, failed=("video",)))).any()


@pytest.mark.parametrize("status", [OK, LOST])
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (16, 16), (64, 48), (200, 20), (20, 200), (160, 60)]
)
def test_tiny_live_pictures_stay_as_they_are(status: Status, size: tuple[int, int]) -> None:
    assert (drawn_live(status, size=size) == 128).all()


@pytest.mark.parametrize("status", [OK, LOST])
def test_every_size_is_either_drawn_into_or_left_alone(status: Status) -> None:
    """Nothing raises, and nothing is cut off at the picture's edge."""
    left_alone = set()
    for width in (8, 40, 90, 130, 180, 320):
        for height in (8, 40, 60, 80, 100, 130, 240):
            image = drawn_live(status, size=(width, height))
            if (image == 128).all():
                left_alone.add((width, height))
                continue
            top, bottom, left, right = panel(image)
            assert top > 0 and left > 0 and bottom < height and right < width
    assert (8, 8) in left_alone and (320, 240) not in left_alone
