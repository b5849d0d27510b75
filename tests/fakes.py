"""Stand-ins for the stages, for tests of what lies between them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from streamcls.protocols import Classified
from streamcls.records import (
    Event,
    Fault,
    Frame,
    Grabbed,
    Image,
    ModelCard,
    Picture,
    Prediction,
    Result,
    SourceInfo,
    Timing,
)

LABELS = ("cat", "dog", "bird")


def info(
    *, width: int = 32, height: int = 24, fps: float = 10.0, path: str = "clip.mp4"
) -> SourceInfo:
    return SourceInfo(
        camera="cam",
        path=Path(path),
        width=width,
        height=height,
        fps=fps,
        time_base=Fraction(1, 1000),
        start_s=0.0,
        duration_s=None,
        sample_aspect=Fraction(1),
        has_sound=False,
        description="fake",
    )


def grabbed(index: int, *, fps: float = 10.0, fault: Fault | None = None) -> Grabbed:
    return Grabbed(index, index / fps, "container", 1 / fps, time.monotonic_ns(), fault)


def prediction(*probs: float) -> Prediction:
    values = np.array(probs or (0.9, 0.08, 0.02), np.float32)
    return Prediction(values, LABELS[: len(values)])


def result(
    index: int = 0,
    *,
    pts_s: float | None = None,
    raw: Prediction | None = None,
    steady: str | None = "cat",
    events: tuple[Event, ...] = (),
    image: Image | None = None,
) -> Result:
    frame = Frame(
        camera="cam",
        index=index,
        pts_s=index / 10 if pts_s is None else pts_s,
        time_source="container",
        duration_s=0.1,
        captured_ns=0,
        captured_utc=None,
        sampled=raw is not None,
        image=np.zeros((24, 32, 3), np.uint8) if image is None else image,
    )
    timing = Timing(1.0, 2.0, 3.0, 6.0) if raw is not None else None
    return Result(frame, raw, raw or prediction(), steady, 0.9, events, timing, top_k=3)


def event(
    label: str = "cat", *, start_s: float = 0.0, end_s: float | None = 1.0, camera: str = "cam"
) -> Event:
    return Event("label", camera, label, start_s, end_s, 0.8, 0.9, 3)


class FakeSource:
    """Frames whose every pixel is the frame's index; `faults` are indices that can't be used."""

    def __init__(self, frames: int, *, faults: Sequence[int] = (), about: SourceInfo | None = None):
        self.info = about or info()
        self._frames = frames
        self._faults = faults
        self._index = 0
        self.retrieved: list[int] = []
        self.closed = 0
        self.fail_at: int | None = None

    def grab(self) -> Iterator[Grabbed]:
        for index in range(self._frames):
            if index == self.fail_at:
                raise OSError("the disk went away")
            self._index = index
            yield grabbed(index, fault="corrupt" if index in self._faults else None)

    def retrieve(self) -> Image:
        self.retrieved.append(self._index)
        image = np.full((24, 32, 3), self._index % 256, np.uint8)
        image.flags.writeable = False
        return image

    def close(self) -> None:
        self.closed += 1


class FakeClassifier:
    """Answers with class (pixel value % 3); `before` gets each batch's size in the worker."""

    def __init__(self, *, batch: int = 4, before: Callable[[int], None] | None = None):
        self.batch = batch
        self.sizes: list[int] = []
        self._before = before
        self._lock = threading.Lock()
        self.card = ModelCard(
            "fake", LABELS, 24, 24, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "0" * 64
        )

    def classify(self, images: Sequence[Picture]) -> Classified:
        with self._lock:
            self.sizes.append(len(images))
        if self._before is not None:
            self._before(len(images))
        answers = []
        for image in images:
            probs = np.full(3, 0.05, np.float32)
            assert isinstance(image, np.ndarray)
            probs[int(image[0, 0, 0]) % 3] = 0.9
            answers.append(Prediction(probs, LABELS))
        return Classified(tuple(answers), 1.0, 2.0)


class ListSink:
    """Keeps what it gets; `fail_at` is the frame index at which it raises."""

    def __init__(self, *, every_frame: bool = False, fail_at: int | None = None):
        self.every_frame = every_frame
        self.results: list[Result] = []
        self.events: list[Event] = []
        self.closed = 0
        self._fail_at = fail_at

    def write(self, result: Result) -> None:
        if result.frame.index == self._fail_at:
            raise OSError("sink failed")
        self.results.append(result)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1
