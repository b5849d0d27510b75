"""The window: every frame at once with its labels, and keys. Only for the main thread."""

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from streamcls import clock
from streamcls.errors import MissingPackageError, OutputError, UsageError
from streamcls.media import cv2
from streamcls.records import Image, Result, Status
from streamcls.sinks.files import writing
from streamcls.sinks.fonts import Typeface
from streamcls.sinks.overlay import Overlay
from streamcls.sinks.rotation import stamped

log = logging.getLogger(__name__)

_FIRST_WIDTH = 1280  # px; larger pictures begin in a window of this width
_EMPTY_SIZE = 640, 360
_ESCAPE = 27
_HELP = "q or Esc: quit\nspace: freeze\ns: snapshot\nr: record on, off\nh: this help"
_PROBE_S = 20.0
# A window in a process of its own: where there is no display, Qt ends its process.
_PROBE = "import cv2; cv2.namedWindow('streamcls'); cv2.pollKey(); cv2.destroyAllWindows()"
_NO_GUI = "not implemented"


class DisplayProbe:
    """Finds out, while other things load, whether a window can be opened here."""

    def __init__(self) -> None:
        """Starts trying."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def problem(self) -> UsageError | MissingPackageError | None:
        """Waits for the answer: what is in the way of a window, or None."""
        try:
            _, said = self._process.communicate(timeout=_PROBE_S)
        except subprocess.TimeoutExpired:
            self.close()
            return UsageError(f"the display did not answer within {_PROBE_S:g} s; use --headless")
        if self._process.returncode == 0:
            return None
        if _NO_GUI in said:
            return MissingPackageError(
                "this OpenCV has no windows (opencv-python-headless); use --headless, or: pip "
                "uninstall opencv-python-headless; pip install --force-reinstall opencv-python"
            )
        return UsageError("no display to show a window on; use --headless, or set DISPLAY")

    def close(self) -> None:
        """Gives up waiting. Can be called again."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


class Window:
    """Shows results and takes keys."""

    def __init__(
        self,
        title: str,
        typeface: Typeface,
        top_k: int,
        *,
        quit_: Callable[[], None],
        record: Callable[[], str | None],
    ) -> None:
        """Opens the window.

        Args:
            title: of the window; also the beginning of snapshots' names.
            typeface: for all texts.
            top_k: labels to show.
            quit_: ends the run.
            record: turns the recording on or off; gives the file's name while it is on.
        """
        self._title = title
        self._typeface = typeface
        self._top_k = top_k
        self._quit = quit_
        self._record = record
        self._overlay: Overlay | None = None
        self._size = (0, 0)
        self._shown: Image | None = None
        self._last: Result | None = None
        self._drawn: Result | None = None  # not the last one where the picture is frozen
        self._frozen = self._help = False
        self._recording: str | None = None
        self._closed = False
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(title, flags)
        self._keys = {
            "q": quit_,
            chr(_ESCAPE): quit_,
            " ": self._freeze,
            "s": self._snapshot,
            "r": self._toggle_recording,
            "h": self._toggle_help,
        }

    def show(self, result: Result) -> None:
        """Draws a frame, unless the picture is frozen."""
        self._last = result
        if not self._frozen:
            self._draw(result)

    def idle(self, status: Status) -> None:
        """Nothing new has come: keeps the window alive, and shows the state if that is why."""
        if status.state == "ok" or self._frozen:
            return
        if self._last is None:
            if self._shown is None:
                cv2.resizeWindow(self._title, *_EMPTY_SIZE)
            self._show(self._empty(status))
        else:
            self._draw(_with_status(self._last, status), dimmed=True)

    def poll(self) -> None:
        """Handles keys and the window's own closing; to be called often."""
        if self._closed:
            return
        key = cv2.pollKey() & 0xFF
        if key != 0xFF and chr(key).lower() in self._keys:
            self._keys[chr(key).lower()]()
        if self._shown is not None and not self._is_open():
            self._quit()

    def close(self) -> None:
        """Takes the window away. Can be called again."""
        if not self._closed:
            self._closed = True
            cv2.destroyAllWindows()
            cv2.pollKey()  # lets Qt do it

    def _is_open(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            return False

    def _draw(self, result: Result, *, dimmed: bool = False) -> None:
        self._drawn = result
        image = result.frame.image.copy()
        height, width = image.shape[:2]
        if self._overlay is None or self._size != (width, height):
            if self._overlay is None:
                shown_width = min(width, _FIRST_WIDTH)
                cv2.resizeWindow(self._title, shown_width, round(height * shown_width / width))
            self._size = (width, height)
            self._overlay = Overlay(self._typeface, width, height, self._top_k, live=True)
        if dimmed:
            image = np.asarray(image // 3, np.uint8)
        self._overlay.draw(image, result, result.status.fps if result.status else 0.0)
        self._show(image)

    def _show(self, image: Image) -> None:
        notes = []
        if self._recording is not None and not self._has_failed(self._recording):
            notes.append(f"recording {self._recording}")
        if self._frozen:
            notes.append("frozen; space goes on")
        if self._help:
            notes.append(_HELP)
        if notes:
            image = _with_note(image, "\n".join(notes), self._typeface)
        self._shown = image
        cv2.imshow(self._title, image)

    def _has_failed(self, output: str) -> bool:
        status = self._last.status if self._last is not None else None
        return status is not None and output in status.failed

    def _empty(self, status: Status) -> Image:
        width, height = _EMPTY_SIZE
        text = f"{status.state.replace('_', ' ')}\n{status.reason}"
        return _with_note(np.full((height, width, 3), 32, np.uint8), text, self._typeface)

    def _freeze(self) -> None:
        self._frozen = not self._frozen
        self._draw_again()

    def _toggle_help(self) -> None:
        self._help = not self._help
        self._draw_again()

    def _toggle_recording(self) -> None:
        self._recording = self._record()
        self._draw_again()

    def _draw_again(self) -> None:
        shown = self._drawn if self._frozen else self._last
        if shown is not None:
            self._draw(shown)

    def _snapshot(self) -> None:
        if self._shown is None:
            return
        path = stamped(self._title, ".png", clock.local())
        try:
            with writing(path):
                path.write_bytes(cv2.imencode(".png", self._shown)[1].tobytes())
        except OutputError as error:
            log.error("%s", error)
        else:
            log.warning("snapshot: %s", path)


def _with_status(result: Result, status: Status) -> Result:
    return replace(result, status=status)


def _with_note(image: Image, text: str, typeface: Typeface) -> Image:
    """A copy with lines of text at the bottom."""
    height, width = image.shape[:2]
    px = max(11, round(18 * min(width / 1280, height / 720) ** 0.8))
    font = typeface.sized(px)
    lines = [typeface.drawable(line) for line in text.split("\n") if line]
    bar_h = min(height, round(px * (1.5 * len(lines) + 0.8)))
    made = image.copy()
    bar = made[height - bar_h :]
    canvas = PillowImage.fromarray((bar * np.float32(0.28)).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        pen.text((px, px * (0.5 + 1.5 * number)), line, (255, 255, 255), font)
    bar[:] = np.asarray(canvas)
    return made
