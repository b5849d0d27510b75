"""A plant's cameras of fakes, and a clock that tests put forward."""

import time
from pathlib import Path
from typing import Any

import pytest

from streamcls import clock
from streamcls.builders.live import LiveRun
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.runtime.labels import Labelling
from streamcls.runtime.live_pipeline import LivePipeline, LiveRules
from streamcls.runtime.stop import Stop
from streamcls.sampling import EveryNth
from streamcls.smoothing import SteadyLabel
from tests.fakes import FakeClassifier
from tests.runtime.rig import Camera, Kept

TWO = """\
cameras:
  - {camera: left, source: "sim://"}
  - {camera: right, source: "sim://"}
"""


def settings_of(text: str, folder: Path) -> PlantSettings:
    (folder / "line.yaml").write_text(text)
    found = read_settings(folder / "line.yaml", {})
    assert isinstance(found, PlantSettings)
    return found


class FakeClock:
    """Goes on as the real one does, and forward when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead_ns = 0
        monkeypatch.setattr(clock, "now_ns", self._now_ns)
        monkeypatch.setattr(clock, "now_s", lambda: self._now_ns() / 1e9)
        monkeypatch.setattr(clock, "since_s", lambda begun: (self._now_ns() - begun) / 1e9)

    def _now_ns(self) -> int:
        return time.monotonic_ns() + self._ahead_ns

    def forward(self, seconds: float) -> None:
        self._ahead_ns += round(seconds * 1e9)


def asked(name: str, **settings: object) -> PlantCamera:
    return PlantCamera.model_validate({"camera": name, "source": "sim://", **settings})


def wanted(*cameras: PlantCamera) -> dict[str, PlantCamera]:
    return {camera.camera: camera for camera in cameras}


class Built:
    """Builds runs of fakes with a sink each, and keeps them."""

    def __init__(self) -> None:
        self.sources: dict[str, list[Camera]] = {}  # all that were built, the latest last
        self.sinks: dict[str, list[Kept]] = {}
        self.cannot: set[str] = set()

    def __call__(self, camera: PlantCamera, stop: Stop, metrics: Metrics) -> LiveRun:
        name = camera.camera
        if name in self.cannot:
            raise OutputPathError(f"{name}: its folder is away")
        source, classifier = Camera(name), FakeClassifier(batch=1)
        pipeline = LivePipeline(
            source,
            Labelling(
                EveryNth(1),
                classifier,
                lambda view: SteadyLabel(view, threshold=0.5, smoothing_s=0, dwell_s=0),
                top_k=3,
            ),
            LiveRules(1, newest=True, stale_after_s=1e9, duration_s=None),
            metrics=metrics,
            stop=stop,
        )
        stop.wake(source.end)
        sink = Kept()
        pipeline.add("sink", sink)
        self.sources.setdefault(name, []).append(source)
        self.sinks.setdefault(name, []).append(sink)
        unused: Any = classifier
        return LiveRun(pipeline, unused, unused, metrics, 1)

    def answered(self, name: str) -> None:
        """The camera that runs under this name gives a frame and gets its answer."""
        index = self.sources[name][-1].give()
        self.sinks[name][-1].until_it_has(index)
