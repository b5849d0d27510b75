"""A font for the labels, and what to draw where it has no glyph."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from PIL import ImageFont

from streamcls.errors import OutputPathError

log = logging.getLogger(__name__)

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Asked for by name, so that Pillow looks in the system's own places on Linux, macOS and Windows.
_CANDIDATES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "Helvetica.ttc",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "msyh.ttc",
    "DroidSansFallbackFull.ttf",
)
# Looked through where none of these has all characters.
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)
_ENDINGS = (".ttf", ".otf", ".ttc")
_STYLES = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif")
_OWN = "0123456789:.%… unknown fps?"  # what the overlay draws besides the labels
_PROBE_PX = 24
_NO_SUCH_CHARACTER = "\uffff"  # Unicode guarantees that it is none, so it draws as a missing glyph


class Typeface:
    """A font file in any size. Characters that it lacks are said once and drawn as `?`."""

    def __init__(self, path: Path | None, texts: Iterable[str]) -> None:
        """Loads the given font, or the one found on the system that covers most of the texts.

        Args:
            path: a TrueType or OpenType file, or None.
            texts: what will be drawn.

        Raises:
            OutputPathError: the given file is no font.
        """
        characters = sorted({c for text in (_OWN, *texts) for c in text if not c.isspace()})
        self._name = str(path) if path is not None else _best(characters)
        try:
            probe = _probe(self._name)
        except OSError as error:
            raise OutputPathError(
                f"--font {path}: not a font that can be read ({error})"
            ) from error
        self._missing = {c for c in characters if _lacks(probe, c)}
        if self._missing:
            log.warning(
                "the font %s has no glyph for %s; drawn as ?; give one that has them with --font",
                self._name or "built into Pillow",
                " ".join(sorted(self._missing)[:20]),
            )

    def sized(self, px: int) -> Font:
        """The font at a height in px."""
        return _load(self._name, px)

    def drawable(self, text: str) -> str:
        """The text with `?` for every character that has no glyph."""
        return "".join("?" if c in self._missing else c for c in text)


@cache
def _load(name: str, px: int) -> Font:
    return ImageFont.truetype(name, px) if name else ImageFont.load_default(px)


@cache
def _probe(name: str) -> Font:
    """The font without shaping, which would put a character of its own around a lone accent."""
    if not name:
        return ImageFont.load_default(_PROBE_PX)
    return ImageFont.truetype(name, _PROBE_PX, layout_engine=ImageFont.Layout.BASIC)


def _best(characters: list[str]) -> str:
    """The font on this system that lacks the fewest characters; "" is Pillow's own font."""
    best, fewest = "", len(characters) + 1
    for name in chain(_CANDIDATES, _installed()):
        try:
            font = _probe(name)
        except OSError:
            continue  # not on this system, or not readable
        lacking = sum(_lacks(font, c) for c in characters)
        if lacking < fewest:
            best, fewest = name, lacking
        if not fewest:
            break
    return best


def _installed() -> Iterator[str]:
    """Every font file in the system's folders, plain ones first."""
    found: list[Path] = []
    for folder in _FOLDERS:
        with suppress(RuntimeError):  # a user without a home, as in containers
            found.extend(sorted(Path(folder).expanduser().rglob("*")))
    fonts = [path for path in found if path.suffix.lower() in _ENDINGS]
    fonts.sort(key=lambda path: sum(style in path.stem.lower() for style in _STYLES))
    return map(str, fonts)


def _lacks(font: Font, character: str) -> bool:
    drawn, absent = font.getmask(character), font.getmask(_NO_SUCH_CHARACTER)
    return drawn.size == absent.size and bytes(drawn) == bytes(absent)
