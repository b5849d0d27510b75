"""Each setting gets to the part that it is for; values that differ tell mix-ups."""

from pathlib import Path
from typing import Any

import pytest

from streamcls.builders.recording import build_labelling, build_run
from streamcls.config.options import from_options
from streamcls.metrics import Metrics
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.sampling import AtMostPerSecond, EveryNth
from tests.builders.fake import Fake


def test_threshold_smoothing_dwell_and_top_k() -> None:
    given = {"threshold": 0.11, "smoothing": 0.22, "dwell": 0.33, "top_k": 7}
    made = build_labelling(from_options({"source": "a.mp4", **given}), Fake())
    kept = vars(made.smoother("cam"))
    assert (kept["_camera"], kept["_threshold"]) == ("cam", 0.11)
    assert (kept["_smoothing_s"], kept["_dwell_s"], made.top_k) == (0.22, 0.33, 7)


def test_which_frames_are_sampled() -> None:
    def sampler(**given: object) -> object:
        return build_labelling(from_options({"source": "a", **given}), Fake()).sampler

    every, third, rate = sampler(), sampler(every=3), sampler(fps=5)
    assert isinstance(every, EveryNth) and vars(every) == {"_n": 1}
    assert isinstance(third, EveryNth) and vars(third) == {"_n": 3}
    assert isinstance(rate, AtMostPerSecond) and vars(rate)["_interval_s"] == 0.2


def test_a_run_is_put_together_of_these(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def load(settings: object, work: object, *, progress: bool) -> Fake:
        asked["work"] = work
        return Fake()

    monkeypatch.setattr("streamcls.builders.recording.load_classifier", load)
    settings = from_options({"source": str(clip), "threads": 3, "every": 10})
    wanted = Wanted(images=True)
    run = build_run(settings, wanted=wanted, stop=Stop(), metrics=Metrics(), progress=False)
    work: Any = asked["work"]
    assert (work.threads, work.parallel, run.threads) == (1, 3, 3)
    with run.pipeline:
        found = [result.frame.index for result in run.pipeline.results()]
    assert found == [0, 10, 20, 30, 40, 50, 60, 70]
