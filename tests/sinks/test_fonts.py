import pwd
from pathlib import Path

import pytest
from PIL import ImageFont

from streamcls.errors import OutputPathError
from streamcls.sinks import fonts
from streamcls.sinks.fonts import Typeface


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
