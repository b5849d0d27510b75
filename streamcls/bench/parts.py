"""The parts of a run over a recording, each alone: what the whole run could be at best."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

from streamcls.protocols import Sink, Source
from streamcls.records import Frame, Image, Picture, Prediction, Result

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

_PICTURES_BYTES = 250_000_000  # of pictures kept for the parts that get theirs from memory
_PICTURES = 48
_ENCODED = 96  # frames


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """What one frame takes: ms of CPU, all threads together, and ms by the clock."""

    cpu_ms: float
    wall_ms: float


class Stopwatch:
    """CPU and clock time of a stretch of work in this process, in seconds."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.cpu_s = self.wall_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Adds what happens inside."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu_s += time.process_time() - cpu_s
            self.wall_s += time.perf_counter() - wall_s

    def cost(self, frames: int) -> Cost:
        """A frame's share."""
        return Cost(self.cpu_s * 1000 / frames, self.wall_s * 1000 / frames)


def first_pictures(source: Source) -> list[Picture]:
    """The first good frames of a recording, decoded, as many as memory is spent on."""
    found: list[Picture] = []
    most = max(2, min(_PICTURES, _PICTURES_BYTES // (source.info.width * source.info.height * 3)))
    for grabbed in source.grab():
        if grabbed.fault is None:
            found.append(source.retrieve())
        if len(found) == most:
            break
    source.close()
    return found


def decode(source: Source) -> Cost:
    """Reads and decodes a recording, as the capture thread does."""
    watch = Stopwatch()
    with watch.running():
        frames = sum(1 for _ in source.grab())
    source.close()
    return watch.cost(frames)


def to_bgr(pictures: Sequence[Picture]) -> tuple[Cost, list[Image]]:
    """Converts decoded pictures, as outputs that show them need it."""
    watch = Stopwatch()
    with watch.running():
        images = [one if isinstance(one, np.ndarray) else one.bgr() for one in pictures]
    return watch.cost(len(images)), images


def classify(classifier: "ImageClassifier", pictures: Sequence[Picture]) -> tuple[Cost, Cost]:
    """Preprocessing and inference in full batches, as a worker thread does.

    Both use one thread, so the CPU time parts as the clock's does.
    """
    batch, watch = classifier.batch, Stopwatch()
    preprocess_ms = infer_ms = 0.0
    rounds = max(2, len(pictures) // batch)
    endless = cycle(pictures)
    for _ in range(rounds):
        batched = list(islice(endless, batch))
        with watch.running():
            answer = classifier.classify(batched)
        preprocess_ms += answer.preprocess_ms / rounds
        infer_ms += answer.infer_ms / rounds
    whole = watch.cost(rounds * batch)
    share = preprocess_ms / (preprocess_ms + infer_ms)
    return (
        Cost(whole.cpu_ms * share, preprocess_ms),
        Cost(whole.cpu_ms * (1 - share), infer_ms),
    )


def encode(sink: Sink, images: Sequence[Image], prediction: Prediction, fps: float) -> Cost:
    """Draws and encodes pictures from memory.

    They are shown forwards and backwards in turn, so that they move as in the recording.
    """
    order, watch = cycle([*images, *reversed(images)]), Stopwatch()
    results = [
        _result(image, number, 1 / fps, prediction)
        for number, image in enumerate(islice(order, _ENCODED))
    ]
    with watch.running():
        for result in results:
            sink.write(result)
        sink.close()
    return watch.cost(len(results))


def _result(image: Image, number: int, interval_s: float, prediction: Prediction) -> Result:
    frame = Frame(
        camera="",
        index=number,
        pts_s=number * interval_s,
        time_source="container",
        duration_s=interval_s,
        captured_ns=0,
        captured_utc=None,
        sampled=True,
        image=image,
    )
    best = prediction.top(1)[0]
    return Result(
        frame=frame,
        raw=prediction,
        last=prediction,
        steady=best.label,
        steady_prob=best.prob,
        events=(),
        timing=None,
        top_k=1,
    )
