import math

import numpy as np
import pytest

from streamcls.records import Event, Prediction, Steady
from streamcls.smoothing import SteadyLabel
from tests.fakes import LABELS


def answer(label: str, prob: float = 0.9) -> Prediction:
    probs = np.full(3, (1 - prob) / 2, np.float32)
    probs[LABELS.index(label)] = prob
    return Prediction(probs, LABELS)


def steady(threshold: float = 0.5, smoothing_s: float = 0.0, dwell_s: float = 0.0) -> SteadyLabel:
    return SteadyLabel("cam", threshold=threshold, smoothing_s=smoothing_s, dwell_s=dwell_s)


def feed(
    smoother: SteadyLabel, answers: list[tuple[float, Prediction]]
) -> tuple[list[str | None], list[Event]]:
    labels: list[str | None] = []
    events: list[Event] = []
    for index, (pts_s, one) in enumerate(answers):
        held, new = smoother.update(index, pts_s, one)
        labels.append(held.label)
        events += new
    return labels, events


def test_the_first_frame_decides_at_once() -> None:
    held, _ = steady(dwell_s=5).update(0, 12.0, answer("dog"))
    assert held.label == "dog"


def test_below_the_threshold_it_is_unknown() -> None:
    held, events = steady(threshold=0.95).update(0, 0.0, answer("dog"))
    assert held.label is None
    assert held.prob == pytest.approx(0.9)
    assert events == ()


def test_the_time_constant_is_seconds_not_frames() -> None:
    """After one time constant 63 % of a step is there, however many frames came in between."""
    for frames in (1, 4, 100):
        smoother = steady(smoothing_s=0.5, dwell_s=100)
        smoother.update(0, 0.0, answer("cat", 1.0))
        held = Steady(None, 0.0)
        for frame in range(1, frames + 1):
            held, _ = smoother.update(frame, 0.5 * frame / frames, answer("dog", 1.0))
        assert held.label == "cat"
        assert held.prob == pytest.approx(math.exp(-1), abs=1e-6)


def test_a_flicker_shorter_than_the_dwell_changes_nothing() -> None:
    script = [(0.0, "cat"), (0.1, "dog"), (0.2, "dog"), (0.3, "cat"), (0.4, "dog"), (0.5, "cat")]
    labels, events = feed(steady(dwell_s=0.2), [(t, answer(name)) for t, name in script])
    assert labels == ["cat"] * 6
    assert len(events) == 1


def test_a_rival_takes_over_after_the_dwell() -> None:
    script = [(0.0, "cat"), (0.1, "dog"), (0.2, "dog"), (0.3, "dog"), (0.4, "dog")]
    labels, _ = feed(steady(dwell_s=0.2), [(t, answer(name)) for t, name in script])
    assert labels == ["cat", "cat", "cat", "dog", "dog"]


def test_the_dwell_starts_anew_with_another_rival() -> None:
    script = [(0.0, "cat"), (0.1, "dog"), (0.2, "bird"), (0.3, "bird"), (0.4, "bird")]
    labels, _ = feed(steady(dwell_s=0.2), [(t, answer(name)) for t, name in script])
    assert labels == ["cat", "cat", "cat", "cat", "bird"]


def test_hysteresis_keeps_a_label_a_little_below_the_threshold() -> None:
    probs = [0.6, 0.45, 0.41, 0.39]
    labels, _ = feed(steady(), [(i / 10, answer("cat", p)) for i, p in enumerate(probs)])
    assert labels == ["cat", "cat", "cat", None]
    labels, _ = feed(steady(), [(0.0, answer("cat", 0.45))])
    assert labels == [None]


def test_segments_touch_and_end_where_the_next_begins() -> None:
    smoother = steady()
    script = [(0.0, "cat", 0.8), (0.1, "cat", 0.9), (0.2, "dog", 0.7), (0.3, "dog", 0.6)]
    _, events = feed(smoother, [(t, answer(name, p)) for t, name, p in script])
    events += smoother.finish(0.4)
    found = [(e.label, e.start_s, e.end_s) for e in events]
    assert found == [("cat", 0.0, None), ("cat", 0.0, 0.2), ("dog", 0.2, None), ("dog", 0.2, 0.4)]
    cat, dog = events[1], events[3]
    assert [cat.mean_prob, cat.peak_prob, cat.peak_frame] == pytest.approx([0.85, 0.9, 1])
    assert [dog.mean_prob, dog.peak_prob, dog.peak_frame] == pytest.approx([0.65, 0.7, 2])
    assert {e.camera for e in events} == {"cam"}


def test_unknown_stretches_have_no_segment() -> None:
    smoother = steady()
    script = [(0.0, 0.9), (0.1, 0.34), (0.2, 0.9)]
    _, events = feed(smoother, [(t, answer("cat", p)) for t, p in script])
    events += smoother.finish(0.3)
    ended = [(e.start_s, e.end_s) for e in events if e.end_s is not None]
    assert ended == [(0.0, 0.1), (0.2, 0.3)]


def test_finish_closes_once() -> None:
    smoother = steady()
    smoother.update(0, 0.0, answer("cat"))
    assert len(smoother.finish(1.0)) == 1
    assert smoother.finish(1.0) == ()


def test_time_that_goes_back_does_no_harm() -> None:
    labels, _ = feed(steady(smoothing_s=0.3), [(1.0, answer("cat")), (0.5, answer("dog"))])
    assert labels == ["cat", "cat"]
