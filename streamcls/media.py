"""cv2 (OpenCV) and av (PyAV), imported in the one order that works.

With av first, OpenCV's first window hangs for ever (opencv 5.0.0, av 18.1). Everything that needs
one of them takes it from here. FFmpeg's own chatter is silenced: it goes to file descriptor 2 past
Python, and may hold addresses with passwords.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from streamcls.errors import MissingPackageError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    AnyStream = TypeVar("AnyStream", AudioStream, VideoStream)

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read when cv2 is loaded
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

try:
    import cv2
except ImportError as error:
    _REMEDY = (
        "a system library is missing; on Debian and Ubuntu: apt install libgl1 libglib2.0-0"
        if ".so" in str(error)
        else "install it with: pip install opencv-python"
    )
    raise MissingPackageError(f"OpenCV can't be loaded ({error}): {_REMEDY}") from error
import av  # isort: skip
from av.bitstream import BitStreamFilterContext  # isort: skip
from av.stream import Disposition  # isort: skip

__all__ = ["BitStreamFilterContext", "Disposition", "av", "cv2", "packets"]

_FAULTS = 1000  # until the rest of a damaged file is given up


def packets(
    container: "InputContainer", stream: "AnyStream"
) -> "Iterator[Packet[AnyStream] | None]":
    """The stream's packets; None where the file itself is damaged, and on behind it."""
    for _ in range(_FAULTS):
        try:
            yield from container.demux(stream)
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield None
        except IndexError:
            continue  # PyAV's answer to a packet of a stream that was not there at the start
