"""Every frame of a recorded file in the order it is shown, damaged ones told apart from good ones.

Frames are decoded by PyAV, not by OpenCV's VideoCapture. Both are FFmpeg underneath and equally
fast (1080p to BGR: 9.0 and 9.6 ms of CPU). But OpenCV 5.0 gives interlaced recordings as pictures
that were never filled in, with ok=True; it reads no frame of AV1, stops at the first damaged
packet, and can't say which pictures the decoder had to make up.

Several decoder threads are faster, but how they patch up a damaged stream depends on their timing,
and two runs differ. So threads decode until the first sign of damage, and the rest is decoded with
one.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from streamcls.capture.container import opened, video_stream
from streamcls.media import av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

# These tell of damage, or have frames that don't depend on each other. Others (VP8) patch it up
# unseen, and differently with every number of threads.
_SAFE_WITH_THREADS = frozenset(
    {"h264", "hevc", "av1", "mjpeg", "prores", "ffv1", "dnxhd", "dvvideo", "png"}
)
_CONTAINER_FAULTS = 1000  # in a row, until the rest of a file is given up


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """A frame that is in the file but can't be used.

    `cause` is "undecodable" (no picture came out) or "corrupt" (parts of it are made up); `pts` in
    ticks.
    """

    cause: str
    pts: int | None


Decoded: TypeAlias = "VideoFrame | Fault"


class _Damage(Exception):
    """A threaded decoder met something wrong."""


def decode(path: Path, threads: int) -> Iterator[Decoded]:
    """Every frame of the first video stream, good or not.

    Args:
        path: the file.
        threads: for the decoder, as long as the file is sound.

    Raises:
        SourceNotFoundError, SourceError: the file can't be opened.
    """
    done = 0
    with opened(path) as container:
        stream = video_stream(path, container)
        if threads > 1 and stream.codec_context.codec.canonical_name in _SAFE_WITH_THREADS:
            try:
                for frame in _threaded(container, stream, threads):
                    yield frame
                    done += 1
                return
            except _Damage as damage:
                log.debug("%s: %s after %d frames; going on with one thread", path, damage, done)
    # What came before the damage is the same in both ways, so it is enough to count.
    yield from islice(_one_by_one(path), done, None)


def _threaded(
    container: "InputContainer", stream: "VideoStream", threads: int
) -> "Iterator[VideoFrame]":
    codec = stream.codec_context
    codec.thread_type = "FRAME"
    codec.thread_count = threads
    codec.options = {"err_detect": "explode"}  # what a decoder would patch up is an error
    try:
        for packet in container.demux(stream):
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise _Damage("a frame is corrupt")
                yield frame
    except av.error.FFmpegError as error:
        raise _Damage(str(error)) from error


def _one_by_one(path: Path) -> Iterator[Decoded]:
    with opened(path) as container:
        stream = video_stream(path, container)
        stream.codec_context.thread_count = 1
        for packet in _packets(container, stream):
            if isinstance(packet, Fault):
                yield packet
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                yield Fault("undecodable", packet.pts)
                continue
            for frame in frames:
                yield Fault("corrupt", frame.pts) if frame.is_corrupt else frame


def _packets(
    container: "InputContainer", stream: "VideoStream"
) -> "Iterator[Packet[VideoStream] | Fault]":
    """The stream's packets; where the container itself is damaged, a fault, and on behind it."""
    for _ in range(_CONTAINER_FAULTS):
        try:
            yield from container.demux(stream)
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield Fault("undecodable", None)
