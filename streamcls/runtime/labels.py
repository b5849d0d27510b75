"""What a model says of one camera over time, for recordings and live sources alike."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streamcls.protocols import Classified, Classifier, Sampler, Smoother
from streamcls.records import Event, Frame, Prediction, Result, Status, Steady, Timing
from streamcls.runtime.views import Views


@dataclass(frozen=True, slots=True, eq=False)
class Labelling:
    """How the frames of one source get their labels.

    Attributes:
        sampler: chooses the frames to classify.
        classifier: answers.
        smoother: makes what makes the steady label and the segments of the answers, under the name
            that these carry.
        top_k: how many labels `Result.top` gives unless told otherwise.
        relabel: what becomes of each answer first: labels left out, or called otherwise.
        views: what of each picture is classified, of live sources.
    """

    sampler: Sampler
    classifier: Classifier
    smoother: Callable[[str], Smoother]
    top_k: int
    relabel: Callable[[Prediction], Prediction] = lambda prediction: prediction
    views: Views = field(default_factory=Views)


class Labels:
    """The last answer and the steady label at this moment. One thread at a time."""

    def __init__(self, smoother: Smoother, *, top_k: int) -> None:
        """Nothing is known yet; see `Labelling`."""
        self._smoother = smoother
        self._top_k = top_k
        self._steady = Steady(None, 0.0)
        self._last: Prediction | None = None

    @property
    def steady(self) -> Steady:
        """The label that holds at this moment."""
        return self._steady

    def take(self, frame: Frame, answer: Prediction) -> tuple[Event, ...]:
        """Takes in the answer to a frame; the segments that end and begin with it."""
        self._last = answer
        self._steady, events = self._smoother.update(frame.index, frame.pts_s, answer)
        return events

    def end(self, at_s: float) -> tuple[Event, ...]:
        """Closes the open segment and forgets all: at the end, or where a signal was lost."""
        self._steady, self._last = Steady(None, 0.0), None
        return self._smoother.finish(at_s)

    def result(
        self,
        frame: Frame,
        raw: Prediction | None = None,
        *,
        events: tuple[Event, ...] = (),
        timing: Timing | None = None,
        status: Status | None = None,
    ) -> Result:
        """A frame with what is known now; `raw` is the answer to this very frame."""
        return Result(
            frame=frame,
            raw=raw,
            last=self._last,
            steady=self._steady.label,
            steady_prob=self._steady.prob,
            events=events,
            timing=timing,
            top_k=self._top_k,
            status=status,
        )


def timing(captured_ns: int, begun_ns: int, answer: Classified, ended_ns: int) -> Timing:
    """Where a frame's time went that was captured, begun to be worked on and answered then."""
    return Timing(
        waited_ms=(begun_ns - captured_ns) / 1e6,
        preprocess_ms=answer.preprocess_ms,
        infer_ms=answer.infer_ms,
        age_ms=(ended_ns - captured_ns) / 1e6,
    )
