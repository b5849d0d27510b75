"""A fake where OpenCV would open a device: no machine here has a camera."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamcls.capture import webcam
from streamcls.media import cv2

Picture = np.ndarray[Any, Any]


@dataclass
class Device:
    """A camera at a place: its pictures, and the driver's time of each in ms."""

    pictures: list[Picture | None] = field(default_factory=list)
    taken_ms: list[float] = field(default_factory=list)
    busy: bool = False
    before_grab: Callable[[], None] = lambda: None
    promised: dict[int, float] = field(
        default_factory=lambda: {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 30.0,
        }
    )


class FakeCapture:
    """What `cv2.VideoCapture` does; unplugged when its pictures are used up."""

    def __init__(self, device: Device | None, api: int) -> None:
        self.device = device
        self.api = api
        self.asked: dict[int, float] = {}
        self.number = -1
        self.released = 0

    def isOpened(self) -> bool:
        return self.device is not None and not self.device.busy and not self.released

    def grab(self) -> bool:
        assert self.device is not None
        if self.released or self.number + 1 >= len(self.device.pictures):
            return False
        self.device.before_grab()
        self.number += 1
        return True

    def retrieve(self) -> tuple[bool, Picture | None]:
        assert self.device is not None
        picture = self.device.pictures[self.number]
        return picture is not None, picture

    def get(self, what: int) -> float:
        assert self.device is not None
        if what == cv2.CAP_PROP_POS_MSEC:
            taken_ms = self.device.taken_ms
            return taken_ms[self.number] if taken_ms else 0.0
        return self.device.promised.get(what, 0.0)

    def set(self, what: int, value: float) -> bool:
        self.asked[what] = value
        return False  # most drivers can't

    def release(self) -> None:
        self.released += 1


class Machine:
    """Its devices by place, and all that was opened."""

    def __init__(self) -> None:
        self.devices: dict[int | str, Device] = {}
        self.opened: list[FakeCapture] = []
        self.places: list[int | str] = []

    def open(self, place: int | str, api: int) -> FakeCapture:
        assert type(place) in (int, str)  # as OpenCV wants it; no Path
        self.places.append(place)
        self.opened.append(FakeCapture(self.devices.get(place), api))
        return self.opened[-1]


def on(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(webcam, "sys", SimpleNamespace(platform=platform))


def colour(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(30, 200, (48, 64, 3)).astype(np.uint8)
