"""Pictures that strangers send: what they are is told by their content, and nothing is trusted."""

import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from streamcls.capture.picture_file import upright_bgr
from streamcls.records import Image
from streamcls.web.passes import passes
from streamcls.web.problems import Problem
from streamcls.web.rules import Rules

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8")  # of those that can be told by theirs
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty one
# By their first bytes, archives that would have to be unpacked to see what is in them.
_ARCHIVES = (*_ZIP, b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
_TAR_AT, _TAR = 257, b"ustar"
_BIG_PIXELS = 4_000_000  # such pictures are unpacked one or two at a time
_PAINTED_PIXELS = 5_000_000_000  # by all passes of a picture: 100 of the largest
_LIST_BYTES = 2_000_000  # of an archive's list of files: 10,000 with long names
_NAME = 200  # characters of a name that are shown
# Also halves of UTF-16 pairs, which no answer could hold.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_OTHER_ARCHIVE = "an archive within another, or one that is no ZIP; unpack it first"


class Refused(Exception):
    """A picture that is not classified: a code of `problems.TITLES`, and a line for people."""

    def __init__(self, code: str, reason: str) -> None:
        """See above."""
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A picture as it came: its name, for people, and its content, or why it is not taken."""

    name: str
    data: bytes = b""
    refused: Refused | None = None


@dataclass(slots=True, eq=False)
class Opened:
    """A picture whose head was read.

    Attributes:
        is_big: whether it takes much memory when it is unpacked.
    """

    _picture: PillowImage.Image

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self._picture.width * self._picture.height

    @property
    def is_big(self) -> bool:
        """See above."""
        return self.pixels > _BIG_PIXELS

    def unpacked(self) -> Image:
        """It as (H, W, 3) uint8 BGR, turned as EXIF says; of an animation the first picture.

        Raises:
            Refused: it is damaged.
        """
        try:
            with self._picture as picture:
                return upright_bgr(picture)
        except Exception as error:  # what Pillow's readers raise on damaged files has no bounds
            raise Refused("broken", f"it is damaged: {_plain(str(error))}") from error


def opened(data: bytes, rules: Rules) -> Opened:
    """Reads the head of a picture.

    Raises:
        Refused: too large, none, or its head is damaged.
    """
    if len(data) > rules.image_bytes:
        raise _too_large(rules)
    if not data:
        raise Refused("broken", "the file is empty")
    if is_archive(data):
        raise Refused("archive", _OTHER_ARCHIVE)
    try:
        picture = PillowImage.open(BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        if data.startswith(_BEGINNINGS):
            raise Refused("broken", "it is damaged at its beginning") from None
        raise Refused("not_a_picture", "not a JPEG, PNG, WebP, BMP or GIF") from None
    except PillowImage.DecompressionBombError:
        raise _too_many_pixels(rules) from None
    except Exception as error:
        raise Refused("broken", f"it is damaged: {_plain(str(error))}") from error
    if picture.width * picture.height > rules.image_pixels:
        picture.close()
        raise _too_many_pixels(rules)
    is_jpeg = picture.format in ("JPEG", "MPO")
    if is_jpeg and picture.width * picture.height * passes(data) > _PAINTED_PIXELS:
        picture.close()
        raise Refused("broken", "it is painted in more passes than any picture needs")
    return Opened(picture)


def is_archive(head: bytes) -> bool:
    """Whether a content begins as that of an archive."""
    return head.startswith(_ARCHIVES) or head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def is_zip(head: bytes) -> bool:
    """Whether a content begins as that of a ZIP."""
    return head.startswith(_ZIP)


def in_zip(file: IO[bytes], name: str, rules: Rules) -> Iterator[Sent]:
    """The pictures of a ZIP, one at a time; nothing is written to a disk.

    Args:
        file: the archive.
        name: what it is called.
        rules: how much of it is taken.

    Raises:
        Problem: it is damaged, or holds too much.
    """
    listing = _Listing(file)
    try:
        archive = zipfile.ZipFile(listing)
    except Exception as error:  # what it raises on damaged files has no bounds
        raise Problem(422, "archive", f"{name}: a damaged ZIP: {_plain(str(error))}") from error
    listing.is_read = True
    with archive:
        wanted = [one for one in archive.infolist() if _may_be_picture(one)]
        if len(wanted) > rules.archive_pictures:
            raise Problem(
                413,
                "archive",
                f"{name}: {len(wanted)} files; {rules.archive_pictures} are taken at a time",
            )
        left = rules.archive_bytes
        for one in wanted:
            sent = _taken(archive, one, f"{name}/{plain_name(one.filename)}", rules, left)
            left -= len(sent.data)
            yield sent


def _taken(
    archive: zipfile.ZipFile, one: zipfile.ZipInfo, shown: str, rules: Rules, left: int
) -> Sent:
    """One file of a ZIP: never more of it than is allowed, whatever its head says of its size."""
    try:
        _check(one)
        most = min(rules.image_bytes, max(0, left))
        data = _content(archive, one, most + 1)
        if len(data) > most:
            if most < rules.image_bytes:
                raise Refused("archive", "the archive unpacks to more than is taken")
            raise _too_large(rules)
        return Sent(shown, data)
    except Refused as refused:
        return Sent(shown, refused=refused)


def _content(archive: zipfile.ZipFile, one: zipfile.ZipInfo, most: int) -> bytes:
    try:
        with archive.open(one) as content:
            return content.read(most)
    except Exception as error:  # as above
        raise Refused("broken", f"damaged in the ZIP: {_plain(str(error))}") from error


class _Listing:
    """A ZIP as `zipfile` reads it: a list of millions of files would fill the memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.is_read = False
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _LIST_BYTES and not self.is_read:
            raise zipfile.BadZipFile("its list of files is too long")
        return self._file.read(size)


def _check(one: zipfile.ZipInfo) -> None:
    name = one.filename
    tricks = name.startswith(("/", "\\")) or ":" in name or ".." in re.split(r"[/\\]", name)
    if tricks or stat.S_ISLNK(one.external_attr >> 16):
        raise Refused("archive", "a name that leads out of the archive")
    if one.flag_bits & 0x1:
        raise Refused("archive", "it needs a password")
    if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python unpacks those without a bound: 4 GB of memory for 4 kB.
        raise Refused("archive", "packed in another way than ZIPs usually are")


def _may_be_picture(one: zipfile.ZipInfo) -> bool:
    """Not folders, nor what systems put beside files."""
    parts = re.split(r"[/\\]", one.filename)
    return not one.is_dir() and "__MACOSX" not in parts and not parts[-1].startswith(".")


def plain_name(name: str) -> str:
    """A name that somebody sent, to be shown: without what moves the text around it."""
    return _CONTROL.sub("\ufffd", name.replace("\\", "/"))[-_NAME:] or "picture"


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text)[:_NAME]


def _too_large(rules: Rules) -> Refused:
    return Refused("too_large", f"larger than {rules.image_bytes / 1e6:g} MB")


def _too_many_pixels(rules: Rules) -> Refused:
    return Refused("too_many_pixels", f"more than {rules.image_pixels / 1e6:g} million pixels")
