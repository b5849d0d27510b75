"""Each setting gets to the part that it is for; values that differ tell mix-ups."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamcls.builders.live import build_live
from streamcls.builders.outputs import asked_outputs, live_sinks, run_facts, sink_opener
from streamcls.builders.recording import Run, build_labelling, build_run
from streamcls.builders.source import is_here, is_live, open_live, open_recorded
from streamcls.config.options import from_options
from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.protocols import Classified, Picture
from streamcls.runtime.live_pipeline import LivePipeline
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.sampling import AtMostPerSecond, EveryNth
from streamcls.sinks.rotation import Rotating
from streamcls.sinks.stats import StatsFile
from tests.fakes import FakeClassifier

MakeClip = Any


class Fake(FakeClassifier):
    """With what the command line says of a classifier."""

    backend_name, choice = "fake", "for tests"

    def __init__(self) -> None:
        super().__init__(batch=1)

    def classify(self, images: Sequence[Picture]) -> Classified:
        pictures = [one if isinstance(one, np.ndarray) else one.bgr() for one in images]
        return super().classify(pictures)


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    made: Path = make_clip("a.mp4", source="testsrc2=size=64x48:rate=25:duration=3")
    return made


def live(**given: object) -> LivePipeline:
    settings = from_options({"source": "sim://", **given})
    fake: Any = Fake()
    return build_live(
        settings, stop=Stop(), metrics=Metrics(), progress=False, classifier=fake
    ).pipeline


# -- labels


def test_threshold_smoothing_dwell_and_top_k() -> None:
    given = {"threshold": 0.11, "smoothing": 0.22, "dwell": 0.33, "top_k": 7}
    made = build_labelling(from_options({"source": "a.mp4", **given}), Fake(), "cam")
    kept = vars(made.smoother)
    assert (kept["_camera"], kept["_threshold"]) == ("cam", 0.11)
    assert (kept["_smoothing_s"], kept["_dwell_s"], made.top_k) == (0.22, 0.33, 7)


def test_which_frames_are_sampled() -> None:
    def sampler(**given: object) -> object:
        return build_labelling(from_options({"source": "a", **given}), Fake(), "cam").sampler

    every, third, rate = sampler(), sampler(every=3), sampler(fps=5)
    assert isinstance(every, EveryNth) and vars(every) == {"_n": 1}
    assert isinstance(third, EveryNth) and vars(third) == {"_n": 3}
    assert isinstance(rate, AtMostPerSecond) and vars(rate)["_interval_s"] == 0.2


# -- recordings


def test_start_and_duration_of_a_recording(clip: Path) -> None:
    source = open_recorded(from_options({"source": str(clip), "start": 1, "duration": 0.5}))
    times = [grabbed.pts_s for grabbed in source.grab()]
    source.close()
    assert (times[0], len(times)) == (1.0, 13)
    assert source.info.camera == "a"


# -- live sources


def test_when_a_connection_is_given_up() -> None:
    given = {"max_retries": 4, "retry_for": 55, "frozen_after": 6, "max_delay": 0.7}
    made = vars(open_live(from_options({"source": "sim://", **given}), Stop()))
    assert (made["_retries"].most, made["_retries"].for_s) == (4, 55)
    assert made["_max_delay_s"] == 0.7
    assert vars(made["_checks"])["_frozen_after_s"] == 6


def test_how_long_a_stream_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("streamcls.capture.network_stream.NetworkStream", seen.append)
    given = {"connect_timeout": 3, "read_timeout": 4, "rtsp_transport": "udp"}
    vars(open_live(from_options({"source": "rtsp://h/cam", **given}), Stop()))["_connect"]()
    (address,) = seen
    assert (address.connect_timeout_s, address.read_timeout_s) == (3, 4)
    assert (address.transport, address.url) == ("udp", "rtsp://h/cam")


def test_only_a_camera_at_this_machine_is_shown_by_itself() -> None:
    assert [is_here(source) for source in ("0", "sim://", "rtsp://h/cam")] == [True, False, False]
    assert is_live("0")


def test_what_a_live_run_does_about_time() -> None:
    newest = live(stale_after=3.5, queue_size=2, duration=9)
    state, waiting = vars(newest)["_state"], vars(newest)["_waiting"]
    assert vars(state)["_stale_after_s"] == 3.5
    assert (waiting.capacity, vars(newest)["_duration_s"]) == (2, 9)
    assert vars(waiting)["_dropped"] is not None
    waits = live(queue_policy="block")
    assert vars(vars(waits)["_waiting"])["_dropped"] is None
    assert vars(vars(waits)["_state"])["_stale_after_s"] == math.inf


# -- outputs


def run_of(clip: Path, **given: object) -> tuple[Any, Run]:
    settings = from_options({"source": str(clip), "model": "demo", **given})
    made = object.__new__(Run)
    fake: Any = Fake()
    for name, value in {
        "pipeline": None,
        "source": open_recorded(settings),
        "classifier": fake,
        "metrics": Metrics(),
        "threads": 5,
    }.items():
        object.__setattr__(made, name, value)
    return settings, made


def test_what_outputs_know_of_a_run(clip: Path, tmp_path: Path) -> None:
    settings, run = run_of(clip, start=1.5, top_k=4, overwrite=True)
    facts = run_facts(settings, run)
    assert (facts.top_k, facts.threads, facts.overwrite) == (4, 5, True)
    assert (facts.model, facts.backend, facts.metrics) == ("demo", "fake", run.metrics)
    assert (facts.info, facts.zero_s) == (run.source.info, 0.0)
    assert facts.typeface() is facts.typeface()
    settings, run = run_of(clip, start=1.5, video=str(tmp_path / "a.mp4"))
    assert run_facts(settings, run).zero_s == 1.5  # players show the annotated video's beginning


def test_where_one_can_not_be_opened_the_others_leave_nothing(clip: Path, tmp_path: Path) -> None:
    csv, events = tmp_path / "a.csv", tmp_path / "a.json"
    settings, run = run_of(clip, csv=str(csv), events=str(events))
    events.write_text("came meanwhile")
    with pytest.raises(OutputPathError, match="exists"):
        sink_opener(settings, run)()
    assert list(tmp_path.iterdir()) == [events]


def test_live_outputs_rotate_where_they_can(tmp_path: Path) -> None:
    names = {"csv": "a.csv", "video": "a.mp4", "events": "b.json", "stats": "s.json"}
    given = {name: str(tmp_path / file) for name, file in names.items()}
    settings = from_options({"source": "sim://", "rotate": "90s", **given})
    assert set(asked_outputs(settings)) == set(names)
    fake: Any = Fake()
    run = build_live(settings, stop=Stop(), metrics=Metrics(), progress=False, classifier=fake)
    sinks = dict(live_sinks(settings, run_facts(settings, run)))
    rotating = {name for name, sink in sinks.items() if isinstance(sink, Rotating)}
    assert rotating == {"csv", "video"}
    assert all(vars(sinks[name])["_seconds"] == 90 for name in rotating)
    assert {name: sink.every_frame for name, sink in sinks.items() if sink.every_frame} == {
        "video": True
    }
    stats = sinks["stats"]
    assert isinstance(stats, StatsFile)
    assert stats.refresh_s == 10
    sinks["events"].close()


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
