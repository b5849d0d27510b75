"""Pictures that strangers may send, made by code: each with what has to be answered."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, PngImagePlugin

OK = (200, None)
NOT_A_PICTURE = (415, "not_a_picture")
BROKEN = (422, "broken")
MANY_PIXELS = (413, "too_many_pixels")
LARGE = (413, "too_large")
ARCHIVE = (422, "archive")
ANY = (0, None)  # whatever it is, it is an answer


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and the status and code of its answer."""

    name: str
    data: bytes
    answer: tuple[int, str | None]
    file: str = "picture.jpg"


def photo(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """With something in it, always the same."""
    noise = random.Random(7).randbytes(width * height * 3)
    picture = Image.frombytes("RGB", (width, height), noise)
    picture.paste((200, 30, 30), (width // 4, height // 4, width // 2, height // 2))
    return picture.convert(mode)


def encoded(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    """A picture as a file of a kind."""
    file = io.BytesIO()
    (picture or photo()).save(file, kind, **options)
    return file.getvalue()


GOOD = encoded("JPEG")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """Of one bit a pixel; `rows` of it are there."""
    line = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(line) for _ in range(height if rows is None else rows))
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IDAT", pixels + packer.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """A good PNG with one more chunk behind its head."""
    png = encoded("PNG")
    return png[:33] + chunk(kind, data) + png[33:]


def with_segment(marker: int, data: bytes, jpeg: bytes = GOOD) -> bytes:
    """A good JPEG with segments behind its beginning; too long a content makes several."""
    pieces = [data[at : at + 65533] for at in range(0, len(data), 65533)] or [b""]
    made = (struct.pack(">BBH", 0xFF, marker, len(one) + 2) + one for one in pieces)
    return jpeg[:2] + b"".join(made) + jpeg[2:]


def many_passes(count: int, side: int = 4000) -> bytes:
    """A progressive JPEG whose last pass comes again and again."""
    jpeg = encoded("JPEG", Image.new("L", (side, side), 128), progressive=True, quality=50)
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * count + jpeg[-2:]


def lying_bmp(width: int, height: int) -> bytes:
    """Of which there is next to nothing."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 12, 0, 0, 54) + head + bytes(12)


def lying_gif(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    """A GIF whose screen is as large as it says, or its first picture."""
    gif = bytearray(encoded("GIF", photo(16, 16, "P")))
    gif[6:10] = struct.pack("<HH", width, height)
    if frame is not None:
        at = gif.index(b"\x2c", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
        gif[at + 5 : at + 9] = struct.pack("<HH", *frame)
    return bytes(gif)


def lying_webp(width: int, height: int) -> bytes:
    """One without loss whose head says another size."""
    webp = bytearray(encoded("WEBP", lossless=True))
    at = webp.index(b"VP8L") + 9
    bits = (width - 1) | (height - 1) << 14
    webp[at : at + 4] = struct.pack("<I", bits | (webp[at + 3] >> 4) << 28)
    return bytes(webp)


def animated(kind: str) -> bytes:
    """Two pictures, the first with something in it."""
    return encoded(kind, save_all=True, append_images=[Image.new("RGB", (96, 64))], duration=100)


def strangers() -> Iterator[Case]:
    """Contents that are no picture of a kind that is taken, whatever they are called."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    html = b"<!doctype html><script>fetch('//x')</script>"
    yield Case("empty file", b"", BROKEN)
    yield Case("one byte", b"\xff", NOT_A_PICTURE)
    yield Case("text", b"this is no picture\n" * 50, NOT_A_PICTURE)
    yield Case("HTML", html, NOT_A_PICTURE)
    yield Case("SVG", svg, NOT_A_PICTURE, "x.svg")
    yield Case("PDF", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF", NOT_A_PICTURE)
    yield Case("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage", NOT_A_PICTURE)
    yield Case("EXE", b"MZ\x90\x00" + bytes(300), NOT_A_PICTURE)
    yield Case("ELF", b"\x7fELF\x02\x01\x01" + bytes(300), NOT_A_PICTURE)
    for kind in ("TIFF", "PPM", "ICO", "AVIF", "TGA", "JPEG2000", "PCX"):
        yield Case(f"a real {kind}", encoded(kind), NOT_A_PICTURE)
    yield Case("a PNG called .jpg", encoded("PNG"), OK)
    yield Case("a JPEG called .exe", GOOD, OK, "setup.exe")
    yield Case("a JPEG with HTML behind it", GOOD + html, OK)
    yield Case("HTML with a JPEG behind it", html + GOOD, NOT_A_PICTURE)


def kinds() -> Iterator[Case]:
    """Odd ones that are right."""
    picture = photo()
    yield Case("CMYK JPEG", encoded("JPEG", photo(mode="CMYK")), OK)
    yield Case("grey JPEG", encoded("JPEG", photo(mode="L")), OK)
    yield Case("progressive JPEG", encoded("JPEG", progressive=True), OK)
    yield Case("16-bit grey PNG", encoded("PNG", photo(mode="L").convert("I;16")), OK)
    palette = encoded("PNG", photo(mode="P"), transparency=3)
    yield Case("palette PNG with transparency", palette, OK)
    yield Case("PNG with transparency", encoded("PNG", photo(mode="RGBA")), OK)
    yield Case("grey PNG with transparency", encoded("PNG", photo(mode="LA")), OK)
    yield Case("PNG of one bit", encoded("PNG", photo(mode="1")), OK)
    yield Case("WebP with transparency", encoded("WEBP", photo(mode="RGBA")), OK)
    yield Case("BMP", encoded("BMP"), OK)
    for kind in ("GIF", "WEBP", "PNG"):
        yield Case(f"animated {kind}", animated(kind), OK)
    for turned in range(10):
        exif = Image.Exif()
        exif[0x0112] = turned
        yield Case(f"EXIF orientation {turned}", encoded("JPEG", picture, exif=exif), OK)
    broken = (
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x01\x12\x00\x03\xff\xff\xff\xff" * 9
    )
    yield Case("broken EXIF", with_segment(0xE1, broken), OK)
    yield Case("EXIF that is text", with_segment(0xE1, b"Exif\x00\x00" + b"A" * 900), OK)
    yield Case("9 MB of APP segments", with_segment(0xEB, bytes(9_000_000)), OK)
    yield Case("APP segment with lengths of 0", GOOD[:2] + b"\xff\xe5\x00\x00" + GOOD[2:], ANY)
    yield Case("1x1", encoded("PNG", photo(1, 1)), OK)


def sizes() -> Iterator[Case]:
    """Large, long, and lying ones."""
    for width, height in ((1, 50_000), (50_000, 1), (3, 20_000)):
        yield Case(f"PNG {width}x{height}", encoded("PNG", photo(width, height)), OK)
    yield Case("JPEG 1x65000", encoded("JPEG", photo(1, 65_000)), OK)
    yield Case("PNG 100000x100000", flat_png(100_000, 100_000, rows=1), MANY_PIXELS)
    yield Case("PNG (2^31-1)x(2^31-1)", flat_png(2**31 - 1, 2**31 - 1, rows=0), MANY_PIXELS)
    yield Case("PNG 0x0", flat_png(0, 0), ANY)
    yield Case("PNG of 49 MP", flat_png(7000, 7000), OK)
    yield Case("PNG of 51 MP", flat_png(7200, 7100), MANY_PIXELS)
    yield Case("JPEG of 49 MP", encoded("JPEG", Image.new("RGB", (7000, 7000), "red")), OK)
    yield Case("JPEG of 51 MP", encoded("JPEG", Image.new("RGB", (7200, 7100))), MANY_PIXELS)
    yield Case("GIF screen 65535x65535", lying_gif(65_535, 65_535), MANY_PIXELS)
    yield Case("GIF picture 65535x65535", lying_gif(16, 16, (65_535, 65_535)), MANY_PIXELS)
    yield Case("GIF picture 9000x9000", lying_gif(16, 16, (9000, 9000)), MANY_PIXELS)
    yield Case("BMP 30000x30000", lying_bmp(30_000, 30_000), MANY_PIXELS)
    yield Case("BMP 7000x-7000", lying_bmp(7000, -7000), BROKEN)
    yield Case("BMP -7000x7000", lying_bmp(-7000, 7000), ANY)
    yield Case("WebP 16383x16383", lying_webp(16_383, 16_383), MANY_PIXELS)
    yield Case("WebP 7000x7000", lying_webp(7000, 7000), BROKEN)
    yield Case("12 MB JPEG", with_segment(0xEB, bytes(12_000_000)), LARGE)
    bomb = zlib.compress(bytes(200_000_000), 9)
    yield Case("PNG with 200 MB in zTXt", with_chunk(b"zTXt", b"x\x00\x00" + bomb), ANY)
    yield Case("PNG with 200 MB in iTXt", with_chunk(b"iTXt", b"x\x00\x01\x00\x00\x00" + bomb), ANY)
    yield Case("PNG with 200 MB in iCCP", with_chunk(b"iCCP", b"x\x00\x00" + bomb), ANY)
    info = PngImagePlugin.PngInfo()
    info.add_text("x", "y" * 1_000_000, zip=True)
    yield Case("PNG with 1 MB in zTXt", encoded("PNG", pnginfo=info), OK)
    yield Case("JPEG of 16 MP in 2,000 passes", many_passes(2000), BROKEN)
    yield Case("JPEG of 16 MP in 20 passes", many_passes(14), OK)


def damaged() -> Iterator[Case]:
    """Cut off and with bits turned over; a few of these are readable, or are nothing any more."""
    whole = {kind: encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP")}
    for kind, data in whole.items():
        for share in (0.02, 0.1, 0.5, 0.95):
            cut = data[: max(3, int(len(data) * share))]
            answer = ANY if share < 0.5 else BROKEN
            yield Case(f"{kind}, the first {share:.0%}", cut, answer)
        for seed in range(6):
            dice, turned = random.Random(seed), bytearray(data)
            for _ in range(8 * (seed + 1)):
                turned[dice.randrange(len(turned))] ^= 1 << dice.randrange(8)
            yield Case(f"{kind}, {8 * (seed + 1)} bits turned", bytes(turned), ANY)
        head = bytearray(data)
        head[8:60] = random.Random(9).randbytes(52)
        yield Case(f"{kind}, its head is noise", bytes(head), ANY)


def pictures() -> list[Case]:
    """All of them."""
    return [*strangers(), *kinds(), *sizes(), *damaged()]
