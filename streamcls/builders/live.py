"""From settings to the objects of a live run."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streamcls.builders.model import load_classifier
from streamcls.builders.network import Work, available_threads
from streamcls.builders.recording import build_sampler, build_smoother
from streamcls.config.options import check_fits
from streamcls.config.settings import Settings
from streamcls.config.types import with_variables
from streamcls.errors import SettingsError
from streamcls.masking import mask_address
from streamcls.metrics import Metrics
from streamcls.records import Image
from streamcls.runtime.live_pipeline import LivePipeline
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.capture.connection import Connection
    from streamcls.capture.live import LiveSource
    from streamcls.inference.classifier import ImageClassifier

_SIM = "sim://"
_DEVICES = ("/dev/video", "/dev/v4l/")
_SCENE_PX = 640  # width at which the simulated camera's scenes are drawn


@dataclass(frozen=True, slots=True, eq=False)
class LiveRun:
    """All that a live run needs."""

    pipeline: LivePipeline
    source: "LiveSource"
    classifier: "ImageClassifier"
    metrics: Metrics
    threads: int


def is_live(source: str) -> bool:
    """Whether a source is a camera or a stream, not a file. A file named `0` is a file."""
    if Path(source).expanduser().is_file():
        return False
    return source.isdecimal() or "://" in source or source.startswith(_DEVICES)


def is_webcam(source: str) -> bool:
    """Whether a live source is a camera at this machine."""
    return "://" not in source


def build_live(
    settings: Settings,
    *,
    stop: Stop,
    metrics: Metrics,
    progress: bool,
    classifier: "ImageClassifier | None" = None,
) -> LiveRun:
    """Loads the model and puts the pipeline together; connects to nothing yet.

    Args:
        settings: of the run.
        stop: what ends it.
        metrics: where frames are counted.
        progress: whether a download shows its progress.
        classifier: of an earlier run, to be used again.

    Raises:
        StreamclsError: the model can't be had, or something doesn't fit the settings.
    """
    check_fits(settings, live=True)
    threads = settings.runtime.threads or available_threads()
    connect = _connector(settings, stop)  # before the model, which takes long
    # One picture at a time with all threads: the newest frame's label comes soonest.
    classifier = classifier or load_classifier(settings.model, Work(1, threads), progress=progress)
    begun_ns = time.monotonic_ns()
    source = _live_source(settings, connect, stop, begun_ns)
    pipeline = LivePipeline(
        source,
        build_sampler(settings),
        classifier,
        build_smoother(settings, source.camera),
        top_k=settings.postprocess.top_k,
        queue_size=settings.runtime.queue_size,
        newest=not _waits(settings),
        stale_after_s=math.inf if _waits(settings) else settings.signal.stale_after,
        duration_s=settings.sample.duration,
        begun_ns=begun_ns,
        metrics=metrics,
        stop=stop,
    )
    return LiveRun(pipeline, source, classifier, metrics, threads)


def _waits(settings: Settings) -> bool:
    return settings.runtime.queue_policy == "block"


def open_live(settings: Settings, stop: Stop) -> "LiveSource":
    """The source alone; it connects when it is watched.

    Raises:
        SettingsError: an address of a kind that can't be read.
    """
    return _live_source(settings, _connector(settings, stop), stop, time.monotonic_ns())


def _live_source(
    settings: Settings, connect: "Callable[[], Connection]", stop: Stop, begun_ns: int
) -> "LiveSource":
    from streamcls.capture.live import LiveSource, Retries

    return LiveSource(
        connect,
        camera=settings.camera or camera_name(settings.source),
        retries=Retries(settings.connection.max_retries, settings.connection.retry_for),
        frozen_after_s=settings.signal.frozen_after,
        # Frames that may wait are old because of us, which says nothing of the line.
        max_delay_s=math.inf if _waits(settings) else settings.signal.max_delay,
        wait=stop.wait,
        begun_ns=begun_ns,
    )


def camera_name(source: str) -> str:
    """A name for rows, without any secret: the host's, or the webcam's."""
    if source.lower().startswith(_SIM):
        return "sim"
    if "://" in source:
        return _hostname(with_variables(source))
    return f"webcam{source}" if source.isdecimal() else Path(source).name


def _hostname(address: str) -> str:
    """The host in an address.

    Raises:
        SettingsError: there is none, or it is not an address at all.
    """
    shown = mask_address(address)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # which checks it
    except ValueError as error:
        raise SettingsError(f"{shown}: not an address: {error}") from None
    if any(character.isspace() for character in address):
        raise SettingsError(f"{shown}: a blank in an address is written %20")
    if not host:
        raise SettingsError(f"{shown}: there is no host in this address")
    return host


def _connector(settings: Settings, stop: Stop) -> "Callable[[], Connection]":
    """What makes a connection to the source that the settings name.

    Raises:
        SettingsError: an address of a kind that can't be read.
    """
    scheme, separator, rest = settings.source.partition("://")
    source = f"{scheme.lower()}{separator}{rest}"
    if source.startswith(_SIM):
        from streamcls.capture.simulated import SimulatedCamera, parse

        return SimulatedCamera(parse(source), _scenes(), stop.wait).connect
    if is_webcam(source):
        from streamcls.capture.webcam import Webcam, WebcamFinder

        finder = WebcamFinder(source)
        return lambda: Webcam(finder)
    from streamcls.capture.network import SCHEMES, NetworkAddress, NetworkStream

    _hostname(with_variables(source))  # a wrong one is said at once
    if scheme.lower() not in SCHEMES:
        known = ", ".join((*SCHEMES, "sim"))
        raise SettingsError(f"{mask_address(source)}: {scheme}:// can't be read; there are {known}")
    how = settings.connection
    address = NetworkAddress(
        with_variables(source), how.transport, how.connect_timeout, how.read_timeout
    )
    return lambda: NetworkStream(address)


def _scenes() -> "Callable[[int], Image]":
    """The pictures of the demo's clip, for the simulated camera."""
    from streamcls.demo.clip import scenes
    from streamcls.demo.scene import draw

    all_scenes = scenes()
    return lambda number: draw(all_scenes[number % len(all_scenes)], _SCENE_PX)
