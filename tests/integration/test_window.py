"""The window on a real X server without a screen, looked at in screenshots, worked with by keys."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageGrab, UnidentifiedImageError, features

from streamcls.media import av
from streamcls.records import Image

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("converted_demo")]

PATIENCE_S = 60.0  # for a process to load its model on a busy machine
STARTS, PAINTED_S = 5, 4.0
SOON_S = 10.0  # for what happens at once
WITHIN_S = 5.0  # what a stop may take
WIDTH, HEIGHT, FPS = 640, 360, 15
CAMERA = f"sim://?size={WIDTH}x{HEIGHT}&fps={FPS}"
SHADE = 0.28  # of the picture that stays behind a text
AMBER, BAR = (255, 190, 60), (28, 118, 176)  # RGB


def until(happened: Callable[[], object], what: str, within_s: float = SOON_S) -> None:
    """Looks again and again, and fails if it doesn't happen in time."""
    end_s = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


class Screen:
    """A display of its own, as long as it is in a `with`."""

    def __init__(self) -> None:
        size = ("-screen", "0", f"{WIDTH + 100}x{HEIGHT + 100}x24")
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", *size, "-nolisten", "tcp", "-noreset"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._server.stdout is not None
        # The first number that is free; the server writes it when it is ready.
        self.name = f":{self._server.stdout.readline().strip()}"
        assert self.name != ":", "Xvfb did not start"

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.communicate()

    def xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env={**os.environ, "DISPLAY": self.name},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def shot(self) -> Image:
        """(HEIGHT, WIDTH, 3) RGB: there is no window manager, so a window is in the corner."""
        return np.asarray(ImageGrab.grab(xdisplay=self.name))[:HEIGHT, :WIDTH]

    def ask_to_close(self, window: str) -> None:
        """What a window manager does when the user clicks on the cross."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        protocols, delete = (
            x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        )
        client_message = 33
        message = _ClientMessage(
            type=client_message, window=int(window), message_type=protocols, format=32
        )
        message.data[0] = delete
        x11.XSendEvent(display, ctypes.c_ulong(int(window)), 0, 0, ctypes.byref(message))
        x11.XSync(display, 0)
        x11.XCloseDisplay(display)


class _ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, as long as its union XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


def start(*arguments: str, folder: Path, display: str | None) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if display is not None:
        environment["DISPLAY"] = display
    return subprocess.Popen(
        [sys.executable, "-m", "streamcls", "run", *arguments, "--model", "demo"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class App:
    """`streamcls run … --show` on a screen.

    On an X server without a window manager one in seven of OpenCV's windows is never painted, those
    of a bare `cv2.imshow` just as well; so a start is tried again.
    """

    def __init__(self, screen: Screen, folder: Path, *arguments: str) -> None:
        self.folder, self.screen = folder, screen
        self._arguments = (*arguments, "--show")
        self.window = ""
        self._start()

    def _start(self) -> None:
        self.process = start(*self._arguments, folder=self.folder, display=self.screen.name)

    def __enter__(self) -> "App":
        for _ in range(STARTS):
            until(self._is_there, "a window", PATIENCE_S)
            with suppress(AssertionError):
                until(lambda: self.shot().any(), "anything in the window", PAINTED_S)
                return self
            self.__exit__()
            self._start()
        raise AssertionError(f"not one of {STARTS} windows was painted")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def _is_there(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        found = self.screen.xdotool("search", "--onlyvisible", "--name", "^sim$").split()
        self.window = found[0] if found else ""
        return bool(found)

    def press(self, key: str) -> None:
        """A key of the keyboard, as from a hand: no event that is sent to the window."""
        self.screen.xdotool("windowfocus", "--sync", self.window, "key", key)

    def shot(self) -> Image:
        return self.screen.shot()

    def ended(self) -> tuple[int, str]:
        """Exit code and standard error of an app that was asked to end."""
        begun_s = time.monotonic()
        _, err = self.process.communicate(timeout=WITHIN_S)
        assert time.monotonic() - begun_s < WITHIN_S
        return self.process.returncode, err

    def size(self) -> str:
        geometry = self.screen.xdotool("getwindowgeometry", self.window)
        return geometry.split("Geometry:")[-1].strip()

    def moves(self) -> bool:
        """Whether there are several pictures in the time of twelve."""
        return self._different(12, enough=4) >= 4

    def is_still(self) -> bool:
        """Whether there is one picture in the time of eight."""
        return self._different(8, enough=2) == 1

    def _different(self, frames: int, *, enough: int) -> int:
        """Different pictures above the notes in so many frames' time, as soon as it's enough."""
        end_s = time.monotonic() + frames / FPS
        seen: set[bytes] = set()
        while len(seen) < enough and time.monotonic() < end_s:
            seen.add(self.shot()[: HEIGHT - 110].tobytes())
            time.sleep(0.01)
        return len(seen)

    def files(self, ending: str) -> list[Path]:
        return sorted(self.folder.glob(f"*.{ending}"))


def note_lines(shot: Image) -> int:
    """How many lines of text there are at the bottom, on shade."""
    below = shot[HEIGHT - 110 :]
    shaded = below[:, 200:].max(axis=(1, 2)) <= 255 * SHADE + 2
    text = (below[:, 8:60].min(axis=2) > 180).any(axis=1) & shaded
    rows = np.flatnonzero(text)
    return int((np.diff(rows) > 3).sum()) + 1 if rows.size else 0


def has_labels(shot: Image) -> bool:
    """Whether there is white text and a bar in the corner."""
    panel = shot[8:130, 8:238].astype(int)
    text = (panel.min(axis=2) > 200).sum()
    bars = (np.abs(panel - BAR).max(axis=2) < 12).sum()
    return bool(text > 100 and bars > 100)


def is_empty(shot: Image) -> bool:
    """Whether it is plain dark grey with a note at the bottom, be the window as large as it may."""
    plain = shot[60:180, 20:380].astype(int)
    note = shot[200:, :390][(shot[200:, 389] < 32 * SHADE + 5).all(axis=1)]
    return bool(np.abs(plain - 32).max() <= 2 and (note > 100).sum() > 100)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; scripts/test names its package")
    if not features.check("xcb"):
        pytest.skip("this Pillow takes no screenshots of X servers")
    with Screen() as made:
        yield made


@pytest.fixture(scope="module")
def app(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One window for all tests of keys: each leaves it as it was. The last test closes it."""
    with App(screen, tmp_path_factory.mktemp("window"), CAMERA) as made:
        until(lambda: made.size() == f"{WIDTH}x{HEIGHT}", "a window as large as the picture")
        yield made


def test_the_picture_is_there_with_its_labels_and_moves(app: App) -> None:
    until(app.moves, "a picture that moves")
    until(lambda: has_labels(app.shot()), "labels with bars")
    shot = app.shot()
    assert not (shot == AMBER).all(axis=2).any()
    assert note_lines(shot) == 0


def test_h_shows_the_help_and_takes_it_away(app: App) -> None:
    app.press("h")
    until(lambda: note_lines(app.shot()) == 5, "the help")
    assert app.moves()
    app.press("h")
    until(lambda: note_lines(app.shot()) == 0, "no help")


def test_space_freezes_and_goes_on(app: App) -> None:
    until(app.moves, "a picture that moves")
    app.press("space")
    until(app.is_still, "a picture that stands still")
    assert note_lines(app.shot()) == 1
    app.press("space")
    until(app.moves, "a picture that moves again")
    assert note_lines(app.shot()) == 0


def test_a_frozen_picture_stays_when_a_note_comes(app: App) -> None:
    app.press("space")
    try:
        until(app.is_still, "a picture that stands still")
        frozen = app.shot()[: HEIGHT - 110]
        app.press("h")
        until(lambda: note_lines(app.shot()) == 6, "the help")
        with_help = app.shot()[: HEIGHT - 110]
        app.press("h")
        until(lambda: note_lines(app.shot()) == 1, "no help")
    finally:
        app.press("space")
    until(app.moves, "a picture that moves again")
    assert (with_help == frozen).all()


def test_s_saves_what_is_shown(app: App) -> None:
    app.press("space")
    until(app.is_still, "a picture that stands still")
    shown = app.shot()
    saved: list[Image] = []

    def is_saved() -> bool:
        for path in app.files("png"):
            try:
                saved.append(np.asarray(PillowImage.open(path).convert("RGB")))
            except (OSError, UnidentifiedImageError, SyntaxError):  # it is being written
                return False
        return bool(saved)

    try:
        app.press("s")
        until(is_saved, "a snapshot")
    finally:
        app.press("space")
    assert saved[-1].shape == (HEIGHT, WIDTH, 3)
    assert np.abs(saved[-1].astype(int) - shown).max() <= 2
    assert app.files("png")[0].name.startswith("sim-20")
    until(app.moves, "a picture that moves again")


def test_r_records_until_it_is_pressed_again(app: App, ffprobe: str) -> None:
    app.press("r")
    until(lambda: note_lines(app.shot()) == 1, "a note that it records")
    until(lambda: app.files("mp4"), "a recording")
    (path,) = app.files("mp4")
    until(lambda: path.stat().st_size > 20_000, "something in the recording")
    app.press("r")
    until(lambda: note_lines(app.shot()) == 0, "no note")
    open_files = Path(f"/proc/{app.process.pid}/fd")
    until(
        lambda: str(path) not in {os.path.realpath(fd) for fd in open_files.iterdir()},
        "a recording that is finished",
    )
    counted = ["-count_frames", "-show_entries", "stream=codec_name,width,height,nb_read_frames"]
    command = [ffprobe, "-v", "error", *counted, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    (stream,) = json.loads(done.stdout)["streams"]
    assert done.stderr == ""
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", WIDTH, HEIGHT)
    with av.open(str(path)) as container:
        pictures = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode()]
    assert len(pictures) == int(stream["nb_read_frames"]) >= 5
    at_s = [at for at, _ in pictures if at is not None]
    assert at_s[0] == pytest.approx(0, abs=0.01)
    assert np.median(np.diff(at_s)) == pytest.approx(1 / FPS, rel=0.3)
    assert len({picture.tobytes() for _, picture in pictures}) > 3
    # The annotated video, without the window's notes.
    last = np.asarray(pictures[-1][1], np.uint8)
    assert has_labels(last)
    assert note_lines(last) == 0
    until(app.moves, "a picture that moves on")


def test_closing_the_window_ends_the_run(app: App) -> None:
    assert app.process.poll() is None
    app.screen.ask_to_close(app.window)
    code, err = app.ended()
    assert code == 0, err
    assert " read = " in err.splitlines()[-1]
    assert "Traceback" not in err and "left behind" not in err


def test_the_state_is_shown_while_there_is_no_signal_and_q_ends_it(
    screen: Screen, tmp_path: Path
) -> None:
    """First nothing but text, then the picture, then the last picture, darker, and the state."""
    script = "&drop=0&drop_for=0.7&stall_at=2&stall_for=1000"
    with App(screen, tmp_path, CAMERA + script, "--stale-after", "0.5") as app:
        until(lambda: is_empty(app.shot()), "an empty picture with a text below")
        until(lambda: app.size() == f"{WIDTH}x{HEIGHT}" and app.moves(), "a picture")
        until(lambda: app.shot()[200:, 300:].max() > 120, "a bright picture")
        until(lambda: (app.shot() == AMBER).all(axis=2).sum() > 10, "the state")
        assert 10 < app.shot()[200:, 300:].max() <= 255 // 3
        app.press("q")
        code, err = app.ended()
    assert code == 0, err
    assert "no signal: connection refused" in err
    assert "stale: no frame for" in err
    assert " read = " in err.splitlines()[-1]


def test_without_a_display_it_is_said_in_one_line(screen: Screen, tmp_path: Path) -> None:
    """Where none is named, and where nobody answers: that of a server that has ended."""
    with Screen() as gone:
        dead = gone.name
    with ExitStack() as stack:
        started = []
        for display in (None, dead):
            started.append(start(CAMERA, "--show", folder=tmp_path, display=display))
            stack.callback(started[-1].communicate)
            stack.callback(started[-1].kill)
        for process in started:
            out, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 2, err
            assert out == ""
            assert err == (
                "streamcls: no display to show a window on; use --headless, or set DISPLAY\n"
            )
