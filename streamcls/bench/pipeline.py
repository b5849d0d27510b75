"""A whole run over a recording beside the floor that its parts set, and what limits it."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.bench import parts
from streamcls.bench.parts import Cost, Stopwatch
from streamcls.builders.backend import available_threads
from streamcls.builders.outputs import sink_opener
from streamcls.builders.recording import build_run
from streamcls.builders.source import open_recorded
from streamcls.config.settings import OutputSettings, SampleSettings, Settings
from streamcls.metrics import Metrics
from streamcls.records import Image, Picture
from streamcls.runtime.file_pipeline import run as run_pipeline
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

_FRAMES = 400  # of the recording
_ASSUMED_FPS = 25.0
CSV, VIDEO = "CSV", "CSV + video"
_PARTS = {
    CSV: ("decode", "preprocess", "infer"),
    VIDEO: ("decode", "preprocess", "infer", "convert", "encode"),
}
# What one thread does, and can't do faster however many CPUs there are.
_SERIAL = {"decode": ("decode",), "encode": ("convert", "encode")}
_GERUNDS = {
    "decode": "decoding",
    "preprocess": "preprocessing",
    "infer": "inference",
    "convert": "conversion to BGR",
    "encode": "encoding",
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """What a run's parts allow.

    Attributes:
        fps: frames a second with every core busy and nothing lost between the parts; less where
            the one thread that decodes, or the one that encodes, does not do so many.
        bottleneck: the part that limits it.
        why: in a few words, for people.
    """

    fps: float
    bottleneck: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A run as users do it; medians over the rounds.

    Attributes:
        outputs: "CSV" or "CSV + video".
        fps: frames a second from the first to the last, start-up apart.
        fps_spread: slowest and fastest round.
        cpu_ms: of all threads, a frame.
        parts: what it is made of.
        floor: what the parts alone allow.
        ratio: of `fps` to the floor.
    """

    outputs: str
    fps: float
    fps_spread: tuple[float, float]
    cpu_ms: float
    parts: Sequence[str]
    floor: Floor
    ratio: float


@dataclass(frozen=True, slots=True, eq=False)
class PipelineFound:
    """The pipeline on a recording: engine, frames a run, cores, each part alone, whole runs."""

    engine: str
    frames: int
    cores: int
    parts: Mapping[str, Cost]
    runs: Sequence[Whole]


@dataclass(slots=True, eq=False)
class _Rounds:
    """What the rounds found so far."""

    costs: dict[str, list[Cost]] = field(default_factory=lambda: {name: [] for name in _GERUNDS})
    runs: dict[str, list[Cost]] = field(default_factory=lambda: {name: [] for name in _PARTS})
    frames: int = 0


def measure_pipeline(
    settings: Settings, classifier: "ImageClassifier", folder: Path, *, rounds: int, say: Say
) -> PipelineFound:
    """Measures the parts alone and whole runs, which take turns.

    Args:
        settings: source, model and threads.
        classifier: of that model, for one caller.
        folder: for what the runs write.
        rounds: how often each is measured.
        say: is told what goes on.

    Raises:
        StreamclsError: a run failed.
        SystemExit: a signal ended it.
    """
    found, duration_s = _Rounds(), _duration_s(settings)
    pictures = parts.first_pictures(open_recorded(settings))
    for number in range(rounds):
        say(f"the pipeline, round {number + 1} of {rounds}")
        for name, cost in _parts(settings, classifier, pictures, duration_s, folder).items():
            found.costs[name].append(cost)
        for outputs, runs in found.runs.items():
            found.frames, cost = _run(settings, duration_s, folder, video=outputs == VIDEO)
            runs.append(cost)
    costs, cores = {name: _median(each) for name, each in found.costs.items()}, available_threads()
    return PipelineFound(
        engine=classifier.backend_name,
        frames=found.frames,
        cores=cores,
        parts=costs,
        runs=[
            _whole(name, runs, floor({part: costs[part] for part in _PARTS[name]}, cores))
            for name, runs in found.runs.items()
        ],
    )


def _parts(
    settings: Settings,
    classifier: "ImageClassifier",
    pictures: Sequence[Picture],
    duration_s: float,
    folder: Path,
) -> dict[str, Cost]:
    """Each part alone."""
    found = {"decode": parts.decode(open_recorded(_cut(settings, duration_s)))}
    found["preprocess"], found["infer"] = parts.classify(classifier, pictures)
    found["convert"], images = parts.to_bgr(pictures)
    found["encode"] = _encode(settings, classifier, images, folder)
    return found


def floor(costs: Mapping[str, Cost], cores: int) -> Floor:
    """What parts allow that share all cores."""
    cpu_ms = sum(cost.cpu_ms for cost in costs.values())
    together = cores * 1000 / cpu_ms
    # On a busy machine a thread's time by the clock is longer than what it worked.
    serial_ms = {
        name: sum(min(costs[part].wall_ms, costs[part].cpu_ms) for part in thread)
        for name, thread in _SERIAL.items()
        if name in costs
    }
    slowest = max(serial_ms, key=lambda name: serial_ms[name])
    alone = 1000 / serial_ms[slowest]
    if alone < together:
        why = f"{_GERUNDS[slowest]} has one thread, which does {alone:.0f} frames/s at the most"
        return Floor(alone, slowest, why)
    most = max(costs, key=lambda name: costs[name].cpu_ms)
    why = f"{_GERUNDS[most]} takes {costs[most].cpu_ms:.1f} of {cpu_ms:.1f} ms CPU a frame"
    return Floor(together, most, why)


def _duration_s(settings: Settings) -> float:
    """How much of the recording is used, in seconds of media time."""
    info = open_recorded(settings).info
    wanted_s = _FRAMES / (info.fps or _ASSUMED_FPS)
    return min(wanted_s, info.duration_s or wanted_s)


def _encode(
    settings: Settings, classifier: "ImageClassifier", images: Sequence[Image], folder: Path
) -> Cost:
    from streamcls.sinks.annotated_video import OUTPUT
    from streamcls.sinks.fonts import Typeface
    from streamcls.sinks.output import RunFacts

    info = replace(open_recorded(settings).info, has_sound=False, start_s=0.0, duration_s=None)
    typeface = Typeface(settings.outputs.font, classifier.card.labels)
    facts = RunFacts(
        info=info,
        zero_s=0.0,
        top_k=settings.postprocess.top_k,
        threads=settings.runtime.threads or available_threads(),
        overwrite=True,
        metrics=Metrics(),
        model=settings.model.name,
        backend=classifier.backend_name,
        typeface=lambda: typeface,
    )
    prediction = classifier.classify(images[:1]).predictions[0]
    sink = OUTPUT.open(folder / "encoded.mp4", facts)
    return parts.encode(sink, images, prediction, info.fps or _ASSUMED_FPS)


def _cut(settings: Settings, duration_s: float) -> Settings:
    return settings.model_copy(update={"sample": SampleSettings(duration=duration_s)})


def _run(settings: Settings, duration_s: float, folder: Path, *, video: bool) -> tuple[int, Cost]:
    """A run with its outputs in a folder: how many frames, and what one took."""
    outputs = OutputSettings(
        csv=folder / "run.csv", video=folder / "run.mp4" if video else None, overwrite=True
    )
    chosen = _cut(settings, duration_s).model_copy(update={"outputs": outputs})
    stop, metrics, watch = Stop(), Metrics(), Stopwatch()
    wanted = Wanted(frames=video, images=video)
    built = build_run(chosen, wanted=wanted, stop=stop, metrics=metrics, progress=False)
    with stop.on_signals(), watch.running():
        run_pipeline(built.pipeline, sink_opener(chosen, built))
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    read = metrics.snapshot().read
    return read, watch.cost(read)


def _whole(outputs: str, runs: Sequence[Cost], at_best: Floor) -> Whole:
    rates = sorted(1000 / one.wall_ms for one in runs)
    fps = statistics.median(rates)
    return Whole(
        outputs=outputs,
        fps=fps,
        fps_spread=(rates[0], rates[-1]),
        cpu_ms=_median(runs).cpu_ms,
        parts=_PARTS[outputs],
        floor=at_best,
        ratio=fps / at_best.fps,
    )


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(one.cpu_ms for one in costs),
        statistics.median(one.wall_ms for one in costs),
    )
