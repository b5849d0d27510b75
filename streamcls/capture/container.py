"""Opens a recorded file and tells what it holds, with an error that says what is wrong with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.errors import SourceError, SourceNotFoundError
from streamcls.media import Disposition, av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# FFmpeg's readers of single pictures.
_PICTURES = ("image2", "ico")
NO_DECODER = "no decoder"
_FIRST_FRAMES = 5  # enough to see whether their times are in order


@dataclass(frozen=True, slots=True, eq=False)
class StreamInfo:
    """One stream of a file: "video", "audio", "subtitle", …, and its codec."""

    index: int
    kind: str
    codec: str


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What a file says about itself and its first video stream.

    Attributes:
        container: FFmpeg's short name of the file format.
        codec, pixel_format: of the first video stream.
        coded_width, coded_height: px, before rotation.
        rotation: degrees anticlockwise by which players turn the picture.
        interlaced: of the first frame.
        sample_aspect: width of a stored pixel over its height.
        time_base: seconds of one tick.
        has_times: whether the first frames have times, in order. AVI stores none: what FFmpeg makes
            up for frames that were reordered is out of order.
        start_s: where the media begins, all streams considered.
        stream_start_s: where the video stream begins.
        duration_s: stated length, or None.
        fps: average frames a second, FFmpeg's guess where there are no times to average over; 0
            where nothing is known.
        nominal_fps: the rate that the header states, or whose multiples all times are; 0 if none.
        frames: stated number, or None.
        streams: all of them.
    """

    container: str
    codec: str
    pixel_format: str
    coded_width: int
    coded_height: int
    rotation: int
    interlaced: bool
    sample_aspect: Fraction
    time_base: Fraction
    has_times: bool
    start_s: float
    stream_start_s: float
    duration_s: float | None
    fps: Fraction
    nominal_fps: Fraction
    frames: int | None
    streams: tuple[StreamInfo, ...]

    @property
    def width(self) -> int:
        """px, as shown."""
        return self.coded_height if self.rotation % 180 else self.coded_width

    @property
    def height(self) -> int:
        """px, as shown."""
        return self.coded_width if self.rotation % 180 else self.coded_height

    @property
    def sound(self) -> StreamInfo | None:
        """The first audio stream."""
        return next((stream for stream in self.streams if stream.kind == "audio"), None)

    @property
    def sound_readable(self) -> bool:
        """Whether there is sound and a decoder for it."""
        return self.sound is not None and self.sound.codec != NO_DECODER


def check_file(path: Path) -> None:
    """Raises unless there is a readable, non-empty file.

    Raises:
        SourceNotFoundError: missing, a folder, a device, or no permission.
        SourceError: empty.
    """
    if path.is_dir():
        raise SourceNotFoundError(f"{path}: a folder; give a video file")
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: not a file")
    if not os.access(path, os.R_OK):
        raise SourceNotFoundError(f"{path}: no permission to read it")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty")


@contextmanager
def opened(path: Path) -> "Iterator[InputContainer]":
    """The open container of a recorded file.

    Raises:
        SourceNotFoundError: see `check_file`.
        SourceError: it is no video file.
    """
    check_file(path)
    try:
        # An absolute path can't be taken for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise SourceError(f"{path}: {_why_not(path, error)}") from error
    with container:
        name = container.format.name
        if name == "tty":
            raise SourceError(f"{path}: a text file, not a video")
        if name in _PICTURES or name.endswith("_pipe"):
            raise SourceError(f"{path}: a picture; use: streamcls classify {path}")
        yield container


def _why_not(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free"):
        return (
            "an MP4 or MOV without its index (moov): the recording was cut off before it was "
            "finished; a tool like untrunc may repair it"
        )
    if isinstance(error, av.error.InvalidDataError):
        return "not a video file, or its beginning is damaged"
    return f"can't be opened as a video: {getattr(error, 'strerror', None) or error}"


def video_stream(path: Path, container: "InputContainer") -> "VideoStream":
    """The first video stream that is no cover picture.

    Raises:
        SourceError: there is none, or nothing can decode it.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise SourceError(f"{path}: no decoder for its video stream")
        return stream
    kinds = " and ".join(
        sorted({"a cover picture" if s.type == "video" else s.type for s in container.streams})
    )
    raise SourceError(f"{path}: no video in it, only {kinds or 'nothing'}")


def probe(path: Path) -> Probe:
    """Opens a file and decodes up to its first good frame.

    Raises:
        SourceNotFoundError, SourceError: see `opened` and `video_stream`; or no frame decodes.
    """
    with opened(path) as container:
        stream = video_stream(path, container)
        codec = stream.codec_context
        frames = _first_frames(container, stream)
        if not frames:
            raise SourceError(f"{path}: not one frame of its {codec.name} video can be decoded")
        first, times = frames[0], [frame.pts for frame in frames if frame.pts is not None]
        # Some may be the same: ticks can be coarser than the frame rate.
        in_order = len(times) == len(frames) and all(a <= b for a, b in pairwise(times))
        in_order = in_order and (len(times) == 1 or times[0] < times[-1])
        time_base = stream.time_base or Fraction(1, 1000)
        return Probe(
            container=container.format.name,
            codec=codec.codec.canonical_name,
            pixel_format=first.format.name,
            coded_width=first.width,
            coded_height=first.height,
            rotation=round(first.rotation / 90) * 90 % 360,
            interlaced=bool(first.interlaced_frame),
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            time_base=time_base,
            has_times=in_order,
            start_s=(container.start_time or 0) / av.time_base,
            stream_start_s=float((stream.start_time or 0) * time_base),
            duration_s=_duration_s(container, stream),
            fps=(in_order and stream.average_rate) or stream.guessed_rate or Fraction(0),
            nominal_fps=stream.base_rate or Fraction(0),
            frames=stream.frames or None,
            streams=tuple(StreamInfo(s.index, s.type, _codec_name(s)) for s in container.streams),
        )


def last_time_s(path: Path) -> float:
    """Where the last packet of any stream ends, in seconds after the media's start."""
    latest = 0.0
    # A container that is damaged ends there.
    with opened(path) as container, suppress(av.error.FFmpegError, IndexError):
        begin_s = (container.start_time or 0) / av.time_base
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                latest = max(latest, float(end) - begin_s)
    return latest


def _codec_name(stream: "Stream") -> str:
    codec = stream.codec_context
    return codec.codec.canonical_name if codec is not None else NO_DECODER


def _duration_s(container: "InputContainer", stream: "VideoStream") -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _first_frames(container: "InputContainer", stream: "VideoStream") -> "list[VideoFrame]":
    stream.codec_context.thread_count = 1
    found: list[VideoFrame] = []
    for packet in container.demux(stream):
        try:
            found.extend(packet.decode())
        except av.error.FFmpegError:
            continue
        if len(found) >= _FIRST_FRAMES:
            break
    return found
