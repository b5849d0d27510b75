"""The records that travel between the stages: frozen, slotted, compared by identity.

Images are (H, W, 3) uint8 BGR, C-contiguous and read-only: whoever draws, copies.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]  # (H, W, 3) BGR
NO_IMAGE: Image = np.zeros((0, 0, 3), np.uint8)  # of frames that nobody wants to see
NO_IMAGE.flags.writeable = False
# Engines, fastest first, as measured for ResNet-18 on two cores: 10, 11 and 14 ms a picture in
# float32. Each is a module, `inference/NAME_engine.py`.
ENGINES = ("openvino", "onnx", "torch")
PRECISIONS = ("fp32", "bf16", "int8")
TimeSource: TypeAlias = Literal["container", "estimated", "monotonic"]
# What a live source is, as far as one can tell.
State: TypeAlias = Literal[
    "ok", "connecting", "no_signal", "stale", "late", "frozen", "black", "damaged"
]
# Why a frame can't be used: the ledger counts it as rejected.
Fault: TypeAlias = Literal[
    "undecodable", "corrupt", "incomplete", "late", "black", "damaged", "repeated"
]
# Why a good frame was not classified: the ledger counts it as dropped.
DropCause: TypeAlias = Literal["newer", "signal lost", "stopped"]


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """A picture as video codecs store it: brightness and, often at half the size, two colours.

    Attributes:
        y: (H, W) uint8, luma.
        u, v: (h, w) uint8, chroma: blue and red differences.
        matrix: shares of red and blue in the luma, as (0.299, 0.114) of BT.601.
        full_range: whether luma and chroma use all of 0..255, not 16..235 and 16..240.
    """

    y: NDArray[np.uint8] = field(repr=False)
    u: NDArray[np.uint8] = field(repr=False)
    v: NDArray[np.uint8] = field(repr=False)
    matrix: tuple[float, float]
    full_range: bool


class Decoded(Protocol):
    """A picture that is decoded but not yet BGR, which who only wants a label never needs."""

    def planes(self) -> Planes | None:
        """It as stored, turned as players turn it; None for formats that are no 8-bit planes."""
        ...

    def bgr(self) -> Image:
        """It as (H, W, 3) uint8 BGR, read-only."""
        ...


Picture: TypeAlias = Image | Decoded


def as_bgr(picture: Picture) -> Image:
    """A picture as (H, W, 3) uint8 BGR."""
    return picture if isinstance(picture, np.ndarray) else picture.bgr()


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: its left upper corner and its size, in px or in shares of the picture.

    They are shares where none is above 1.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def in_shares(self) -> bool:
        """Whether the numbers are shares of the picture's width and height."""
        return max(self.x, self.y, self.width, self.height) <= 1

    def edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, px, in a picture of this size; maybe empty."""
        across, down = (width, height) if self.in_shares else (1, 1)
        left, top = round(self.x * across), round(self.y * down)
        right, bottom = (self.x + self.width) * across, (self.y + self.height) * down
        return left, top, min(width, round(right)), min(height, round(bottom))


@dataclass(frozen=True, slots=True, eq=False)
class SourceInfo:
    """What is known of a source before its first frame.

    Attributes:
        camera: the name that rows carry; never the address.
        path: the recorded file.
        width, height: px, as shown (rotation applied).
        fps: nominal frames a second; 0 where unknown.
        time_base: seconds of one tick; every container time is a whole number of ticks.
        start_s: where the media begins; players show it as 0.
        duration_s: stated length in seconds, or None.
        sample_aspect: width of a pixel over its height.
        has_sound: whether there is an audio stream.
        description: codec, size, rate and reader, for people.
    """

    camera: str
    path: Path
    width: int
    height: int
    fps: float
    time_base: Fraction
    start_s: float
    duration_s: float | None
    sample_aspect: Fraction
    has_sound: bool
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Grabbed:
    """A frame that was read from a source but not yet turned into a picture.

    Attributes:
        index: 0-based position in the whole file, undecodable frames included.
        pts_s: seconds of media time, ffprobe's `pts_time`.
        time_source: where `pts_s` comes from.
        duration_s: how long the frame is shown.
        captured_ns: `time.monotonic_ns` when it was read.
        fault: why it can't be used ("undecodable", "corrupt"), or None.
    """

    index: int
    pts_s: float
    time_source: TimeSource
    duration_s: float
    captured_ns: int
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """A frame of a live source, good or not.

    Attributes:
        index: 0-based count since the run began, going on across reconnects.
        pts_s: monotonic seconds since the run began at which it was captured.
        duration_s: the usual time to the next frame.
        captured_ns: `time.monotonic_ns` of the capture: its arrival, less what it was held up.
        captured_utc: the same as seconds since the epoch.
        picture: decoded, or (H, W, 3) uint8 BGR, read-only; None where none came out.
        fault: why it gets no label ("late", "corrupt", "black", …), or None.
        state: of the source as this frame shows it; "ok" where it can be trusted.
        reason: of the state, for people; empty for "ok".
    """

    index: int
    pts_s: float
    duration_s: float
    captured_ns: int
    captured_utc: float
    picture: Picture | None = field(repr=False)
    fault: Fault | None = None
    state: State = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """A live source gives no frames: why, and after how many seconds it is tried again."""

    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source and when it was.

    Attributes:
        camera: name of the source, never its address.
        index: 0-based position in the whole file, or count since the run began (live).
        pts_s: seconds of media time: ffprobe's `pts_time` in files.
        time_source: "container", "estimated" (nothing better in the file) or "monotonic" (live).
        duration_s: how long it is shown.
        captured_ns: `time.monotonic_ns` when it was read, for latency.
        captured_utc: seconds since the epoch, or None for files.
        sampled: whether it is classified.
        image: (H, W, 3) uint8 BGR, read-only; `NO_IMAGE` where no output wants pictures.
    """

    camera: str
    index: int
    pts_s: float
    time_source: TimeSource
    duration_s: float
    captured_ns: int
    captured_utc: float | None
    sampled: bool
    image: Image = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One class and its probability, 0 to 1."""

    label: str
    class_id: int
    prob: float


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model says of one picture.

    Attributes:
        probs: (C,) float32, sums to 1, or to less where labels are left out; read-only.
        labels: the C class names, shared between predictions; empty for what is left out.
    """

    probs: NDArray[np.float32] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)

    def top(self, k: int = 3) -> tuple[Score, ...]:
        """The k most probable classes, best first; equal ones in the order of their numbers."""
        best = np.argsort(-self.probs, kind="stable")[:k]
        return tuple(
            Score(self.labels[i], int(i), float(self.probs[i])) for i in best if self.labels[i]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Where the time of one classified frame went, in ms.

    `waited_ms` from capture to the start of its work, `preprocess_ms` and `infer_ms` its share of
    its batch, `age_ms` from capture to the label.
    """

    waited_ms: float
    preprocess_ms: float
    infer_ms: float
    age_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """A stretch of time with one steady label, or (live sources) in one state.

    Attributes:
        kind: "label" or "state".
        label: the label, or the name of the state.
        start_s, end_s: seconds of media time, end exclusive; `end_s` is None while it lasts.
        mean_prob, peak_prob: of the label on the classified frames so far, unsmoothed; 0 for
            states.
        peak_frame: index of the frame with `peak_prob`; for states, of the frame that began it.
        reason: why a state began; empty for labels.
        start_utc, end_utc: of live sources, the same moments as seconds since the epoch.
    """

    kind: Literal["label", "state"]
    camera: str
    label: str
    start_s: float
    end_s: float | None
    mean_prob: float
    peak_prob: float
    peak_frame: int
    reason: str = ""
    start_utc: float | None = None
    end_utc: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """The label that holds over time: None for unknown; `prob` is smoothed."""

    label: str | None
    prob: float


@dataclass(frozen=True, slots=True, eq=False)
class Status:
    """How a live source and its run are doing.

    Attributes:
        state: "ok", or what is wrong.
        reason: of the state, for people.
        fps: frames a second over the last seconds, as they arrive.
        labels_fps: classified frames a second over the same time.
        age_ms: of the latest label when it was ready, or None.
        dropped: frames that were not classified because newer ones came, so far.
        failed: names of the outputs that failed.
    """

    state: State
    reason: str
    fps: float
    labels_fps: float
    age_ms: float | None
    dropped: int
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RegionLabel:
    """What holds in a region at a frame: its box in px (left, top, right, bottom), its label."""

    name: str
    box: tuple[int, int, int, int]
    steady: str | None
    steady_prob: float


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One frame with what is known about it.

    Attributes:
        frame: the frame.
        raw: the model's answer to this very frame, or None where it was not classified.
        last: the latest answer up to this frame; the same as `raw` where that is not None.
        steady: the label that holds at this frame, or None for unknown.
        steady_prob: its smoothed probability; for unknown, that of the best class.
        events: segments that end and begin with this frame, in this order.
        timing: None where the frame was not classified.
        top_k: how many labels `top` gives unless told otherwise.
        status: of a live source; None for files.
        regions: what holds in each, on frames of cameras that have some.
    """

    frame: Frame
    raw: Prediction | None
    last: Prediction | None
    steady: str | None
    steady_prob: float
    events: tuple[Event, ...]
    timing: Timing | None
    top_k: int
    status: Status | None = None
    regions: tuple[RegionLabel, ...] = ()

    def top(self, k: int | None = None) -> tuple[Score, ...]:
        """The k best classes of this frame, else of the last classified one; maybe none."""
        return self.last.top(self.top_k if k is None else k) if self.last is not None else ()


@dataclass(frozen=True, slots=True, eq=False)
class ModelCard:
    """How a model wants its pictures and what its classes are called; it travels with the weights.

    Attributes:
        arch: torchvision's name of the architecture.
        labels: class names, in the order of the model's outputs.
        input_size: px, side of the square the model sees.
        resize: px, the picture's shorter side before the square is cut from its middle.
        interpolation: "bilinear" or "bicubic", always antialiased.
        mean, std: of the RGB channels scaled to 0..1.
        sha256: of the weights file.
        note: a sentence for people, or empty.
    """

    arch: str
    labels: tuple[str, ...]
    input_size: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sha256: str
    note: str = ""
