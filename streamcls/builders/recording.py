"""From settings to objects; every import of a heavy package happens here, when it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.builders.model import load_classifier
from streamcls.builders.network import Work, available_threads
from streamcls.config.options import check_fits
from streamcls.config.settings import Settings
from streamcls.config.types import with_variables
from streamcls.metrics import Metrics
from streamcls.protocols import Sampler
from streamcls.runtime.file_pipeline import FilePipeline
from streamcls.runtime.stop import Stop
from streamcls.sampling import AtMostPerSecond, EveryNth
from streamcls.smoothing import SteadyLabel

if TYPE_CHECKING:
    from streamcls.capture.file import FileSource
    from streamcls.inference.classifier import ImageClassifier

# Fours take 26 ms a picture where ones take 30 and eights 24; more only delays the answers.
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """All that one run needs."""

    pipeline: FilePipeline
    source: "FileSource"
    classifier: "ImageClassifier"
    metrics: Metrics
    threads: int


def build_run(
    settings: Settings,
    *,
    all_frames: bool,
    images: bool = True,
    stop: Stop,
    metrics: Metrics,
    progress: bool,
) -> Run:
    """Opens the source, loads the model and puts the pipeline together.

    Args:
        settings: of the run.
        all_frames: whether frames that are not classified come out too.
        images: whether results have their pictures.
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
    # Workers that each use one thread get more done than one worker with all of them, 13 ms a
    # picture against 19 on two cores, and answers don't depend on their number.
    work = Work(BATCH, threads=1, parallel=threads)
    classifier = load_classifier(settings.model, work, progress=progress)
    pipeline = FilePipeline(
        source,
        build_sampler(settings),
        classifier,
        build_smoother(settings, source.info.camera),
        workers=work.parallel,
        top_k=settings.postprocess.top_k,
        all_frames=all_frames,
        images=images,
        metrics=metrics,
        stop=stop,
    )
    return Run(pipeline, source, classifier, metrics, threads)


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
