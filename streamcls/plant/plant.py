"""A plant at work: its cameras, their classifier, who is told, and how all of it is changed."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from streamcls import clock
from streamcls.builders.live import LiveRun, build_live
from streamcls.builders.relabelling import relabelling
from streamcls.builders.source import is_live
from streamcls.closing import Closing
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.plant_file import camera_settings
from streamcls.errors import OutputError, SettingsError, SourceError, StreamclsError
from streamcls.metrics import Metrics
from streamcls.plant.alerts import Alerts
from streamcls.plant.cameras import Cameras, Changes
from streamcls.plant.model import SharedModel, load_shared
from streamcls.plant.outputs import add_outputs, check_outputs
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import in_background

log = logging.getLogger(__name__)

_STUCK_S = 30.0  # without an answer though somebody waits for one

Load = Callable[[], PlantSettings]


class Plant(Closing):
    """Everything that runs for one settings file. All of it is driven by one thread."""

    def __init__(self, settings: PlantSettings, file: Path, stop: Stop, *, progress: bool) -> None:
        """Loads the model; nothing runs yet.

        Args:
            settings: of all cameras.
            file: where they were read, which no output may replace.
            stop: what ends it all.
            progress: whether a download shows its progress.

        Raises:
            StreamclsError: the model can't be had, or an output can't be put where it is asked for.
        """
        self._file, self._stop = file, stop
        self.settings = settings
        check_settings(settings, file)
        self.model = load_shared(settings, stop, progress=progress)
        self.alerts = Alerts()
        self.cameras = Cameras(self._open)
        self.reloads: Counter[str] = Counter({"applied": 0, "refused": 0})
        self._answers, self._answered_s = 0, clock.now_s()

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
        try:
            if not self.cameras.look():
                self._stop.set()
        except SourceError as error:
            self._stop.set(error)
        for one in self.cameras.running:
            if one.given_up is not None or one.restart_s is not None:
                self.alerts.gone(one.name, str(one.given_up or "it is started again"))

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

        return in_background(lambda: load_shared(wanted, self._stop, progress=False), go_on)

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
            if one.state != "ok"
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
        self.cameras.close()
        self.model.turns.close()
        self.alerts.close()


def _by_name(settings: PlantSettings) -> dict[str, PlantCamera]:
    return {camera.camera: camera for camera in settings.cameras}


def check_settings(
    settings: PlantSettings, file: Path, running: PlantSettings | None = None
) -> None:
    """Raises for what can be told before anything is loaded; with all mistakes.

    Args:
        settings: to be run.
        file: where they were read.
        running: those that run now, whose outputs are their own.
    """
    check_sources(settings)
    untouched = () if running is None else running.cameras
    places = list(check_outputs(settings, file, untouched))
    if places:  # no wrong setting: a folder may be there the next time, when a disk is mounted
        raise OutputError("\n".join(dict.fromkeys(places)))


def check_sources(settings: PlantSettings) -> None:
    """Raises for cameras that are none; with all mistakes."""
    _raise(
        f"{camera.camera}: a recording, or no source; many cameras are live ones"
        for camera in settings.cameras
        if not is_live(camera.source)
    )


def check_labels(settings: PlantSettings, model: SharedModel) -> None:
    """Raises where cameras name labels that the model does not have; with all mistakes."""
    wrong: list[str] = []
    for camera in settings.cameras:
        try:
            relabelling(camera.postprocess, model.classifier.card.labels)
        except SettingsError as error:
            wrong += [f"{camera.camera}: {line}" for line in str(error).splitlines()]
    _raise(wrong)


def _raise(wrong: Iterable[str]) -> None:
    lines = list(dict.fromkeys(wrong))
    if lines:
        raise SettingsError("\n".join(lines))
