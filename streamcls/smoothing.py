"""Labels over time: one steady label instead of a flickering one, and segments from it.

All times are media time, never frame counts, so a variable frame rate or sampling changes nothing.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streamcls.records import Event, Prediction, Steady

# A label that holds may fall a little below the threshold before it is given up (hysteresis).
_KEEP = 0.8
_ROUNDING_S = 1e-6  # times are floats, and 0.3 - 0.1 is a little less than 0.2


class SteadyLabel:
    """Exponential smoothing of the probabilities, then hysteresis with a dwell time.

    The label changes when another one has been the best of the smoothed probabilities for `dwell_s`
    without a break. Below `threshold` it is unknown. The first frame decides at once.
    """

    def __init__(
        self, camera: str, *, threshold: float, smoothing_s: float, dwell_s: float
    ) -> None:
        """Sets up an empty past.

        Args:
            camera: name for the events.
            threshold: smoothed probability, 0 to 1, that a label needs.
            smoothing_s: time constant; 0 is no smoothing.
            dwell_s: how long a new label must lead; 0 is at once.
        """
        self._camera = camera
        self._threshold = threshold
        self._smoothing_s = smoothing_s
        self._dwell_s = dwell_s
        self._smooth: NDArray[np.float64] | None = None  # (C,)
        self._last_s = 0.0
        self._held: int | None = None
        self._rival: int | None = None
        self._rival_since_s: float | None = None
        self._segment: _Segment | None = None

    def update(
        self, index: int, pts_s: float, prediction: Prediction
    ) -> tuple[Steady, tuple[Event, ...]]:
        """Takes in one classified frame; also the segments that end and begin with it."""
        first = self._smooth is None
        smooth = self._blend(pts_s, prediction.probs)
        best = int(smooth.argmax())
        if first:
            self._held = best if smooth[best] >= self._threshold else None
        else:
            self._settle(pts_s, smooth, best)
        held = self._held
        label = None if held is None else prediction.labels[held]
        prob = 0.0 if held is None else float(prediction.probs[held])
        events = self._segments(index, pts_s, label, prob)
        return Steady(label, float(smooth[best if held is None else held])), events

    def finish(self, end_s: float) -> tuple[Event, ...]:
        """Closes the open segment and forgets the past: at the end, or where a signal was lost."""
        self._smooth = self._held = self._rival_since_s = None
        return self._close(end_s)

    def _close(self, end_s: float) -> tuple[Event, ...]:
        segment, self._segment = self._segment, None
        return () if segment is None else (segment.event(self._camera, end_s),)

    def _blend(self, pts_s: float, probs: NDArray[np.float32]) -> NDArray[np.float64]:
        if self._smooth is None or self._smoothing_s == 0:
            self._smooth = probs.astype(np.float64)
        else:
            # First-order low pass over an uneven interval: weight 1 - exp(-dt / tau).
            passed_s = max(0.0, pts_s - self._last_s)
            self._smooth += (probs - self._smooth) * -math.expm1(-passed_s / self._smoothing_s)
        self._last_s = pts_s
        return self._smooth

    def _settle(self, pts_s: float, smooth: NDArray[np.float64], best: int) -> None:
        """Lets a rival take over once it has led long enough."""
        needed = self._threshold * (_KEEP if best == self._held else 1)
        winner = best if smooth[best] >= needed else None
        if winner == self._held:
            self._rival_since_s = None
            return
        if self._rival_since_s is None or winner != self._rival:
            self._rival, self._rival_since_s = winner, pts_s
        if pts_s - self._rival_since_s >= self._dwell_s - _ROUNDING_S:
            self._held, self._rival_since_s = winner, None

    def _segments(
        self, index: int, pts_s: float, label: str | None, prob: float
    ) -> tuple[Event, ...]:
        if self._segment is not None and label == self._segment.label:
            self._segment.add(index, prob)
            return ()
        ended = self._close(pts_s)
        if label is None:
            return ended
        self._segment = _Segment(label, pts_s, index, prob)
        return (*ended, self._segment.event(self._camera, None))


class _Segment:
    """A segment in the making."""

    def __init__(self, label: str, start_s: float, index: int, prob: float) -> None:
        self.label = label
        self._start_s = start_s
        self._peak_frame, self._peak = index, prob
        self._sum, self._count = prob, 1

    def add(self, index: int, prob: float) -> None:
        self._sum += prob
        self._count += 1
        if prob > self._peak:
            self._peak_frame, self._peak = index, prob

    def event(self, camera: str, end_s: float | None) -> Event:
        return Event(
            kind="label",
            camera=camera,
            label=self.label,
            start_s=self._start_s,
            end_s=end_s,
            mean_prob=self._sum / self._count,
            peak_prob=self._peak,
            peak_frame=self._peak_frame,
        )
