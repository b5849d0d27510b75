"""The numbers of a plant as Prometheus reads them."""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import get_args

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamcls.metrics import Snapshot
from streamcls.plant.alerts import Standing
from streamcls.plant.cameras import RunningCamera
from streamcls.plant.plant import Plant
from streamcls.records import State

STATES = (*get_args(State), "given_up", "stopped")


class Exposition:
    """Makes the text that Prometheus scrapes. Any thread."""

    def __init__(self, plant: Callable[[], Plant | None], *more: Collector) -> None:
        """Of this plant, if there is one, as it is at each scrape; and of more."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        for one in (_Numbers(plant), *more):
            self._registry.register(one)

    def text(self) -> bytes:
        """In the text format 0.0.4, UTF-8."""
        return generate_latest(self._registry)


class _Numbers(Collector):
    def __init__(self, plant: Callable[[], Plant | None]) -> None:
        self._plant = plant

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("streamcls_up", "1 while it runs.", 1.0)
        plant = self._plant()
        if plant is not None:
            yield from self._of(plant)

    def _of(self, plant: Plant) -> Iterator[Metric]:
        about = GaugeMetricFamily(
            "streamcls_info", "What runs.", labels=("version", "model", "backend")
        )
        model, backend = plant.settings.model.name, plant.model.classifier.backend_name
        about.add_metric((version("streamcls"), model, backend), 1.0)
        yield about
        reloads = CounterMetricFamily(
            "streamcls_reloads", "How often the settings were read again.", labels=("result",)
        )
        for result, count in plant.reloads.items():
            reloads.add_metric((result,), count)
        yield reloads
        cameras = plant.cameras.running
        snapshots = [(one, one.metrics.snapshot()) for one in cameras]
        yield from _frames(snapshots)
        yield from _states(cameras)
        yield from _times(snapshots)
        yield from _outputs(snapshots)
        yield from _alerts(plant.alerts.standing())


_Snapshots = Sequence[tuple[RunningCamera, Snapshot]]


def _frames(cameras: _Snapshots) -> Iterator[Metric]:
    read = CounterMetricFamily("streamcls_frames_read", "Frames read.", labels=("camera",))
    out = CounterMetricFamily(
        "streamcls_frames",
        "What became of frames; with those in flight they add up to the frames read.",
        labels=("camera", "outcome", "cause"),
    )
    flying = GaugeMetricFamily(
        "streamcls_frames_in_flight", "Frames that wait for their label.", labels=("camera",)
    )
    for camera, counts in cameras:
        name = camera.name
        read.add_metric((name,), counts.read)
        out.add_metric((name, "classified", ""), counts.classified)
        out.add_metric((name, "not_sampled", ""), counts.not_sampled)
        for outcome, causes in (("dropped", counts.dropped), ("rejected", counts.rejected)):
            for cause, count in causes.items():
                out.add_metric((name, outcome, cause), count)
        flying.add_metric((name,), counts.in_flight)
    yield from (read, out, flying)


def _states(cameras: Sequence[RunningCamera]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "streamcls_camera_state", "1 for the state that it is in.", labels=("camera", "state")
    )
    fps = GaugeMetricFamily(
        "streamcls_camera_fps", "Frames a second that arrive now.", labels=("camera",)
    )
    labels = GaugeMetricFamily(
        "streamcls_camera_labels_per_second", "Labels a second now.", labels=("camera",)
    )
    for camera in cameras:
        now, status = camera.state, camera.run.pipeline.status
        for name in STATES:
            state.add_metric((camera.name, name), float(name == now))
        fps.add_metric((camera.name,), status.fps)
        labels.add_metric((camera.name,), status.labels_fps)
    yield from (state, fps, labels)


def _times(cameras: _Snapshots) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "streamcls_label_age_seconds",
        "From the capture of a frame to its label.",
        labels=("camera", "percentile"),
    )
    infer = GaugeMetricFamily(
        "streamcls_inference_seconds",
        "What a frame takes in the network.",
        labels=("camera", "percentile"),
    )
    connections = CounterMetricFamily(
        "streamcls_connections", "How often it was connected.", labels=("camera",)
    )
    for camera, counts in cameras:
        for family, values in ((age, counts.age_ms), (infer, counts.infer_ms)):
            for percentile, value in (("50", values.p50), ("99", values.p99)):
                if value is not None:
                    family.add_metric((camera.name, percentile), value / 1000)
        connections.add_metric((camera.name,), counts.connections)
    yield from (age, infer, connections)


def _outputs(cameras: _Snapshots) -> Iterator[Metric]:
    labels = ("camera", "output")
    written = CounterMetricFamily("streamcls_output_written", "Results taken in.", labels=labels)
    dropped = CounterMetricFamily(
        "streamcls_output_dropped", "Results that it was too slow for, or lost.", labels=labels
    )
    failed = GaugeMetricFamily("streamcls_output_failed", "1 once it has failed.", labels=labels)
    for camera, counts in cameras:
        for name, one in counts.outputs.items():
            written.add_metric((camera.name, name), one.written)
            dropped.add_metric((camera.name, name), one.dropped)
            failed.add_metric((camera.name, name), float(one.failure is not None))
    yield from (written, dropped, failed)


def _alerts(receivers: Sequence[Standing]) -> Iterator[Metric]:
    labels = ("receiver",)
    waiting = GaugeMetricFamily("streamcls_events_waiting", "Events on disk.", labels=labels)
    reachable = GaugeMetricFamily("streamcls_receiver_up", "1 if it takes events.", labels=labels)
    delivered = CounterMetricFamily("streamcls_events_delivered", "Events taken.", labels=labels)
    lost = CounterMetricFamily("streamcls_events_lost", "Events let go unsent.", labels=labels)
    for one in receivers:
        waiting.add_metric((one.name,), one.waiting)
        reachable.add_metric((one.name,), float(one.reachable))
        delivered.add_metric((one.name,), one.delivered)
        lost.add_metric((one.name,), one.lost)
    yield from (waiting, reachable, delivered, lost)
