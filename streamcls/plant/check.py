"""Looks at everything that a settings file names, before it runs for months."""

import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamcls import clock
from streamcls.builders.backend import available_threads
from streamcls.builders.look import LOOK_S, Look, look
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.plant_file import camera_settings
from streamcls.errors import StreamclsError
from streamcls.plant.alerts import check_receivers
from streamcls.plant.mistakes import check_labels, check_sources
from streamcls.plant.model import SharedModel, load_shared
from streamcls.plant.outputs import check_outputs, folders
from streamcls.records import Picture, Prediction, Timing
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads
from streamcls.runtime.turns import Question

_MEASURE_S = 2.0  # of the classifier alone
_WAIT_S = 0.1  # how often a wait sees a signal
_BUSY = 0.8  # of the CPUs, above which there is no room for the unexpected


@dataclass(slots=True, eq=False)
class CameraFound:
    """What came of a camera: `seen`, or the `error` that says why nothing did.

    `asked` is how many labels a second the settings ask of it.
    """

    name: str
    error: str = "it hangs"
    seen: Look | None = None
    asked: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A receiver or a folder that was tried: what it is, and the error, or ""."""

    what: str
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Capacity:
    """Whether this CPU can hold what is asked for.

    Attributes:
        asked: labels a second; a dead camera counts with what the settings say of it.
        can: labels a second that the classifier gives when it does nothing else.
        reading: CPUs that reading all cameras takes.
        needed: CPUs that all of it takes.
        cpus: that it may use.
    """

    asked: float
    can: float
    reading: float
    needed: float
    cpus: int

    @property
    def holds(self) -> bool:
        """Whether a fifth of the CPUs is left over."""
        return self.needed <= _BUSY * self.cpus


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All that was found."""

    cameras: Sequence[CameraFound]
    others: Sequence[Found]
    capacity: Capacity

    @property
    def is_ok(self) -> bool:
        """Whether it can run as it is."""
        wrong = [one.error for one in self.cameras] + [one.error for one in self.others]
        return not any(wrong) and self.capacity.holds


def check(plant: PlantSettings, file: Path, stop: Stop, *, progress: bool) -> Report:
    """Opens every camera and receiver, writes into every folder, and measures.

    Raises:
        StreamclsError: the settings can't be run: with all mistakes; or the model can't be had.
        what fails in a thread.
    """
    check_sources(plant)
    with_model = load_shared((plant.model, plant.runtime), stop, progress=progress)
    check_labels(plant, with_model)
    cameras, reading = _look_at_all(plant, stop)
    others = [
        *(Found("outputs", line) for line in check_outputs(plant, file)),
        *(_write_to(folder, made=made) for folder, made in folders(plant).items()),
        *_receivers(plant),
    ]
    pictures = [one.seen.picture for one in cameras if one.seen is not None]
    can = _measure(with_model, [one for one in pictures if one is not None], stop)
    if stop.failure is not None:  # a mistake of ours in a thread, which is nothing found
        raise stop.failure
    asked, cpus = sum(one.asked for one in cameras), min(with_model.threads, available_threads())
    needed = reading + cpus * asked / can
    return Report(cameras, others, Capacity(asked, can, reading, needed, cpus))


def _look_at_all(plant: PlantSettings, stop: Stop) -> tuple[list[CameraFound], float]:
    """Every camera at the same time; also how many CPUs reading them takes."""
    found = [CameraFound(one.camera, asked=_asked(one, None)) for one in plant.cameras]
    threads, begun, begun_s = Threads(stop), time.process_time(), clock.now_s()
    patience_s = 0.0
    for camera, into in zip(plant.cameras, found, strict=True):
        how = camera.connection
        patience_s = max(patience_s, how.connect_timeout + how.read_timeout + 2 * LOOK_S)
        threads.start(
            f"look-{camera.camera}",
            lambda camera=camera, into=into: _look_at(plant, camera, into, stop),  # type: ignore[misc]
        )
    threads.join(patience_s)
    # All read for about as long as the look takes; who connects for longer uses no CPU meanwhile.
    took_s = max(LOOK_S, min(clock.now_s() - begun_s, LOOK_S + 1))
    return found, (time.process_time() - begun) / took_s


def _look_at(plant: PlantSettings, camera: PlantCamera, into: CameraFound, stop: Stop) -> None:
    try:
        into.seen = look(camera_settings(plant, camera), stop)
    except StreamclsError as error:
        into.error = str(error).removeprefix(f"{camera.camera}: ").partition("; given up")[0]
        return
    into.error = _wrong(camera, into.seen)
    into.asked = _asked(camera, into.seen.fps)


def _asked(camera: PlantCamera, fps: float | None) -> float:
    """Labels a second; of a camera whose rate is not known, what the settings say of it, or 0."""
    sample = camera.sample
    if sample.every is not None:
        rate = (fps or 0.0) / sample.every
    else:
        rate = min((one for one in (fps, sample.fps) if one), default=0.0)
    return rate * max(1, len(camera.regions))


def _wrong(camera: PlantCamera, seen: Look) -> str:
    """What of the settings does not fit what comes."""
    if not seen.sizes:
        return "no picture comes"
    width, height = map(int, seen.sizes[-1].split("x"))
    if camera.rotation in (90, 270):
        width, height = height, width
    for name, box in camera.regions.items():
        if not box.in_shares and (box.x + box.width > width or box.y + box.height > height):
            return f"region {name} reaches beyond the picture of {width}x{height}"
    return ""


def _write_to(folder: Path, *, made: bool) -> Found:
    """`made` says that the run makes it where it is missing."""
    try:
        if made:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"streamcls")
    except OSError as error:
        return Found(f"folder {folder}", f"can't be written: {error.strerror}")
    return Found(f"folder {folder}")


def _receivers(plant: PlantSettings) -> list[Found]:
    return [Found(name, error) for name, error in check_receivers(plant)]


def _measure(model: SharedModel, pictures: Sequence[Picture], stop: Stop) -> float:
    """Labels a second with all workers busy, on pictures of the cameras."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (720, 1280, 3)).astype(np.uint8)
    shown: Sequence[Picture] = pictures or [noise]
    turns, busy = model.turns, threading.Semaphore(0)
    count = 2 * model.threads  # one at work and one that waits for each worker
    seats = [turns.seat(lambda: stop.is_set) for _ in range(count)]

    def ask(number: int) -> None:
        def answered(_: Prediction, __: Timing) -> None:
            busy.release()
            ask(number)

        picture = shown[number % len(shown)]
        seats[number].ask(Question(picture, clock.now_ns(), answered, lambda: None))

    with turns:
        turns.start()
        for number in range(count):
            ask(number)
        for _ in range(count):  # the first ones warm up
            while not busy.acquire(timeout=_WAIT_S) and not stop.is_set:
                pass
        begun_s, before = clock.now_s(), turns.answers
        stop.wait(_MEASURE_S)
        return max(0.1, (turns.answers - before) / (clock.now_s() - begun_s))
