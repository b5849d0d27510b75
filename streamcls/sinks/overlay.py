"""Draws the top labels with bars, the steady label, time and rate into a corner of a frame.

Of a live source, also its state, and how old the label is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from streamcls.records import Image, RegionLabel, Result, Score
from streamcls.sinks.fonts import Font, Typeface

# Colours in the frame's own order, BGR.
_WHITE, _GREY, _BAR, _AMBER = (255, 255, 255), (190, 190, 190), (176, 118, 28), (60, 190, 255)
_SHADE = 0.28  # of the picture that stays behind the text: readable on any picture
_FONT_PX = 22  # at 1280x720
_SMALLEST_PX = 11


class Overlay:
    """Draws into frames of one size."""

    def __init__(
        self, typeface: Typeface, width: int, height: int, top_k: int, *, live: bool = False
    ) -> None:
        """Lays the panel out.

        Args:
            typeface: for all texts.
            width, height: of the frames, px.
            top_k: labels to show, fewer where they don't fit.
            live: whether results have a status, which takes a line more.
        """
        # Slower than the frame's size: text on a small picture must stay readable.
        scale = min(width / 1280, height / 720) ** 0.8
        px = max(_SMALLEST_PX, round(_FONT_PX * scale))
        self._typeface = typeface
        self._title_font = typeface.sized(round(px * 1.3))
        self._font = typeface.sized(px)
        self._small_font = typeface.sized(max(_SMALLEST_PX - 1, round(px * 0.8)))
        self._pad = max(3, px // 2)
        self._title_h, self._row_h, self._foot_h = (
            round(px * 1.8),
            round(px * 1.55),
            round(px * 1.2) * (2 if live else 1),
        )
        self._width = min(width - 2 * self._pad, px * 18)
        room = height - 4 * self._pad - self._title_h - self._foot_h
        self._rows = max(0, min(top_k, room // self._row_h))
        self._height = 2 * self._pad + self._title_h + self._rows * self._row_h + self._foot_h
        self._fits = self._height + 2 * self._pad <= height and self._width >= px * 5
        self._fitted: dict[tuple[str, int], str] = {}

    def draw(self, image: Image, result: Result, fps: float) -> None:
        """Draws onto the image, (H, W, 3) uint8 BGR, in place; too small ones stay as they are."""
        if not self._fits:
            return
        for region in result.regions:
            self._region(image, region)
        pad = self._pad
        panel = image[pad : pad + self._height, pad : pad + self._width]
        # Pillow takes the three channels as they are; the colours above are in their order.
        canvas = PillowImage.fromarray((panel * np.float32(_SHADE)).astype(np.uint8))
        pen = ImageDraw.Draw(canvas)
        status = result.status
        if result.regions and status is not None and status.state == "ok":
            self._title(pen, result.frame.camera, _WHITE)
            self._lines(pen, "\n".join(map(_holds, result.regions)))
        elif status is None or status.state == "ok":
            text, colour = (result.steady, _WHITE) if result.steady else ("unknown", _GREY)
            self._title(pen, text, colour)
            self._bars(pen, result.top(self._rows))
        else:
            self._title(pen, status.state.replace("_", " "), _AMBER)
            self._lines(pen, status.reason)
        self._foot(pen, result, fps)
        panel[:] = np.asarray(canvas)

    def _title(self, pen: ImageDraw.ImageDraw, text: str, colour: tuple[int, int, int]) -> None:
        middle = self._pad + self._title_h // 2 - self._pad // 3
        fitted = self._fit(text, self._title_font, self._width - 2 * self._pad)
        pen.text((self._pad, middle), fitted, colour, self._title_font, anchor="lm")

    def _region(self, image: Image, region: RegionLabel) -> None:
        """A frame around it, and its name and label in a corner of it."""
        left, top, right, bottom = region.box
        if right <= left or bottom <= top:
            return
        line = max(1, self._pad // 4)
        part = image[top:bottom, left:right]
        colour = _BAR if region.steady else _GREY
        part[:line] = part[-line:] = colour
        part[:, :line] = part[:, -line:] = colour
        high = min(self._row_h, part.shape[0])
        fitted = self._fit(_holds(region), self._font, part.shape[1] - 2 * self._pad)
        wide = min(part.shape[1], int(self._font.getlength(fitted)) + 2 * self._pad)
        strip = part[-high:, :wide]
        canvas = PillowImage.fromarray((strip * np.float32(_SHADE)).astype(np.uint8))
        pen = ImageDraw.Draw(canvas)
        pen.text((self._pad, high // 2), fitted, _WHITE, self._font, anchor="lm")
        strip[:] = np.asarray(canvas)

    def _foot(self, pen: ImageDraw.ImageDraw, result: Result, fps: float) -> None:
        bottom, status = self._height - self._pad, result.status
        if status is None:
            lines = [f"{clock(result.frame.pts_s)}   {fps:.1f} fps"]
        else:
            age = "" if status.age_ms is None else f"age {status.age_ms:.0f} ms   "
            utc = datetime.fromtimestamp(result.frame.captured_utc or 0.0, UTC)
            rates = f"{status.fps:.1f} fps   {status.labels_fps:.1f} labels/s"
            failed = "".join(f"{name} failed   " for name in status.failed)
            lines = [f"{failed}{age}dropped {status.dropped}", f"{utc:%H:%M:%S}Z   {rates}"]
        colour = _AMBER if status is not None and status.failed else _GREY
        for line in lines:
            pen.text((self._pad, bottom), line, colour, self._small_font, anchor="ls")
            bottom -= self._foot_h // len(lines)

    def _lines(self, pen: ImageDraw.ImageDraw, text: str) -> None:
        """A text where the bars would be, in as many lines as there is room for."""
        lines: list[str] = []
        room_px = self._width - 2 * self._pad
        for paragraph in text.splitlines():
            lines.append("")
            for word in paragraph.split():
                longer = f"{lines[-1]} {word}".strip()
                if not lines[-1] or self._font.getlength(longer) <= room_px:
                    lines[-1] = longer
                else:
                    lines.append(word)
        y = self._pad + self._title_h
        for line in lines[: self._rows]:
            fitted = self._fit(line, self._font, room_px)
            pen.text((self._pad, y), fitted, _WHITE, self._font, anchor="la")
            y += self._row_h

    def _bars(self, pen: ImageDraw.ImageDraw, top: Sequence[Score]) -> None:
        pad, full = self._pad, self._width - 2 * self._pad
        gap = max(1, self._row_h // 8)
        for row, score in enumerate(top):
            y = pad + self._title_h + row * self._row_h
            middle = y + (self._row_h - gap) // 2
            pen.rectangle((pad, y, pad + round(full * score.prob), y + self._row_h - gap), _BAR)
            percent = f"{score.prob:.0%}"
            pen.text((pad + full - 3, middle), percent, _WHITE, self._font, anchor="rm")
            room = full - int(self._font.getlength("100%")) - 2 * pad
            pen.text(
                (pad + 4, middle),
                self._fit(score.label, self._font, room),
                _WHITE,
                self._font,
                "lm",
            )

    def _fit(self, text: str, font: Font, room_px: int) -> str:
        """The text, or as much of its beginning as there is room for."""
        key = (text, id(font))
        if key not in self._fitted:
            shown = self._typeface.drawable(text)
            if font.getlength(shown) > room_px:
                while shown and font.getlength(shown + "…") > room_px:
                    shown = shown[:-1]
                shown += "…"
            self._fitted[key] = shown
        return self._fitted[key]


def _holds(region: RegionLabel) -> str:
    if region.steady is None:
        return f"{region.name}: unknown"
    return f"{region.name}: {region.steady} {region.steady_prob:.0%}"


def clock(seconds: float) -> str:
    """H:MM:SS.mmm, the hours only where there are some."""
    sign, total_ms = ("-" if seconds < 0 else ""), round(abs(seconds) * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes:02}"
    return f"{sign}{start}:{ms // 1000:02}.{ms % 1000:03}"
