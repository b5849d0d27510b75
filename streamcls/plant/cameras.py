"""The cameras of a plant: each runs on its own, comes back on its own, and may be exchanged."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from streamcls import clock
from streamcls.builders.live import LiveRun
from streamcls.capture.live import Backoff
from streamcls.closing import Closing
from streamcls.config.plant import PlantCamera
from streamcls.errors import SourceError, StreamclsError
from streamcls.metrics import Metrics
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

# Longer than the longest wait before a try, and what a native call may take beyond its time-outs.
_HUNG_S = 120.0
_HEALTHY_S = 600.0  # after which the next failure of ours counts as the first
_CLOSE_S = 4.5  # of the five seconds that a stop may take


@dataclass(slots=True, eq=False)
class RunningCamera:
    """One camera at work.

    Attributes:
        asked: its settings.
        run: what reads, labels and writes.
        metrics: its ledger.
        restart_s: when it is started again after a failure of ours; None while it runs.
        given_up: why it will not come back, or None.
        is_over: whether that is because its duration is over, as asked for.
        started_s: when it was started, by `clock.now_s`.
        is_stopped: whether somebody ended it for now.
    """

    asked: PlantCamera
    run: LiveRun
    metrics: Metrics
    backoff: Backoff = field(default_factory=Backoff)
    restart_s: float | None = None
    given_up: SourceError | None = None
    is_over: bool = False
    started_s: float = field(default_factory=clock.now_s)
    is_stopped: bool = False

    @property
    def name(self) -> str:
        """As rows, topics and metrics call it."""
        return self.asked.camera

    @property
    def state(self) -> str:
        """Of the source, "given_up" or "stopped"; between two starts there is no signal."""
        if self.is_stopped:
            return "stopped"
        if self.restart_s is not None:
            return "no_signal"
        return "given_up" if self.given_up is not None else self.run.pipeline.status.state

    @property
    def gone(self) -> str:
        """Why nothing comes of it at this moment; empty while it runs."""
        if self.is_stopped:
            return "it was stopped"
        if self.given_up is not None:
            return str(self.given_up)
        return "it is started again" if self.restart_s is not None else ""

    def begins_anew(self, wanted: PlantCamera, *, all_anew: bool) -> bool:
        """Whether settings that are applied start it again; who was stopped stays so."""
        if wanted != self.asked or self.given_up is not None:
            return True
        return all_anew and not self.is_stopped


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """The names of the cameras that another set of settings concerns."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        """For people."""
        parts = {"added": self.added, "removed": self.removed, "restarted": self.changed}
        said = [f"{what}: {', '.join(names)}" for what, names in parts.items() if names]
        return "; ".join(said) or "no camera is concerned"


Open = Callable[[PlantCamera, Stop, Metrics], LiveRun]
"""Builds a camera's run with its outputs, ready to be started."""


class Cameras(Closing):
    """All cameras that run. One thread."""

    def __init__(self, open_: Open) -> None:
        """Has none yet."""
        self._open = open_
        self._running: dict[str, RunningCamera] = {}

    @property
    def running(self) -> tuple[RunningCamera, ...]:
        """In the order of the settings; any thread may ask."""
        return tuple(self._running.values())

    def apply(self, wanted: Mapping[str, PlantCamera], *, all_anew: bool = False) -> Changes:
        """Starts, ends and restarts cameras, so that these run; others go on untouched.

        Args:
            wanted: by name.
            all_anew: whether all that run are restarted, as for another model; those that were
                given up are in any case.

        Raises:
            StreamclsError: one can't be built; what ran before still runs then.
        """
        changed = [
            name
            for name, camera in wanted.items()
            if name in self._running and self._running[name].begins_anew(camera, all_anew=all_anew)
        ]
        added = [name for name in wanted if name not in self._running]
        removed = [name for name in self._running if name not in wanted]
        built = self._all_built(wanted[name] for name in (*added, *changed))
        self._close([self._running[name] for name in (*removed, *changed)])
        kept = {name: one for name, one in self._running.items() if name in wanted}
        running = kept | built
        self._running = {name: running[name] for name in wanted}
        for one in built.values():
            one.run.pipeline.start()
        return Changes(tuple(added), tuple(removed), tuple(changed))

    def _all_built(self, cameras: Iterable[PlantCamera]) -> dict[str, RunningCamera]:
        """All, or none: outputs of those before one that can't be built have threads already."""
        built: dict[str, RunningCamera] = {}
        try:
            for camera in cameras:
                built[camera.camera] = self._built(camera)
        except BaseException:  # whatever it is, it is raised again
            self._close(list(built.values()))
            raise
        return built

    def _built(self, camera: PlantCamera) -> RunningCamera:
        metrics = Metrics()
        return RunningCamera(camera, self._open(camera, Stop(), metrics), metrics)

    def look(self) -> bool:
        """Restarts what ended and should not have; to be called a few times a second.

        Returns:
            Whether any camera is left, or will be started again.

        Raises:
            SourceError: a required camera was given up, or the last one.
        """
        for one in self.running:
            if one.given_up is not None or one.is_stopped:
                continue
            if clock.now_s() - one.started_s > _HEALTHY_S:
                one.backoff.reset()
            if one.restart_s is not None:
                if clock.now_s() >= one.restart_s:
                    self._restart(one)
            elif one.run.pipeline.stop.is_set:
                self._ended(one)
            elif one.run.pipeline.silent_s > _HUNG_S + one.asked.connection.connect_timeout:
                self._hung(one)
        lost = [one.given_up for one in self.running if one.given_up and not one.is_over]
        is_left = any(one.given_up is None for one in self.running)
        if lost and not is_left:
            raise lost[0]
        return is_left

    def set_running(self, name: str, *, running: bool) -> None:
        """Starts or ends one for now; where that is so already, nothing happens.

        Raises:
            KeyError: there is none of that name.
            StreamclsError: it can't be started.
        """
        one = self._running[name]
        if running and one.gone:
            again = self._built(one.asked)
            self._running[name] = again
            again.run.pipeline.start()
        elif not running and not one.is_stopped:
            one.is_stopped = True
            self._close([one])
        log.warning("%s: %s, as somebody asked for", name, "started" if running else "stopped")

    def _hung(self, one: RunningCamera) -> None:
        if one.asked.required:
            raise SourceError(f"{one.name}: its reader hangs; given up")
        log.error("%s: its reader hangs; it is left behind for a new one", one.name)
        self._restart(one)

    def _ended(self, one: RunningCamera) -> None:
        failure = one.run.pipeline.stop.failure
        self._close([one])
        if failure is None:  # its time was over
            one.given_up, one.is_over = SourceError(f"{one.name}: its duration is over"), True
        elif isinstance(failure, SourceError):
            one.given_up = failure
            if one.asked.required:
                raise failure
            log.error("%s", failure)
        else:
            self._put_off(one, f"unexpected {type(failure).__name__}: {failure}")
            log.debug("where it was raised:", exc_info=failure)

    def _put_off(self, one: RunningCamera, why: str) -> None:
        wait_s = one.backoff.wait_s(hold=False)
        one.restart_s = clock.now_s() + wait_s
        log.error("%s: %s; it is started again in %.0f s", one.name, why, wait_s)

    def _restart(self, one: RunningCamera) -> None:
        self._close([one])
        try:
            again = self._built(one.asked)
        except StreamclsError as error:  # a folder that is away for a while ends no other camera
            self._put_off(one, str(error))
            return
        again.backoff = one.backoff
        self._running[one.name] = again
        again.run.pipeline.start()

    def _close(self, cameras: list[RunningCamera]) -> None:
        """All at the same time, since each may take its seconds."""
        closing = Threads(Stop())
        for one in cameras:
            one.run.pipeline.stop.set()
        for one in cameras:
            closing.start(f"close-{one.name}", one.run.pipeline.close)
        closing.join(_CLOSE_S)

    def close(self) -> None:
        """Ends all. They can still be looked at."""
        self._close(list(self.running))
