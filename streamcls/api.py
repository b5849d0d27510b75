"""The same job for programs: `stream` for videos, `classify` for pictures."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from streamcls.config.settings import Settings
from streamcls.errors import PictureError, SettingsError
from streamcls.records import Image, Prediction, Result


class ModelOptions(TypedDict, total=False):
    """Which model; see `streamcls run --help`."""

    model: str
    weights: str | PathLike[str]
    labels: str | PathLike[str]
    backend: str
    precision: str
    input_size: int
    threads: int


class StreamOptions(ModelOptions, total=False):
    """The options of `streamcls run` on source, sampling, model and labels, with their defaults."""

    camera: str
    every: int
    fps: float
    start: float
    duration: float
    top_k: int
    threshold: float
    smoothing: float
    dwell: float
    allow: Sequence[str]
    deny: Sequence[str]
    rotation: int
    rtsp_transport: str
    connect_timeout: float
    read_timeout: float
    max_retries: int
    retry_for: float
    stale_after: float
    frozen_after: float
    max_delay: float
    queue_size: int
    queue_policy: str


def stream(
    source: str | PathLike[str], *, all_frames: bool = False, **options: Unpack[StreamOptions]
) -> Iterator[Result]:
    """Classifies the frames of a video or a live source.

    Of a file every frame comes, in order. Of a live source (webcam, stream) always the newest one
    that is classified; it reconnects by itself, and ends only where the options say so. The threads
    behind it end when the loop does, also when it is left early or raises.

    >>> import streamcls
    >>> for result in streamcls.stream("clip.mp4", model="demo", every=145):
    ...     print(f"{result.frame.pts_s:.1f} s: {result.top(1)[0].label}")
    0.0 s: empty belt
    5.8 s: bolt
    11.6 s: nut

    Args:
        source: the video file, the number of a webcam, or the address of a stream.
        all_frames: whether frames that are not classified come too; their `raw` is None. Of a live
            source each frame comes at once with the last steady label, and a classified one again
            when it has its answer.
        options: see `StreamOptions`; they have the names and defaults of the command line.

    Returns:
        An iterator over results, in the order of the frames.

    Raises:
        SettingsError: an option is wrong.
        SourceNotFoundError, SourceError: the file can't be read, or the source was given up.
        ModelSettingsError, WeightsUnavailableError: the model can't be had.
    """
    from streamcls.builders.recording import build_run
    from streamcls.builders.source import is_live
    from streamcls.config.options import from_options
    from streamcls.metrics import Metrics
    from streamcls.runtime.output_queue import Wanted
    from streamcls.runtime.stop import Stop

    _check_names(options, StreamOptions)
    settings = from_options({"source": fspath(source), **options})
    if is_live(settings.source):
        return _live_results(settings, all_frames=all_frames)
    wanted = Wanted(frames=all_frames, images=True)
    run = build_run(settings, wanted=wanted, stop=Stop(), metrics=Metrics(), progress=False)

    def results() -> Iterator[Result]:
        with run.pipeline:
            yield from run.pipeline.results()

    return results()


def _live_results(settings: Settings, *, all_frames: bool) -> Iterator[Result]:
    from streamcls.builders.live import build_live
    from streamcls.metrics import Metrics
    from streamcls.runtime.output_queue import Wanted
    from streamcls.runtime.stop import Stop

    wanted = Wanted(frames=all_frames, images=True, newest=True)
    pipeline = build_live(settings, stop=Stop(), metrics=Metrics(), progress=False).pipeline

    def results() -> Iterator[Result]:
        with pipeline:
            output = pipeline.output("stream", wanted)
            pipeline.start()
            yield from (result for result in pipeline.results(output) if result is not None)

    return results()


def classify(
    *pictures: str | PathLike[str] | Image, **options: Unpack[ModelOptions]
) -> list[Prediction]:
    """Classifies pictures.

    >>> import streamcls
    >>> nut, gear = streamcls.classify("nut.png", "gear.png", model="demo")
    >>> print([score.label for score in nut.top(1)], len(gear.labels))
    ['nut'] 9

    Args:
        pictures: files, or arrays (H, W, 3) uint8 BGR.
        options: see `ModelOptions`.

    Returns:
        A prediction for each picture, in their order.

    Raises:
        PictureError: a file can't be read, or an array is no picture.
        SettingsError, ModelSettingsError, WeightsUnavailableError: the model can't be had.
    """
    from streamcls.builders.backend import Work, available_threads
    from streamcls.builders.model import load_classifier
    from streamcls.builders.recording import BATCH
    from streamcls.capture.picture_file import read_picture
    from streamcls.config.options import from_options

    _check_names(options, ModelOptions)
    settings = from_options({"source": "pictures", **options})
    known = [
        Path(fspath(one)) if isinstance(one, (str, PathLike)) else _checked(one) for one in pictures
    ]
    threads = settings.runtime.threads or available_threads()
    classifier = load_classifier(settings.model, Work(BATCH, threads), progress=False)
    found: list[Prediction] = []
    for at in range(0, len(known), classifier.batch):
        batch = known[at : at + classifier.batch]
        images = [read_picture(one) if isinstance(one, Path) else one for one in batch]
        found.extend(classifier.classify(images).predictions)
    return found


def _check_names(options: Mapping[str, object], known: type) -> None:
    from streamcls.config.options import did_you_mean

    for name in options.keys() - known.__annotations__.keys():
        raise SettingsError(f"{name}: unknown option{did_you_mean(name, known.__annotations__)}")


def _checked(picture: Image) -> Image:
    image = np.asarray(picture)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise PictureError(f"not (H, W, 3) uint8 but {image.shape} {image.dtype}")
    return image
