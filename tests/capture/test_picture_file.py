from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamcls.capture.picture_file import find_pictures, read_picture
from streamcls.errors import PictureError


@pytest.fixture
def corner() -> Image.Image:
    """8x4 px, its upper left quarter red."""
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:2, :4] = (255, 0, 0)
    return Image.fromarray(pixels)


def test_the_order_of_colours_is_bgr(corner: Image.Image, tmp_path: Path) -> None:
    corner.save(tmp_path / "a.png")
    image = read_picture(tmp_path / "a.png")
    assert image.shape == (4, 8, 3)
    assert image[0, 0].tolist() == [0, 0, 255]
    assert image.flags.c_contiguous


def test_exif_turns_the_picture(corner: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    corner.save(tmp_path / "a.png", exif=exif)
    image = read_picture(tmp_path / "a.png")
    assert image.shape == (8, 4, 3)
    assert image[0, 3].tolist() == [0, 0, 255]
    assert image[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA", "YCbCr"])
def test_any_mode_becomes_three_channels(corner: Image.Image, mode: str, tmp_path: Path) -> None:
    corner.convert("RGB").convert(mode).save(
        tmp_path / "a.tif" if mode != "P" else tmp_path / "a.gif"
    )
    found = next(tmp_path.iterdir())
    assert read_picture(found).shape == (4, 8, 3)


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 32768, np.uint16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png")[0, 0].tolist() == [128, 128, 128]


def test_an_animation_gives_its_first_picture(corner: Image.Image, tmp_path: Path) -> None:
    corner.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (8, 4), "blue")])
    assert read_picture(tmp_path / "a.gif")[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif", "a.tif", "a.gif", "a.jp2"])
def test_damaged_pictures_are_one_kind_of_error(name: str, tmp_path: Path) -> None:
    """What Pillow raises has no bounds: RuntimeError for AVIF, struct.error, …"""
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), 8):
            damaged[at % 400 % len(whole)] ^= 1 << int(random.integers(8))
        (tmp_path / name).write_bytes(damaged)
        try:
            assert read_picture(tmp_path / name).dtype == np.uint8
        except PictureError as error:
            refused += 1
            assert str(error).startswith(str(tmp_path / name))
    assert refused


def test_broken_pictures_are_one_error(corner: Image.Image, tmp_path: Path) -> None:
    corner.resize((400, 400)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    cases = {"missing.png": None, "empty.png": b"", "text.png": b"hello", "cut.png": whole[:200]}
    for name, content in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(PictureError, match=name):
            read_picture(tmp_path / name)


def test_folders_give_their_pictures_sorted_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/c.webp", "notes.txt", "sub/deep/d.bmp", "clip.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(p.relative_to(tmp_path)) for p in find_pictures([tmp_path])]
    assert found == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.bmp"]


def test_a_file_that_is_named_is_taken_whatever_it_is(tmp_path: Path) -> None:
    assert list(find_pictures([tmp_path / "notes.txt"])) == [tmp_path / "notes.txt"]
