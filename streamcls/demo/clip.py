"""The built-in clip: 12 s of parts on a belt that stops under the camera, and the truth of it."""

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamcls.demo.scene import HEIGHT, PARTS, WIDTH, Part, Scene, draw, truth
from streamcls.media import av, cv2

FPS = 25
STOP_FRAMES = 30  # a stop of the belt: it moves on, then waits
MOVE_FRAMES = 12
PITCH_PX = 960  # from part to part, so that one is gone before the next is in view
TONES = ((190.0, 192.0, 190.0), (120.0, 178.0, 204.0), (112.0, 114.0, 118.0), (148.0, 160.0, 172.0))


def random_part(rng: random.Random, label: str, x: float) -> Part:
    """A part with a random place, size, turn, tilt and metal."""
    return Part(
        label=label,
        x=x + rng.uniform(-50, 50),
        y=HEIGHT / 2 + rng.uniform(-50, 50),
        size=rng.uniform(140, 215),
        angle=rng.uniform(0, 6.283),
        tilt=rng.uniform(0.75, 1.0),
        tone=rng.choice(TONES),
        detail=rng.random(),
    )


def scenes(seed: int = 5) -> list[Scene]:
    """The clip's 300 scenes, in order: every part once, one of them twice, and one empty stop."""
    rng = random.Random(seed)
    slots: list[str | None] = [*PARTS, rng.choice(PARTS), None]
    rng.shuffle(slots)
    parts = [
        random_part(rng, label, WIDTH / 2 + slot * PITCH_PX)
        for slot, label in enumerate(slots)
        if label is not None
    ]
    found = []
    for slot in range(len(slots)):
        gain, warmth = rng.uniform(0.65, 1.4), rng.uniform(-1, 1)
        light = (rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6))
        blur_px, noise, phase = rng.uniform(0, 3.5), rng.uniform(2, 8), rng.uniform(0, 6.283)
        for step in range(STOP_FRAMES):
            before, moved = _way(slot, step - 1), _way(slot, step)
            found.append(
                Scene(
                    parts=tuple(
                        replace(p, x=p.x - moved) for p in parts if -300 < p.x - moved < 1580
                    ),
                    belt_px=moved,
                    gain=gain * (1 + 0.12 * math.sin(phase + step / 4)),
                    light=light,
                    warmth=warmth,
                    blur_px=blur_px,
                    motion_px=(moved - before) / 2,
                    noise=noise,
                    seed=rng.randrange(1 << 30),
                )
            )
    return found


def _way(slot: int, step: int) -> float:
    """How far the belt has moved at a step of a stop, in px; it starts and brakes smoothly."""
    share = min(max(step + 1, 0), MOVE_FRAMES) / MOVE_FRAMES
    return (slot - 1 + share * share * (3 - 2 * share)) * PITCH_PX


def truths() -> list[str | None]:
    """The right label of every frame; None where a part is cut by the edge of the model's view."""
    return [truth(scene) for scene in scenes()]


def render(path: Path) -> None:
    """Writes the clip as H.264 in MP4, 1280x720 at 25 fps, with every frame at index / 25 s."""
    with av.open(str(path.absolute()), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for scene in scenes():
            planes = np.asarray(cv2.cvtColor(draw(scene), cv2.COLOR_BGR2YUV_I420), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        output.mux(stream.encode(None))
