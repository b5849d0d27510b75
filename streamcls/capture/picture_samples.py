"""Distinct pictures spread over a recording or a folder, to calibrate and to compare on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamcls.capture.container import Probe, opened, probe, video_stream
from streamcls.capture.decode import DecodedFrame
from streamcls.capture.file import FileSource
from streamcls.capture.picture_file import find_pictures, read_picture
from streamcls.errors import PictureError
from streamcls.media import av, cv2
from streamcls.records import Image

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SAME_LEVELS = 1.5  # of grey, on average; what differs less is the same picture
_THUMBNAIL = (32, 32)  # px
_SEEK_FRAMES = 60  # between two wanted frames; where it is less, all are decoded


def spread_frames(path: Path, count: int) -> Iterator[Image]:
    """Up to `count` frames of a recording, evenly spread, as (H, W, 3) uint8 BGR.

    Raises:
        SourceNotFoundError, SourceError: it can't be read.
    """
    about = probe(path)
    frames = about.frames or round((about.duration_s or 0) * float(about.fps))
    step = max(1, frames // count)
    if step > _SEEK_FRAMES and about.duration_s:
        yield from _sought(path, about, count)
        return
    source = FileSource(path, camera=path.stem)
    for number, grabbed in enumerate(source.grab()):
        if number % step == 0 and grabbed.fault is None:
            yield source.retrieve().bgr()


def spread_pictures(folder: Path, count: int) -> Iterator[tuple[Path, Image]]:
    """Up to `count` pictures of a folder and those below it, evenly spread over their names.

    Those that can't be read are left out.
    """
    files = list(find_pictures([folder]))
    for number in range(min(count, len(files))):
        file = files[number * len(files) // min(count, len(files))]
        try:
            yield file, read_picture(file)
        except PictureError:
            continue


class Distinct:
    """Tells whether a picture differs from all before it."""

    def __init__(self) -> None:
        """Knows none."""
        self._seen = np.zeros((0, _THUMBNAIL[0] * _THUMBNAIL[1]), np.float32)

    def is_new(self, image: Image) -> bool:
        """Whether an image, (H, W, 3) uint8 BGR, differs from all before; from now on it counts."""
        small = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32).reshape(1, -1)
        if len(self._seen) and np.abs(self._seen - grey).mean(axis=1).min() < _SAME_LEVELS:
            return False
        self._seen = np.concatenate([self._seen, grey])
        return True


def _sought(path: Path, about: Probe, count: int) -> Iterator[Image]:
    """The key frames before evenly spread times; decoding all would take as long as watching."""
    assert about.duration_s is not None
    last_pts = None
    with opened(path) as container:
        stream = video_stream(path, container)
        stream.codec_context.thread_count = 1
        for number in range(count):
            at_s = about.stream_start_s + about.duration_s * number / count
            frame = _frame_at(container, stream, round(at_s / about.time_base))
            if frame is not None and frame.pts != last_pts:
                last_pts = frame.pts
                yield DecodedFrame(frame, about.rotation).bgr()


def _frame_at(container: "InputContainer", stream: "VideoStream", pts: int) -> "VideoFrame | None":
    try:
        container.seek(pts, stream=stream)
        return next((frame for frame in container.decode(stream) if not frame.is_corrupt), None)
    except av.error.FFmpegError:
        return None  # damaged there
