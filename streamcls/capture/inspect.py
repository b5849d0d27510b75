"""A closer look at a recorded file: its real frame rate, and what can read it."""

import statistics
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from streamcls.capture.container import Probe, StreamInfo, opened, probe, video_stream
from streamcls.media import cv2, packets

# Rounding to the container's ticks moves a frame by up to one tick.
_VFR_TOLERANCE = 0.1
_TRIED_FRAMES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """The frame rate as the packets' times show it.

    `real_fps` is frames over time; `shortest_ms` to `longest_ms` are the gaps between frames.
    """

    packets: int
    real_fps: float
    variable: bool
    shortest_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What a file is: what it says, what its packets show, and what reads it."""

    path: Path
    probe: Probe
    rate: Rate | None
    opencv: str


def inspect(path: Path) -> Inspection:
    """Reads every packet's time, without decoding, and tries OpenCV on the first frames.

    Raises:
        SourceNotFoundError, SourceError: see `probe`.
    """
    found = probe(path)
    return Inspection(path, found, _rate(path, found), _opencv(path, found))


def _rate(path: Path, found: Probe) -> Rate | None:
    times = []
    with opened(path) as container:
        for packet in packets(container, video_stream(path, container)):
            if packet is not None and packet.pts is not None and not packet.is_discard:
                times.append(float(packet.pts * found.time_base))
    times.sort()
    gaps = [b - a for a, b in pairwise(times)]
    if not found.has_times or not gaps or times[-1] <= times[0]:
        return None
    usual = statistics.median(gaps)
    slack = max(_VFR_TOLERANCE * usual, 1.5 * float(found.time_base))
    return Rate(
        packets=len(times),
        real_fps=len(gaps) / (times[-1] - times[0]),
        variable=any(abs(gap - usual) > slack for gap in gaps),
        shortest_ms=min(gaps) * 1000,
        longest_ms=max(gaps) * 1000,
    )


def _opencv(path: Path, found: Probe) -> str:
    """Whether OpenCV's VideoCapture reads the file too, for people who use it elsewhere."""
    if found.interlaced:
        return "no: it gives no pictures of interlaced video, but says it did"
    name = str(path.absolute())
    if name != name.encode(errors="replace").decode():  # bytes that are no text end the process
        return "no: it takes only names that are text"
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            return "no"
        wanted = min(_TRIED_FRAMES, found.frames or 1)
        read = sum(capture.read()[0] for _ in range(wanted))
        return "yes" if read == wanted else "no: it opens the file and reads no frame"
    finally:
        capture.release()


def rows(found: Inspection) -> list[tuple[str, str]]:
    """What it is and what reads it, as pairs for people."""
    about = found.probe
    turned = f", turned by {about.rotation} degrees" if about.rotation else ""
    scan = ", interlaced" if about.interlaced else ""
    stored = f"{about.coded_width}x{about.coded_height}"
    sound = about.sound
    others = [f"{s.index}: {s.kind} ({s.codec})" for s in _others(about)]
    return [
        ("container", about.container),
        ("video", f"{about.codec}, {about.pixel_format}{scan}"),
        ("size", f"{about.width}x{about.height} (stored {stored}{turned})"),
        ("pixel aspect", str(about.sample_aspect)),
        ("duration", f"{about.duration_s:.3f} s" if about.duration_s else "not stated"),
        ("frames", f"{about.frames} stated" if about.frames else "not stated"),
        ("nominal rate", _stated(about.nominal_fps)),
        ("average rate", _stated(about.fps)),
        ("real rate", _real_rate(found)),
        ("sound", sound.codec if sound else "none"),
        ("other streams", ", ".join(others) or "none"),
        ("read through", "PyAV"),
        ("OpenCV reads it", found.opencv),
    ]


def _others(about: Probe) -> list[StreamInfo]:
    used = next(stream for stream in about.streams if stream.kind == "video")
    return [stream for stream in about.streams if stream is not used and stream is not about.sound]


def _stated(fps: Fraction) -> str:
    return f"{float(fps):.3f} fps" if fps else "not stated"


def _real_rate(found: Inspection) -> str:
    rate = found.rate
    if rate is None:
        return "no times in the file; they are estimated from the nominal rate"
    kind = "variable" if rate.variable else "constant"
    gaps = f"gaps {rate.shortest_ms:.1f} to {rate.longest_ms:.1f} ms"
    return f"{rate.real_fps:.3f} fps, {kind} ({rate.packets} frames, {gaps})"
