import pwd
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from streamcls.errors import OutputPathError
from streamcls.records import Image, Prediction
from streamcls.sinks import fonts
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


def test_a_missing_glyph_is_said_and_not_drawn_as_a_box(caplog: pytest.LogCaptureFixture) -> None:
    typeface = Typeface(None, ["Tür \U000f0001"])  # private use: no font has it
    assert "no glyph for \U000f0001" in caplog.text
    assert "--font" in caplog.text
    assert typeface.drawable("Tür \U000f0001") == "Tür ?"


def test_an_accent_that_a_font_lacks_is_no_box_either() -> None:
    """Devanagari, whose vowel signs are drawn around a letter."""
    typeface = Typeface(Path("DejaVuSans.ttf"), ["शब्द"])
    assert typeface.drawable("शब्द") == "????"


def test_any_font_of_the_system_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed = Path(str(ImageFont.truetype("DejaVuSans.ttf", 9).path))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "Nobody Knows.ttf").write_bytes(installed.read_bytes())
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(fonts, "_CANDIDATES", ())
    monkeypatch.setattr(fonts, "_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    assert Typeface(None, ["Жук"]).drawable("Жук") == "Жук"
    assert caplog.text == ""


def test_a_user_without_a_home_has_fonts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""

    def nobody(_number: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(fonts, "_CANDIDATES", ())
    assert Typeface(None, ["cat"]).drawable("cat") == "cat"


def test_accents_need_no_other_font(caplog: pytest.LogCaptureFixture) -> None:
    assert Typeface(None, ["Äpfel", "café"]).drawable("Äpfel café") == "Äpfel café"
    assert caplog.text == ""


def test_a_font_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "f.ttf").write_bytes(b"no font")
    for path in (tmp_path / "f.ttf", tmp_path / "missing.ttf"):
        with pytest.raises(OutputPathError, match="not a font"):
            Typeface(path, ["a"])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00.000"), (59.9996, "01:00.000"), (3661.25, "1:01:01.250"), (-0.007, "-00:00.007")],
)
def test_times_are_shown_like_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
