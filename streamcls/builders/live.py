"""From settings to the objects of a live run."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.builders.recording import build_labelling
from streamcls.builders.source import live_opener, may_wait
from streamcls.config.options import check_fits
from streamcls.config.settings import Settings
from streamcls.metrics import Metrics
from streamcls.runtime.live_pipeline import LivePipeline, LiveRules
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns

if TYPE_CHECKING:
    from streamcls.capture.live import LiveSource
    from streamcls.inference.classifier import ImageClassifier


@dataclass(frozen=True, slots=True, eq=False)
class LiveRun:
    """All that a live run needs."""

    pipeline: LivePipeline
    source: "LiveSource"
    classifier: "ImageClassifier"
    metrics: Metrics
    threads: int


def build_live(
    settings: Settings,
    *,
    stop: Stop,
    metrics: Metrics,
    progress: bool,
    classifier: "ImageClassifier | None" = None,
    turns: Turns | None = None,
) -> LiveRun:
    """Loads the model and puts the pipeline together; connects to nothing yet.

    Args:
        settings: of the run.
        stop: what ends it.
        metrics: where frames are counted.
        progress: whether a download shows its progress.
        classifier: of an earlier run, to be used again, or shared with others.
        turns: what shares it.

    Raises:
        StreamclsError: the model can't be had, or something doesn't fit the settings.
    """
    check_fits(settings, live=True)
    threads = settings.runtime.threads or available_threads()
    open_source = live_opener(settings, stop)  # before the model, which takes long
    # One picture at a time with all threads: the newest frame's label comes soonest.
    classifier = classifier or load_classifier(settings.model, Work(1, threads), progress=progress)
    source = open_source()
    pipeline = LivePipeline(
        source,
        build_labelling(settings, classifier),
        LiveRules(
            queue_size=settings.runtime.queue_size,
            newest=not may_wait(settings),
            stale_after_s=math.inf if may_wait(settings) else settings.signal.stale_after,
            duration_s=settings.sample.duration,
        ),
        metrics=metrics,
        stop=stop,
        turns=turns,
    )
    return LiveRun(pipeline, source, classifier, metrics, threads)
