"""A plant at work: its cameras, their classifier, who is told, and how all of it is changed."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from streamcls import clock
from streamcls.builders.live import LiveRun, build_live
from streamcls.closing import Closing
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.plant_file import camera_settings
from streamcls.errors import SourceError, StreamclsError
from streamcls.metrics import Metrics
from streamcls.plant.alerts import Alerts
from streamcls.plant.cameras import Cameras, Changes
from streamcls.plant.mistakes import check_labels, check_settings
from streamcls.plant.model import SharedModel, load_shared
from streamcls.plant.outputs import add_outputs
from streamcls.protocols import Sink
from streamcls.runtime.buffer import Buffer
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import in_background

log = logging.getLogger(__name__)

_STUCK_S = 30.0  # without an answer though somebody waits for one

_ASKED = 8  # changes that wait at the same time, and are made in one look

Load = Callable[[], PlantSettings]


def no_sinks(_camera: PlantCamera) -> Mapping[str, Sink]:
    """No more outputs than the settings ask for."""
    return {}


class Plant(Closing):
    """Everything that runs for one settings file. All of it is driven by one thread.

    Others may look, and `ask` for changes.
    """

    def __init__(
        self,
        settings: PlantSettings,
        file: Path,
        stop: Stop,
        *,
        progress: bool,
        also: Callable[[PlantCamera], Mapping[str, Sink]] = no_sinks,
    ) -> None:
        """Loads the model; nothing runs yet.

        Args:
            settings: of all cameras.
            file: where they were read, which no output may replace.
            stop: what ends it all.
            progress: whether a download shows its progress.
            also: makes more outputs for a camera, by their names, each time it is started.

        Raises:
            StreamclsError: the model can't be had, or an output can't be put where it is asked for.
        """
        self._file, self._stop, self._also = file, stop, also
        self.settings = settings
        check_settings(settings, file)
        self.model = load_shared((settings.model, settings.runtime), stop, progress=progress)
        self.alerts = Alerts()
        self.cameras = Cameras(self._open)
        self.reloads: Counter[str] = Counter({"applied": 0, "refused": 0})
        self._answers, self._answered_s = 0, clock.now_s()
        self._asked: Buffer[Callable[[], None]] = Buffer(_ASKED)

    def start(self) -> None:
        """Starts everything.

        Raises:
            StreamclsError: settings of a camera don't fit the model, or an output can't be had.
        """
        check_labels(self.settings, self.model)
        self.model.turns.start()
        self.alerts.apply(self.settings)
        self.cameras.apply(_by_name(self.settings))

    def look(self) -> None:
        """Keeps the cameras going; to be called a few times a second.

        The run ends when no camera is left, and with an error where one was given up that is
        required, or was the last.
        """
        self._note_answers()
        for change in self._asked.get_more(_ASKED):
            change()
        try:
            if not self.cameras.look():
                self._stop.set()
        except SourceError as error:
            self._stop.set(error)
        for one in self.cameras.running:
            if one.gone:
                self.alerts.gone(one.name, one.gone)

    # -- what others ask for

    def set_running(self, camera: str, *, running: bool) -> Future[None]:
        """Starts or ends a camera, soon; on any thread.

        Returns:
            What says that it is done, or raises: KeyError where there is no such camera,
            StreamclsError where it can't be started.
        """
        done: Future[None] = Future()

        def change() -> None:
            try:
                self.cameras.set_running(camera, running=running)
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
                done.set_exception(error)

        if not self._asked.put(change, given_up=lambda: self._stop.is_set):
            done.set_exception(StreamclsError("the run ends"))
        return done

    # -- other settings

    def reload(self, load: Load, meanwhile: Callable[[], None]) -> Changes | None:
        """Reads the settings again and applies what is different; None where they are refused.

        What ran before goes on where it is not concerned, and all of it where they are refused.

        Args:
            load: reads them.
            meanwhile: what has to go on while another model is loaded.
        """
        try:
            wanted = load()
            check_settings(wanted, self._file, running=self.settings)
            changes = self._apply(wanted, meanwhile)
        except Exception as error:  # whatever it is, the cameras go on
            self.reloads["refused"] += 1
            for line in str(error).splitlines():
                log.error("%s", line)
            if not isinstance(error, StreamclsError):
                log.error("unexpected %s; please report it", type(error).__name__)
                log.debug("where it was raised:", exc_info=True)
            log.error("%s: refused; the settings from before stay", self._file)
            return None
        self.reloads["applied"] += 1
        log.warning("%s: applied; %s", self._file, changes)
        return changes

    def _apply(self, wanted: PlantSettings, meanwhile: Callable[[], None]) -> Changes:
        before, model_before = self.settings, self.model
        anew = (wanted.model, wanted.runtime) != model_before.asked
        if anew:
            self.model = self._loaded(wanted, meanwhile)
            self.model.turns.start()
        try:
            check_labels(wanted, self.model)
            self.alerts.apply(wanted)
            self.settings = wanted
            changes = self.cameras.apply(_by_name(wanted), all_anew=anew)
        except BaseException:  # whatever it is, it is raised again
            self.settings, unused, self.model = before, self.model, model_before
            self.alerts.apply(before)
            if anew:
                unused.turns.close()
            raise
        if anew:
            model_before.turns.close()
        self.alerts.forget_others(wanted)
        return changes

    def _loaded(self, wanted: PlantSettings, meanwhile: Callable[[], None]) -> SharedModel:
        """Another model, while the cameras go on with theirs.

        Raises:
            StreamclsError: it can't be had, or the run is to end and does not wait for it.
        """

        def go_on() -> None:
            meanwhile()
            if self._stop.is_set:
                raise StreamclsError("the run ends, without the other model")

        asked = (wanted.model, wanted.runtime)
        return in_background(lambda: load_shared(asked, self._stop, progress=False), go_on)

    def _open(self, camera: PlantCamera, stop: Stop, metrics: Metrics) -> LiveRun:
        chosen = camera_settings(self.settings, camera)
        run = build_live(
            chosen,
            stop=stop,
            metrics=metrics,
            progress=False,
            classifier=self.model.classifier,
            turns=self.model.turns,
        )
        try:
            add_outputs(run, chosen, self.alerts.sink(camera))
            for name, sink in self._also(camera).items():
                run.pipeline.add(name, sink)
        except BaseException:  # whatever it is, it is raised again
            run.pipeline.close()  # the first outputs have threads already
            raise
        return run

    # -- how it goes

    def is_alive(self) -> bool:
        """Whether the classifier answers who asks; a supervisor restarts us where it doesn't."""
        return clock.now_s() - self._answered_s < _STUCK_S

    def _note_answers(self) -> None:
        answers = self.model.turns.answers
        if answers != self._answers or self.model.turns.is_idle:
            self._answers, self._answered_s = answers, clock.now_s()

    def missing(self) -> list[str]:
        """What is not as it should be, for people; empty where all cameras give labels."""
        return [
            f"{one.name}: {one.state.replace('_', ' ')}"
            for one in self.cameras.running
            if one.state not in ("ok", "stopped")
        ]

    def status(self) -> str:
        """How everything goes, as one line."""
        cameras = []
        labels = 0.0
        for one in self.cameras.running:
            now = one.run.pipeline.status
            labels += now.labels_fps
            age = "" if now.age_ms is None else f", age {now.age_ms:.0f} ms"
            rates = f"{now.fps:.1f} fps, {now.labels_fps:.1f} labels/s{age}"
            cameras.append(f"{one.name} {rates if one.state == 'ok' else one.state}")
        waiting = [f"{one.name}: {one.waiting} events wait" for one in self.alerts.standing()]
        good = sum(one.state == "ok" for one in self.cameras.running)
        total = len(self.cameras.running)
        return "; ".join(
            [f"{good} of {total} cameras ok, {labels:.1f} labels/s", *cameras, *waiting]
        )

    def close(self) -> None:
        """Ends all of it, within the five seconds that a stop may take. Can be called again."""
        self._stop.set()
        self._asked.abort()
        self.cameras.close()
        self.model.turns.close()
        self.alerts.close()


def _by_name(settings: PlantSettings) -> dict[str, PlantCamera]:
    return {camera.camera: camera for camera in settings.cameras}
