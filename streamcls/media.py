"""cv2 (OpenCV) and av (PyAV), imported in the one order that works.

With av first, OpenCV's first window hangs for ever (opencv 5.0.0, av 18.1). Everything that needs
one of them takes it from here. FFmpeg's own chatter is silenced: it goes to file descriptor 2 past
Python, and may hold addresses with passwords.
"""

import os

from streamcls.errors import MissingPackageError

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

__all__ = ["av", "cv2"]
