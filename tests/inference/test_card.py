from dataclasses import replace
from pathlib import Path

import pytest

from streamcls.errors import ModelSettingsError
from streamcls.inference.card import clean_labels, read_labels, with_input_size
from tests.inference.networks import card


@pytest.mark.parametrize(
    ("size", "resize", "wanted", "expected"),
    [
        (224, 256, 160, 183),  # 256 / 224 * 160 = 182.86
        (224, 256, 448, 512),
        (224, 232, 112, 116),
        (299, 342, 299, 342),
        (64, 64, 96, 96),
    ],
)
def test_the_resize_follows_the_input_size(
    size: int, resize: int, wanted: int, expected: int
) -> None:
    """So that as much of the picture is seen as before."""
    before = replace(card(3), input_size=size, resize=resize)
    found = with_input_size(before, wanted)
    assert (found.input_size, found.resize) == (wanted, expected)
    assert (found.labels, found.mean, found.sha256) == (before.labels, before.mean, before.sha256)
    assert (before.input_size, before.resize) == (size, resize)


def test_class_names_are_cleaned_of_what_can_not_be_printed() -> None:
    given = ["bolt", " outer  blanks ", "two\nlines", "a\u2028b", "\x1b[31mred", "", "\n", "क्‍ष"]
    expected = ("bolt", "outer blanks", "two lines", "a b", "[31mred", "class 5", "class 6", "क्‍ष")
    assert clean_labels(given) == expected


def test_labels_are_lines(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes("\ufeffÄpfel\r\n水瓶\nc, d\n\n".encode())
    assert read_labels(tmp_path / "l.txt") == ("Äpfel", "水瓶", "c, d")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"a\n\nb\n", r"l\.txt:2: blank"), (b"\xff\xfe", "not a text file")],
)
def test_labels_files_that_are_wrong(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(ModelSettingsError, match=message):
        read_labels(tmp_path / "l.txt")
