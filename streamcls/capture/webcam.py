"""A webcam, through OpenCV, which knows the cameras of Linux, macOS and Windows."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from streamcls import clock
from streamcls.capture.connection import Shot
from streamcls.capture.decode import read_only
from streamcls.capture.kind import Address, Live, Reach
from streamcls.errors import SignalLostError
from streamcls.media import cv2
from streamcls.records import Image

BY_ID = Path("/dev/v4l/by-id")  # where Linux keeps names that stay when numbers change


class WebcamFinder:
    """Finds the same camera again after it was unplugged, also under another number (Linux)."""

    def __init__(self, device: str, by_id: Path = BY_ID) -> None:
        """`device` is a number or a path as the user gives it."""
        self._device = device
        self._by_id = by_id
        self._stable = Path(device) if Path(device).parent == by_id else None

    def place(self) -> int | str:
        """What to open now.

        Raises:
            SignalLostError: it is unplugged; its number may be another camera's by now.
        """
        if self._stable is not None:
            if not self._stable.exists():
                raise SignalLostError(f"{self._stable.name} is unplugged")
            return str(self._stable.resolve())
        return int(self._device) if self._device.isdecimal() else self._device

    def remember(self, place: int | str) -> None:
        """The camera at this place is the one: keeps its lasting name, if it has one."""
        if self._stable is not None:
            return
        path = Path(f"/dev/video{place}" if isinstance(place, int) else place).resolve()
        links = sorted(self._by_id.iterdir()) if self._by_id.is_dir() else []
        self._stable = next((link for link in links if link.resolve() == path), None)


class Webcam:
    """One connection to a webcam."""

    def __init__(self, finder: WebcamFinder) -> None:
        """Opens the device.

        Raises:
            SignalLostError: there is no such camera, or another program has it.
        """
        place = finder.place()
        api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(place, api)
        if not self._capture.isOpened():
            self._capture.release()
            raise SignalLostError(f"no camera answers at {place}, or another program has it")
        finder.remember(place)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # drivers that can't simply keep theirs
        self._place = place

    @property
    def description(self) -> str:
        """Size and promised rate; the real one is measured."""
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        return f"webcam at {self._place}, {width:.0f}x{height:.0f}, read through OpenCV"

    def shots(self) -> Iterator[Shot]:
        """Every frame.

        Raises:
            SignalLostError: it was unplugged, or stopped answering.
        """
        while self._capture.grab():
            arrived_ns = clock.now_ns()
            ok, picture = self._capture.retrieve()
            image = as_bgr(picture) if ok else None
            # V4L2 says when the driver had the picture; other systems say nothing useful.
            taken_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            media_s = taken_ms / 1000 if sys.platform == "linux" and taken_ms > 0 else None
            yield Shot(image, arrived_ns, media_s, None if image is not None else "undecodable")
        raise SignalLostError("it gives no more pictures; unplugged, or another program took it")

    def close(self) -> None:
        """Lets go of the device."""
        self._capture.release()


def as_bgr(picture: np.ndarray | None) -> Image | None:
    """Pictures in the odd formats that some cameras give, as (H, W, 3) uint8 BGR; None if unknown.

    Args:
        picture: grey (H, W) or (H, W, 1) of 8 or 16 bits, YUYV (H, W, 2), BGR (H, W, 3) or BGRA
            (H, W, 4).
    """
    if picture is None or not picture.size or picture.ndim not in (2, 3):
        return None
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8:
        return None
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    conversions = {
        1: cv2.COLOR_GRAY2BGR,
        2: cv2.COLOR_YUV2BGR_YUYV,
        4: cv2.COLOR_BGRA2BGR,
    }
    if channels == 3:
        return read_only(picture)
    if channels not in conversions:
        return None
    try:
        return read_only(np.asarray(cv2.cvtColor(picture, conversions[channels]), np.uint8))
    except cv2.error:  # YUYV of odd width
        return None


def _connector(address: Address, _reach: Reach) -> Callable[[], Webcam]:
    finder = WebcamFinder(address.text)
    return lambda: Webcam(finder)


def _camera(address: Address) -> str:
    device = address.text
    return f"webcam{device}" if device.isdecimal() else Path(device).name


SOURCE = Live(connector=_connector, camera=_camera, is_here=True)
