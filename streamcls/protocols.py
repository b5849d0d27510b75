"""The stages' interfaces: what the runtime asks of them, on which thread, and who owns what."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamcls.records import (
    Event,
    Grabbed,
    LiveFrame,
    Lost,
    ModelCard,
    Picture,
    Prediction,
    Result,
    SourceInfo,
    Steady,
)


class Source(Protocol):
    """Frames in the order they are shown; `grab` and `retrieve` run on the capture thread."""

    @property
    def info(self) -> SourceInfo:
        """What is known before the first frame."""
        ...

    def grab(self) -> Iterator[Grabbed]:
        """Every frame in turn, also those with a fault; ends with the file.

        Raises:
            SourceError: the source can't be read at all.
        """
        ...

    def retrieve(self) -> Picture:
        """The picture of the frame grabbed last, the caller's to keep; not for faulty ones."""
        ...

    def close(self) -> None:
        """Lets go of the file. Can be called again, and only after the capture thread has ended."""
        ...


class LiveSource(Protocol):
    """A source that may come and go; `watch` runs on the capture thread."""

    @property
    def camera(self) -> str:
        """The name that rows carry; never the address."""
        ...

    @property
    def begun_ns(self) -> int:
        """`clock.now_ns` that is 0 in the frames' `pts_s`."""
        ...

    def watch(self) -> Generator[LiveFrame | Lost, None, None]:
        """Every frame, good or not, and every loss; ends only when the run is stopped.

        Raises:
            SourceError: it is given up.
        """
        ...


class Sampler(Protocol):
    """Chooses the frames to classify; called once for each good frame, on the capture thread."""

    def wants(self, grabbed: Grabbed | LiveFrame) -> bool:
        """Whether this frame is to be classified."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """Predictions for some pictures in their order, and what each took on average, in ms."""

    predictions: tuple[Prediction, ...]
    preprocess_ms: float
    infer_ms: float


class Classifier(Protocol):
    """Pictures in, predictions out. Called by several worker threads at once."""

    @property
    def card(self) -> ModelCard:
        """The model and its preprocessing."""
        ...

    @property
    def batch(self) -> int:
        """How many pictures `classify` takes at once, at the most."""
        ...

    def classify(self, images: Sequence[Picture]) -> Classified:
        """Classifies 1 to `batch` pictures; each answer depends on its own picture alone."""
        ...


class Backend(Protocol):
    """Runs a network. Called by several worker threads at once."""

    @property
    def name(self) -> str:
        """Engine and precision, for people and for the stats."""
        ...

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(batch, S, S, 3) uint8 RGB, always the same shape, to (batch, C) probabilities."""
        ...


class Smoother(Protocol):
    """Turns answers over time into a steady label and segments. One camera, one thread."""

    def update(
        self, index: int, pts_s: float, prediction: Prediction
    ) -> tuple[Steady, tuple[Event, ...]]:
        """Takes in one classified frame; also the segments that end and begin with it."""
        ...

    def finish(self, end_s: float) -> tuple[Event, ...]:
        """Closes the open segment and forgets the past: at the end, or where a signal was lost."""
        ...


class Sink(Protocol):
    """An output. Called on one thread, in the order of the frames.

    For files that is the thread that runs the pipeline. For live sources each sink has its own. One
    that wants every frame then gets each at once with the last steady label; the others get the
    classified frames, without their images.
    """

    @property
    def every_frame(self) -> bool:
        """Whether it wants frames that were not classified, too."""
        ...

    def write(self, result: Result) -> None:
        """Takes in one frame.

        Raises:
            OutputError: it can't be written.
        """
        ...

    def event(self, event: Event) -> None:
        """Takes in the beginning (`end_s` is None) or the end of a segment."""
        ...

    def close(self) -> None:
        """Finalises what was written. Can be called again.

        Raises:
            OutputError: it can't be finalised.
        """
        ...


class Refreshed(ABC):
    """A sink that live runs bring up to date from time to time, and feed with nothing.

    A sink says so by having this as its base; having the same methods is not enough.
    """

    refresh_s: float
    """How often."""

    @abstractmethod
    def refresh(self) -> None:
        """Writes it as of now.

        Raises:
            OutputError: it can't be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Writes it for the last time. Can be called again."""


class Pictured:
    """A sink of a live run that wants the pictures of the classified frames with their answers.

    A sink says so by having this as its base.
    """
