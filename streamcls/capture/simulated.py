"""`sim://`: a camera that misbehaves on a script, for tests and drills.

    sim://?fps=30&size=1280x720&stall_at=10&stall_for=5&drop=20&resize_at=40

The script's clock begins with the first connection and goes on across later ones.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from streamcls import clock
from streamcls.capture.connection import Shot
from streamcls.capture.decode import read_only
from streamcls.capture.kind import Address, Live, Reach
from streamcls.errors import SettingsError, SignalLostError
from streamcls.media import cv2
from streamcls.records import Fault, Image

# What can be put into a script, and what happens meanwhile.
FAULTS = {
    "stall": "nothing comes; then one picture that was held back, as FFmpeg does",
    "lag": "nothing comes; then all of it at once",
    "freeze": "the same picture again and again",
    "black": "black pictures",
    "grey": "half of the picture grey, as after lost data",
    "green": "half of the picture green, as after lost data",
    "corrupt": "the decoder reports damage",
    "drop": "the connection breaks, and is refused meanwhile",
    "deny": "the connection breaks, and the password is wrong meanwhile",
    "slow": "a quarter of the frame rate, as in the dark",
    "resize": "another size: half the width and height",
}
_ENDS = ("", "_at", "_for")
_DEFAULT_FOR_S = 5.0
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_SCENE_PX = 640  # width at which the scenes are drawn
_GREY, _GREEN, _LEVEL = (130, 130, 130), (0, 135, 0), 4


@dataclass(frozen=True, slots=True)
class Span:
    """A fault and when it is on, in seconds from `start_s` to before `end_s`."""

    fault: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """What a simulated camera does; `still` is a scene in which nothing moves."""

    fps: float = 30.0
    width: int = 1280
    height: int = 720
    still: bool = False
    spans: tuple[Span, ...] = field(default=())

    def on(self, at_s: float) -> dict[str, Span]:
        """The faults that are on at a time."""
        return {span.fault: span for span in self.spans if span.start_s <= at_s < span.end_s}


def parse(address: str) -> Script:
    """Reads `sim://?…`: `fps`, `size=WxH`, `still=1`; for each fault `NAME_at` and `NAME_for`.

    `NAME=S` is short for `NAME_at=S`; `NAME_for` is 5 s unless given.

    Raises:
        SettingsError: an unknown key, or a value that is none.
    """
    try:
        pairs = parse_qsl(urlsplit(address).query, keep_blank_values=True)
        return _script(pairs)
    except ValueError as error:
        raise SettingsError(f"{address}: {error}") from error


def _script(pairs: list[tuple[str, str]]) -> Script:
    given = dict(pairs)
    known = ["fps", "size", "still", *(f"{name}{end}" for name in FAULTS for end in _ENDS)]
    for key, _ in pairs:
        if key not in known:
            raise ValueError(
                f"no such key {key!r}; there are fps, size, still, {', '.join(FAULTS)}"
            )
    if len(given) < len(pairs):
        raise ValueError("a key stands twice")
    size = _SIZE.fullmatch(given.get("size", "1280x720"))
    if size is None or given.get("still", "0") not in ("0", "1"):
        raise ValueError("size is like 1280x720, still 0 or 1")
    width, height = int(size[1]), int(size[2])
    fps = _number("fps", given.get("fps", "30"))
    if not (0 < fps <= 1000 and 16 <= width <= 8192 and 16 <= height <= 8192):
        raise ValueError("fps goes up to 1000, the size from 16x16 to 8192x8192")
    spans = tuple(span for name in FAULTS for span in _spans(name, given))
    return Script(fps, width, height, given.get("still") == "1", spans)


def _number(key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{key}={text}: should be a number, 0 or more")
    return number


def _spans(name: str, given: Mapping[str, str]) -> Iterator[Span]:
    starts = [key for key in (name, f"{name}_at") if key in given]
    if len(starts) > 1 or (f"{name}_for" in given and not starts):
        raise ValueError(f"{name}_for needs {name}_at, and {name} is short for that")
    for key in starts:
        start_s = _number(key, given[key])
        lasts_s = _number(f"{name}_for", given.get(f"{name}_for", str(_DEFAULT_FOR_S)))
        yield Span(name, start_s, start_s + lasts_s)


class SimulatedCamera:
    """Makes connections to one camera, whose script goes on while nobody is connected."""

    def __init__(
        self, script: Script, scene: Callable[[int], Image], wait: Callable[[float], bool]
    ) -> None:
        """Its clock starts with the first connection.

        Args:
            script: what happens when.
            scene: picture number n, (h, w, 3) uint8 BGR of any size.
            wait: waits so many seconds, and says whether the run has been stopped meanwhile.
        """
        self.script = script
        self._scene = scene
        self._wait = wait
        self._begun_s: float | None = None

    def connect(self) -> "SimulatedConnection":
        """A new connection.

        Raises:
            SignalLostError: the script refuses it at this time.
        """
        self._begun_s = self._begun_s or clock.now_s()
        self._refuse_or_go_on()
        return SimulatedConnection(self)

    def now_s(self) -> float:
        """Seconds since the first connection."""
        assert self._begun_s is not None
        return clock.now_s() - self._begun_s

    def _refuse_or_go_on(self) -> None:
        on = self.script.on(self.now_s())
        if "drop" in on:
            raise SignalLostError("connection refused; the script says so")
        if "deny" in on:
            raise SignalLostError("wrong user or password; the script says so", hold=True)

    def shots(self) -> Iterator[Shot]:
        """Frames in real time, until the script breaks the connection or the run is stopped."""
        due_s = self.now_s()
        number, held = int(due_s * self.script.fps), None
        while not self._wait(max(0.0, due_s - self.now_s())):
            on = self.script.on(due_s)
            self._refuse_or_go_on()
            if "freeze" not in on and not self.script.still:
                number += 1
            if "stall" in on:  # the frame before it was taken, but doesn't arrive
                held = held or self._shot(number, due_s, on)
                due_s += 1 / self.script.fps
                continue
            if held is not None:
                yield Shot(held.picture, clock.now_ns(), held.media_s, held.fault)
                held = None
            if "lag" in on and self.now_s() < on["lag"].end_s:
                self._wait(on["lag"].end_s - self.now_s())
            yield self._shot(number, due_s, on)
            due_s += (4 if "slow" in on else 1) / self.script.fps
            if "lag" not in self.script.on(due_s):  # a camera doesn't wait for a busy reader
                due_s = max(due_s, self.now_s() - 1 / self.script.fps)

    def _shot(self, number: int, taken_s: float, on: Mapping[str, Span]) -> Shot:
        width, height = self.script.width, self.script.height
        if "resize" in on:
            width, height = width // 2, height // 2
        image = np.asarray(cv2.resize(self._scene(number), (width, height)), np.uint8)
        if "black" in on:
            image[:] = _LEVEL
        for name, colour in (("grey", _GREY), ("green", _GREEN)):
            if name in on:
                image[height // 2 :] = colour
        fault: Fault | None = "corrupt" if "corrupt" in on else None
        return Shot(read_only(image), clock.now_ns(), taken_s, fault)


class SimulatedConnection:
    """One connection to a simulated camera."""

    def __init__(self, camera: SimulatedCamera) -> None:
        """See `SimulatedCamera.connect`."""
        self._camera = camera

    @property
    def description(self) -> str:
        """Size and rate."""
        script = self._camera.script
        return f"simulated camera, {script.width}x{script.height}, {script.fps:g} fps"

    def shots(self) -> Iterator[Shot]:
        """See `SimulatedCamera.shots`."""
        return self._camera.shots()

    def close(self) -> None:
        """Nothing to let go of."""


def _connector(address: Address, reach: Reach) -> Callable[[], SimulatedConnection]:
    return SimulatedCamera(parse(address.shown), _demo_scenes(), reach.wait).connect


def _demo_scenes() -> Callable[[int], Image]:
    """The pictures of the demo's clip."""
    from streamcls.demo.clip import scenes
    from streamcls.demo.scene import draw

    all_scenes = scenes()
    return lambda number: draw(all_scenes[number % len(all_scenes)], _SCENE_PX)


SOURCE = Live(connector=_connector, camera=lambda _: "sim")
