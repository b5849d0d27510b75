"""The outlines of the demo's eight parts, each within the circle of radius 1 around the origin."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]  # (N, 2): x, y


@dataclass(frozen=True, slots=True)
class Layer:
    """Outlines filled with one shade, even-odd (an outline inside another is a hole).

    Attributes:
        outlines: each (N, 2), x and y.
        shade: 1 is the part's own tone, below darker, above lighter.
    """

    outlines: Sequence[Points]
    shade: float


def circle(radius: float, x: float = 0.0, y: float = 0.0, *, corners: int = 48) -> Points:
    """A regular polygon with so many corners that it looks round."""
    turn = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def washer(detail: float) -> list[Layer]:
    """A flat ring."""
    hole = 0.45 + 0.15 * detail
    return [
        Layer([circle(1), circle(hole)], 1.0),
        Layer([circle(0.96), circle(0.93)], 1.15),
        Layer([circle(hole + 0.06), circle(hole + 0.03)], 0.8),
    ]


def nut(detail: float) -> list[Layer]:
    """A hexagon with a threaded hole."""
    hole = 0.42 + 0.1 * detail
    return [
        Layer([circle(1, corners=6), circle(hole)], 0.9),
        Layer([circle(0.84), circle(hole + 0.04)], 1.1),
        Layer([circle(hole + 0.09), circle(hole + 0.05)], 0.65),
    ]


def gear(detail: float) -> list[Layer]:
    """A spur gear with 9 to 15 teeth."""
    teeth = 9 + int(6.99 * detail)
    step = 2 * math.pi / teeth
    rim = []
    for tooth in range(teeth):
        for share, radius in ((-0.26, 0.78), (-0.14, 1.0), (0.14, 1.0), (0.26, 0.78)):
            turn = (tooth + share) * step
            rim.append((radius * math.cos(turn), radius * math.sin(turn)))
    return [
        Layer([np.array(rim), circle(0.24)], 1.0),
        Layer([circle(0.66), circle(0.42)], 0.78),
        Layer([circle(0.36), circle(0.24)], 1.12),
    ]


def bearing(detail: float) -> list[Layer]:
    """Two rings with balls between them."""
    balls = 8 + int(4.99 * detail)
    turns = np.linspace(0, 2 * math.pi, balls, endpoint=False)
    centres = [(0.66 * math.cos(turn), 0.66 * math.sin(turn)) for turn in turns]
    return [
        Layer([circle(1), circle(0.34)], 1.05),
        Layer([circle(0.82), circle(0.5)], 0.4),
        Layer([circle(0.135, x, y, corners=20) for x, y in centres], 1.25),
        Layer([circle(0.05, x - 0.04, y - 0.04, corners=12) for x, y in centres], 1.6),
    ]


def bolt(detail: float) -> list[Layer]:
    """A hexagon bolt from the side, its thread on the right."""
    half = 0.17 + 0.05 * detail
    shank = np.array(
        [
            (-0.62, -half),
            (0.9, -half),
            (1.0, -half + 0.1),
            (1.0, half - 0.1),
            (0.9, half),
            (-0.62, half),
        ]
    )
    grooves = [
        np.array([(x, -half), (x + 0.03, -half), (x + 0.07, half), (x + 0.04, half)])
        for x in np.arange(-0.05, 0.88, 0.085)
    ]
    return [
        Layer([shank], 1.0),
        Layer([box(-0.62, -half, 0.9, -half * 0.4)], 1.15),
        Layer(grooves, 0.6),
        Layer([box(-1.0, -0.4, -0.6, 0.4)], 0.95),
        Layer([box(-1.0, -0.16, -0.6, 0.16)], 1.2),
    ]


def spring(detail: float) -> list[Layer]:
    """A coil spring from the side: wire going over and under."""
    turns = 7 + int(3.99 * detail)
    pitch = 1.9 / turns
    over, under = [], []
    for turn in range(turns):
        x = -0.95 + turn * pitch
        wire = 0.36 * pitch
        over.append(_wire((x, 0.42), (x + 0.5 * pitch, -0.42), wire))
        under.append(_wire((x + 0.5 * pitch, -0.42), (x + pitch, 0.42), wire))
    return [Layer([piece], 0.55) for piece in under] + [Layer([piece], 1.1) for piece in over]


def _wire(start: tuple[float, float], end: tuple[float, float], width: float) -> Points:
    along = np.subtract(end, start)
    across = np.array([-along[1], along[0]]) / np.hypot(*along) * width / 2
    return np.array([start + across, end + across, end - across, start - across])


def bracket(detail: float) -> list[Layer]:
    """An L-shaped plate with three holes."""
    arm = 0.55 + 0.1 * detail
    plate = np.array(
        [
            (-0.75, -0.75),
            (-0.75 + arm, -0.75),
            (-0.75 + arm, 0.75 - arm),
            (0.75, 0.75 - arm),
            (0.75, 0.75),
            (-0.75, 0.75),
        ]
    )
    middle = -0.75 + arm / 2
    holes = [
        circle(0.13, middle, -0.48),
        circle(0.13, middle, -middle),
        circle(0.13, 0.48, -middle),
    ]
    fold = box(-0.75, -0.75, -0.66, 0.75)
    return [
        Layer([plate, *holes], 1.0),
        Layer([fold], 1.2),
        Layer([box(-0.75, 0.68, 0.75, 0.75)], 0.75),
    ]


def hinge(detail: float) -> list[Layer]:
    """Two leaves with holes on both sides of a jointed pin."""
    half = 0.52 + 0.08 * detail
    leaves = [box(-0.8, -half, -0.1, half), box(0.1, -half, 0.8, half)]
    holes = [circle(0.09, x, y) for x in (-0.5, 0.5) for y in (-half * 0.65, 0.0, half * 0.65)]
    step = 2 * half / 5
    joints = [box(-0.12, -half + i * step, 0.12, -half + (i + 0.93) * step) for i in range(5)]
    return [
        Layer([*leaves, *holes], 1.0),
        Layer(joints, 0.75),
        Layer([box(-0.05, -half, 0.02, half)], 1.35),
    ]


OUTLINES: dict[str, Callable[[float], list[Layer]]] = {
    "bearing": bearing,
    "bolt": bolt,
    "bracket": bracket,
    "gear": gear,
    "hinge": hinge,
    "nut": nut,
    "spring": spring,
    "washer": washer,
}
"""For each part's label the function that draws it; its argument, 0 to 1, varies the details."""
