"""Every frame of a recorded file in the order it is shown, damaged ones told apart from good ones.

Frames are decoded by PyAV, not by OpenCV's VideoCapture. Both are FFmpeg underneath and equally
fast (1080p to BGR: 9.0 and 9.6 ms of CPU). But OpenCV 5.0 gives interlaced recordings as pictures
that were never filled in, with ok=True; it reads no frame of AV1, stops at the first damaged
packet, and can't say which pictures the decoder had to make up.

The decoder has one thread. With more, how FFmpeg patches up a damaged stream depends on their
timing, two runs differ, and often nothing tells of it (HEVC, VP8, FFV1). The pipeline keeps the
other cores busy: on two of them a second decoder thread gains 3 %.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamcls.capture.container import opened, video_stream
from streamcls.media import av, cv2, packets
from streamcls.records import Fault, Image, Planes

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from av.video.reformatter import VideoReformatter


_ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
# FFmpeg's AVColorSpace to the shares of red and blue in the luma; 2 is "not stated", which FFmpeg
# takes for BT.601.
_MATRICES = {
    1: (0.2126, 0.0722),
    2: (0.299, 0.114),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    9: (0.2627, 0.0593),
}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


_own = threading.local()  # a reformatter is a thread's own, and keeps what it worked out


@dataclass(frozen=True, slots=True, eq=False)
class BadFrame:
    """A frame that is in the file but can't be used.

    `cause` is "undecodable" (no picture came out) or "corrupt" (parts of it are made up); `pts` is
    in ticks.
    """

    cause: Fault
    pts: int | None


AnyFrame: TypeAlias = "VideoFrame | BadFrame"


def decode(path: Path) -> Iterator[AnyFrame]:
    """Every frame of the first video stream, good or not.

    Raises:
        SourceNotFoundError, SourceError: the file can't be opened.
    """
    with opened(path) as container:
        stream = video_stream(path, container)
        stream.codec_context.thread_count = 1
        for packet in packets(container, stream):
            if packet is None:
                yield BadFrame("undecodable", None)
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                yield BadFrame("undecodable", packet.pts)
                continue
            for frame in frames:
                yield BadFrame("corrupt", frame.pts) if frame.is_corrupt else frame


def to_bgr(reformatter: "VideoReformatter", frame: "VideoFrame") -> Image:
    """The frame's picture as it is stored: (H, W, 3) uint8 BGR, lines maybe not contiguous."""
    converted = reformatter.reformat(frame, format="bgr24", threads=1)
    height, width = converted.height, converted.width
    # A view of FFmpeg's own memory, without a copy where its lines have no padding.
    return _lines(converted.planes[0], width * 3).reshape(height, width, 3)


class DecodedFrame:
    """A frame of FFmpeg's, and how players turn it."""

    def __init__(self, frame: "VideoFrame", rotation: int) -> None:
        """`rotation` is in degrees anticlockwise."""
        self._frame, self._rotation = frame, rotation

    def planes(self) -> Planes | None:
        """As stored, turned; None for what is no planar YUV of 8 bits."""
        frame = self._frame
        matrix = _MATRICES.get(int(frame.colorspace))
        if frame.format.name not in _PLANAR or matrix is None:
            return None
        y, u, v = (self._turned(_lines(plane, plane.width)) for plane in frame.planes)
        full_range = int(frame.color_range) == _FULL_RANGE or "yuvj" in frame.format.name
        return Planes(y, u, v, matrix, full_range)

    def bgr(self) -> Image:
        """(H, W, 3) uint8 BGR, turned, read-only."""
        if not hasattr(_own, "reformatter"):
            _own.reformatter = av.video.reformatter.VideoReformatter()
        return read_only(self._turned(to_bgr(_own.reformatter, self._frame)))

    def _turned(self, image: Image) -> Image:
        if not self._rotation:
            return image
        return np.asarray(cv2.rotate(image, _ROTATIONS[self._rotation]), np.uint8)


def _lines(plane: "VideoPlane", width: int) -> NDArray[np.uint8]:
    """A view of a plane's bytes, (H, W), without the padding of its lines."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, :width]


def read_only(image: Image) -> Image:
    """The picture contiguous and read-only, as records hold it."""
    image = np.ascontiguousarray(image)
    image.flags.writeable = False
    return image
