"""ZIPs and other archives that strangers may send, made by code."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Iterator

from tests.integration.hostile import ARCHIVE, BROKEN, GOOD, LARGE, OK, Case, encoded, flat_png

NAME = "holiday.zip"


def zipped(*entries: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP with these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=kind)
    return file.getvalue()


def unpacking_to(megabytes: int, kind: int) -> bytes:
    """A ZIP of a file of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive, archive.open("big.jpg", "w") as inside:
        for _ in range(megabytes):
            inside.write(bytes(1_000_000))
    return file.getvalue()


def link() -> bytes:
    """A ZIP with a symbolic link."""
    file, info = io.BytesIO(), zipfile.ZipInfo("link.jpg")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return file.getvalue()


def lying(*, size: int) -> bytes:
    """A ZIP that says of a file of 20 MB that it is of that many bytes."""
    data = bytearray(unpacking_to(20, zipfile.ZIP_DEFLATED))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    data[22:26] = struct.pack("<I", size)
    return bytes(data)


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """Other bytes in the first entry of the list of files."""
    made = bytearray(data)
    at = made.rindex(b"PK\x01\x02") + offset
    made[at : at + len(value)] = value
    return bytes(made)


def overlapping(count: int) -> bytes:
    """Many entries with one content."""
    single = zipped(("a.jpg", bytes(9_000_000)))
    at, end = single.index(b"PK\x01\x02"), single.index(b"PK\x05\x06")
    listed = single[at:end] * count
    tail = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, min(count, 65535), min(count, 65535), len(listed), at, 0
    )
    return single[:at] + listed + tail


def far_away() -> bytes:
    """A ZIP64 whose one file begins at byte 2^64 - 1."""
    data = zipped(("a.jpg", GOOD))
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = bytearray(data[at:end])
    entry[42:46] = b"\xff" * 4
    extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    entry[30:32] = struct.pack("<H", len(extra))
    listed = bytes(entry) + extra
    return (
        data[:at] + listed + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), at, 0)
    )


def bombs() -> Iterator[Case]:
    """That unpack to more than is taken."""
    one = zipped(("a.jpg", GOOD))
    yield Case("ZIP of 100 MB in 100 kB", unpacking_to(100, zipfile.ZIP_DEFLATED), LARGE, NAME)
    for name, kind in (("bzip2", zipfile.ZIP_BZIP2), ("LZMA", zipfile.ZIP_LZMA)):
        yield Case(f"{name} ZIP of 40 MB", unpacking_to(40, kind), ARCHIVE, NAME)
    yield Case("ZIP, 100 files of one content of 9 MB", overlapping(100), (422, None), NAME)
    yield Case("ZIP with a list of 100,000 files", overlapping(100_000), ARCHIVE, NAME)
    yield Case("ZIP that says 0 bytes of 20 MB", lying(size=0), BROKEN, NAME)
    yield Case("ZIP that says 100 bytes of 20 MB", lying(size=100), BROKEN, NAME)
    yield Case("ZIP that says 4 GB of 20 MB", lying(size=2**32 - 2), LARGE, NAME)
    yield Case("ZIP with a file of 12 MB", zipped(("a.jpg", bytes(12_000_000))), LARGE, NAME)
    yield Case("100 files", zipped(*((f"{i}.jpg", GOOD) for i in range(100))), OK, NAME)
    many = zipped(*((f"{i}.jpg", b"x") for i in range(1001)))
    yield Case("1,001 files", many, ARCHIVE, NAME)
    yield Case(
        "ZIP of a PNG of 100000x100000",
        zipped(("a.png", flat_png(100_000, 100_000, rows=1))),
        (413, "too_many_pixels"),
        NAME,
    )
    yield Case("ZIP in a ZIP", zipped(("b.zip", one)), ARCHIVE, NAME)
    yield Case("ZIP in a ZIP, beside a picture", zipped(("b.zip", one), ("a.jpg", GOOD)), OK, NAME)
    yield Case("tar.gz in a ZIP", zipped(("b.jpg", gzip.compress(GOOD))), ARCHIVE, NAME)


def others() -> Iterator[Case]:
    """Archives that are no ZIP."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD))
    yield Case("tar", file.getvalue(), ARCHIVE, "a.tar")
    yield Case("gzip", gzip.compress(GOOD), ARCHIVE, "a.gz")
    yield Case("xz", lzma.compress(GOOD), ARCHIVE, "a.xz")
    yield Case("7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60), ARCHIVE, "a.7z")
    yield Case("RAR", b"Rar!\x1a\x07\x01\x00" + bytes(60), ARCHIVE, "a.rar")


def names() -> Iterator[Case]:
    """Whose files have names that are tricks, or only look like it."""
    tricks = {
        "../": "../../etc/cron.d/a.jpg",
        "../ in the middle": "a/../../b.jpg",
        "absolute": "/etc/a.jpg",
        "drive letter": "C:\\a.jpg",
        "drive letter, relative": "C:a.jpg",
        "backslashes": "..\\..\\a.jpg",
        "share": "\\\\host\\share\\a.jpg",
    }
    for what, name in tricks.items():
        yield Case(f"name in a ZIP: {what}", zipped((name, GOOD)), ARCHIVE, NAME)
    harmless = {
        "5,000 characters": "x" * 5000 + ".jpg",
        "control characters": "a\x01\x1b[31m\r\nb.jpg",
        "right to left": "a\u202egpj.exe",
        "a quote, a tag": "\"'<img src=x onerror=alert(1)>.jpg",
        "formula": "=1+1|cmd.jpg",
        "only dots": "...",
        "two of a name": "a.jpg",
    }
    for what, name in harmless.items():
        picture = zipped((name, GOOD), ("a.jpg", GOOD)) if name != "a.jpg" else None
        if picture is None:
            picture = zipped(("a.jpg", GOOD), ("b.jpg", GOOD)).replace(b"b.jpg", b"a.jpg")
        yield Case(f"name in a ZIP: {what}", picture, OK, NAME)
    null = zipped(("aXjpg", GOOD)).replace(b"aXjpg", b"a\x00jpg")
    yield Case("name in a ZIP: NUL", null, OK, NAME)
    yield Case(
        "name in a ZIP: no UTF-8",
        patched(null, 8, b"\x00\x08").replace(b"a\x00jpg", b"\xff\xfejpg"),
        ARCHIVE,
        NAME,
    )
    yield Case("symbolic link in a ZIP", link(), ARCHIVE, NAME)


def damaged() -> Iterator[Case]:
    """Broken, empty, locked, and oddly packed ones."""
    one = zipped(("a.jpg", GOOD), kind=zipfile.ZIP_STORED)
    nothing = (422, "no_pictures")
    yield Case("empty ZIP", zipped(), nothing, NAME)
    yield Case("ZIP of folders only", zipped(("a/", b""), ("b/", b"")), nothing, NAME)
    hidden = zipped(("__MACOSX/._a.jpg", b"x"), (".DS_Store", b"x"))
    yield Case("ZIP of what a Mac leaves", hidden, nothing, NAME)
    yield Case(
        "the same beside a picture",
        zipped(("__MACOSX/._a.jpg", b"x"), ("a/", b""), ("a/b.jpg", GOOD)),
        OK,
        NAME,
    )
    for share in (0.1, 0.5, 0.99):
        yield Case(f"ZIP, the first {share:.0%}", one[: int(len(one) * share)], ARCHIVE, NAME)
    yield Case("ZIP with a password", patched(one, 8, b"\x01\x00"), ARCHIVE, NAME)
    for method in (1, 9, 12, 14, 93, 97, 98, 99):
        data = patched(one, 10, struct.pack("<H", method))
        yield Case(f"ZIP packed by method {method}", data, ARCHIVE, NAME)
    yield Case("ZIP with a wrong CRC", patched(one, 16, b"\x00" * 4), BROKEN, NAME)
    yield Case(
        "ZIP with a wrong CRC beside a good one",
        patched(zipped(("b.jpg", GOOD), ("a.jpg", GOOD)), 16, b"\x00" * 4),
        OK,
        NAME,
    )
    yield Case(
        "ZIP whose file begins elsewhere", patched(one, 42, b"\xff\xff\xff\x0f"), BROKEN, NAME
    )
    yield Case("ZIP64 whose file begins at 2^64 - 1", far_away(), BROKEN, NAME)
    yield Case("ZIP for version 25.5", patched(one, 6, b"\xff\x00"), ARCHIVE, NAME)
    turned = bytearray(zipped(("a.png", encoded("PNG"))))
    turned[60:80] = bytes(20)
    yield Case("ZIP with damaged packed data", bytes(turned), BROKEN, NAME)
    yield Case("JPEG that is a ZIP, too", GOOD + one, OK, "both.jpg")
    yield Case("ZIP that is a JPEG, too", one[:-22] + GOOD + one[-22:], ARCHIVE, NAME)


def archives() -> list[Case]:
    """All of them."""
    return [*bombs(), *others(), *names(), *damaged()]
