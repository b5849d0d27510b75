"""From settings to objects; every import of a heavy package happens here, when it is needed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.config import check_fits
from streamcls.config_types import with_variables
from streamcls.errors import ModelSettingsError
from streamcls.metrics import Metrics
from streamcls.protocols import Sampler
from streamcls.runtime.pipeline import Pipeline
from streamcls.runtime.stop import Stop, end_if_signalled
from streamcls.sampling import AtMostPerSecond, EveryNth
from streamcls.settings import ModelSettings, Settings
from streamcls.smoothing import SteadyLabel

if TYPE_CHECKING:
    from streamcls.capture.file import FileSource
    from streamcls.inference.classifier import ImageClassifier
    from streamcls.inference.torchvision_models import Network

DEMO_MODEL = "demo"
_DEMO_FOLDER = Path(__file__).parent / "demo" / "model"

# Fours take 26 ms a picture where ones take 30 and eights 24; more only delays the answers.
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """All that one run needs."""

    pipeline: Pipeline
    source: "FileSource"
    classifier: "ImageClassifier"
    metrics: Metrics
    threads: int


def build_run(
    settings: Settings, *, all_frames: bool, stop: Stop, metrics: Metrics, progress: bool
) -> Run:
    """Opens the source, loads the model and puts the pipeline together.

    Args:
        settings: of the run.
        all_frames: whether frames that are not classified come out too.
        stop: what ends the run early.
        metrics: where frames are counted.
        progress: whether a download shows its progress.

    Raises:
        StreamclsError: the source can't be read, the model can't be had, or they don't fit the
            settings.
    """
    check_fits(settings, live=False)
    threads = settings.runtime.threads or available_threads()
    source = open_source(settings)
    classifier = load_classifier(settings.model, batch=BATCH, threads=1, progress=progress)
    pipeline = Pipeline(
        source,
        build_sampler(settings),
        classifier,
        build_smoother(settings, source.info.camera),
        # Workers that each use one thread get more done than one worker with all of them, 13 ms a
        # picture against 19 on two cores, and answers don't depend on their number.
        workers=threads,
        top_k=settings.postprocess.top_k,
        all_frames=all_frames,
        metrics=metrics,
        stop=stop,
    )
    return Run(pipeline, source, classifier, metrics, threads)


def available_threads() -> int:
    """The CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_source(settings: Settings) -> "FileSource":
    """The source that the settings name.

    Raises:
        SourceNotFoundError: no such file, or not a file.
        SourceError: it can't be read as a video.
    """
    from streamcls.capture.file import FileSource

    path = source_path(settings)
    return FileSource(
        path,
        camera=settings.camera or path.stem,
        start_s=settings.sample.start,
        duration_s=settings.sample.duration,
    )


def source_path(settings: Settings) -> Path:
    """The source as a file."""
    return Path(with_variables(settings.source)).expanduser()


def load_network(settings: ModelSettings, *, progress: bool) -> "Network":
    """The network that the settings name, with its card.

    Raises:
        ModelSettingsError: name, weights and labels don't fit each other.
        WeightsUnavailableError: the weights are nowhere.
    """
    _threads_sleep_while_waiting()
    from streamcls.inference import folder, torchvision_models
    from streamcls.inference.card import read_labels

    labels = read_labels(settings.labels) if settings.labels is not None else None
    path = model_folder(settings.name)
    if path is not None:
        return folder.load(path, settings.weights, labels)
    return torchvision_models.load(settings.name, settings.weights, labels, progress=progress)


def model_folder(name: str) -> Path | None:
    """The model folder that a model's name means, or None for torchvision's names."""
    from streamcls.inference.folder import is_model_folder

    if name == DEMO_MODEL:
        return _DEMO_FOLDER
    return Path(name) if is_model_folder(Path(name)) else None


def load_classifier(
    settings: ModelSettings, *, batch: int, threads: int, progress: bool
) -> "ImageClassifier":
    """A classifier that is warmed up, for `batch` pictures and with `threads` a call.

    Raises:
        StreamclsError: see `load_network`.
        KeyboardInterrupt, SystemExit: for a signal that was swallowed in here.
    """
    network = load_network(settings, progress=progress)
    from streamcls.inference.classifier import ImageClassifier
    from streamcls.inference.preprocess import Preprocess
    from streamcls.inference.torch_backend import TorchBackend

    backend = TorchBackend(network, batch=batch, threads=threads)
    end_if_signalled()
    return ImageClassifier(network.card, Preprocess(network.card), backend, batch=batch)


def _threads_sleep_while_waiting() -> None:
    """OpenMP's threads would spin and take the CPU from the decoder; read when torch loads."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def build_smoother(settings: Settings, camera: str) -> SteadyLabel:
    """What makes the steady label of a camera."""
    return SteadyLabel(
        camera,
        threshold=settings.postprocess.threshold,
        smoothing_s=settings.postprocess.smoothing,
        dwell_s=settings.postprocess.dwell,
    )


def build_sampler(settings: Settings) -> Sampler:
    """What chooses the frames to classify; every frame unless the settings say less."""
    if settings.sample.fps is not None:
        return AtMostPerSecond(settings.sample.fps)
    return EveryNth(settings.sample.every or 1)


def describe_model(settings: ModelSettings) -> dict[str, str]:
    """Which model and weights would be used, without loading them.

    Raises:
        ModelSettingsError: no such model; its folder or its weights file is wrong.
    """
    from streamcls.inference import folder, torchvision_models

    for given in (settings.weights, settings.labels):
        if given is not None and not given.is_file():
            raise ModelSettingsError(f"{given}: no such file")
    rows = {"model": settings.name}
    path = model_folder(settings.name)
    if path is not None:
        card, file = folder.describe(path)
        rows["model"] += f" ({card.arch}, {len(card.labels)} classes)"
        rows["weights"] = str(settings.weights or file)
        if card.note and settings.weights is None:
            rows["model"] += f". {card.note}"
    elif settings.name in torchvision_models.names():
        file = settings.weights or torchvision_models.published_file(settings.name)
        state = "" if file.exists() else ": not there yet; run downloads them"
        rows["weights"] = f"{file}{state}"
    else:
        raise ModelSettingsError(torchvision_models.unknown_model(settings.name))
    if settings.labels is not None:
        rows["labels"] = str(settings.labels)
    return rows
