"""Pictures from files: found, and read the way a person sees them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from streamcls.errors import PictureError
from streamcls.media import cv2
from streamcls.records import Image

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_OTHERS = (
    ".png",
    ".webp",
    ".bmp",
    ".dib",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".avif",
    ".jp2",
)
_ENDINGS = frozenset((*_JPEG, *_OTHERS))


def find_pictures(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are given; of folders, every picture in them and below, sorted by path."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = (inner for inner in path.rglob("*") if inner.suffix.lower() in _ENDINGS)
        yield from sorted(inner for inner in found if inner.is_file())


def read_picture(path: Path) -> Image:
    """(H, W, 3) uint8 BGR, turned as EXIF says; of an animation the first picture.

    Transparency is dropped.

    Raises:
        PictureError: missing, no picture, or damaged.
    """
    try:
        with PillowImage.open(path) as opened:
            return upright_bgr(opened)
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: not a picture, or its beginning is damaged") from error
    except PillowImage.DecompressionBombError as error:
        raise PictureError(f"{path}: too large: {error}") from error
    except Exception as error:  # what Pillow's readers raise on damaged files has no bounds
        raise PictureError(
            f"{path}: can't be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def upright_bgr(opened: PillowImage.Image) -> Image:
    """(H, W, 3) uint8 BGR of an open picture, as `read_picture` gives it.

    Raises:
        Exception: any; what Pillow's readers raise on damaged files has no bounds.
    """
    ImageOps.exif_transpose(opened, in_place=True)  # copies of 50 MP fill the memory
    upright = opened
    if upright.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255
        upright = upright.point(lambda value: value / 256).convert("L")
    if upright.mode != "RGB":
        upright = upright.convert("RGB")
    rgb = np.asarray(upright, np.uint8)  # (H, W, 3)
    return np.asarray(
        cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8
    )  # numpy takes 50 times as long
