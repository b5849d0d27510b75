"""From settings to the objects of a run over a recording."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.builders.relabelling import relabelling
from streamcls.builders.source import open_recorded
from streamcls.config.options import check_fits
from streamcls.config.settings import SampleSettings, Settings
from streamcls.metrics import Metrics
from streamcls.protocols import Classifier, Sampler, Source
from streamcls.runtime.file_pipeline import FilePipeline
from streamcls.runtime.labels import Labelling
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.runtime.views import Views
from streamcls.sampling import AtMostPerSecond, EveryNth
from streamcls.smoothing import SteadyLabel

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

# Fours take 26 ms a picture where ones take 30 and eights 24; more only delays the answers.
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """All that one run needs."""

    pipeline: FilePipeline
    source: Source
    classifier: "ImageClassifier"
    metrics: Metrics
    threads: int


def build_run(
    settings: Settings,
    *,
    wanted: Wanted,
    stop: Stop,
    metrics: Metrics,
    progress: bool,
) -> Run:
    """Opens the source, loads the model and puts the pipeline together.

    Args:
        settings: of the run.
        wanted: whether frames that are not classified come out too, and with their pictures.
        stop: what ends the run early.
        metrics: where frames are counted.
        progress: whether a download shows its progress.

    Raises:
        StreamclsError: the source can't be read, the model can't be had, or they don't fit the
            settings.
    """
    check_fits(settings, live=False)
    threads = settings.runtime.threads or available_threads()
    source = open_recorded(settings)
    # Workers that each use one thread get more done than one worker with all of them, 13 ms a
    # picture against 19 on two cores, and answers don't depend on their number.
    work = Work(BATCH, threads=1, parallel=threads)
    classifier = load_classifier(settings.model, work, progress=progress)
    pipeline = FilePipeline(
        source,
        build_labelling(settings, classifier),
        wanted=wanted,
        workers=work.parallel,
        metrics=metrics,
        stop=stop,
    )
    return Run(pipeline, source, classifier, metrics, threads)


def build_labelling(settings: Settings, classifier: Classifier) -> Labelling:
    """How a camera's frames get their labels.

    Raises:
        SettingsError: the model has no such label as some setting names.
    """
    after = settings.postprocess
    return Labelling(
        _sampler(settings.sample),
        classifier,
        lambda camera: SteadyLabel(
            camera,
            threshold=after.threshold,
            smoothing_s=after.smoothing,
            dwell_s=after.dwell,
        ),
        after.top_k,
        relabelling(after, classifier.card.labels),
        Views(settings.rotation, settings.regions),
    )


def _sampler(settings: SampleSettings) -> Sampler:
    """What chooses the frames to classify; every frame unless the settings say less."""
    if settings.fps is not None:
        return AtMostPerSecond(settings.fps)
    return EveryNth(settings.every or 1)
