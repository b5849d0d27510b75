"""Many cameras on the command line: started, watched over, changed and ended."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.cli.log import say
from streamcls.cli.report import model_line
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.errors import OutputError, OutputPathError, SettingsError, StreamclsError
from streamcls.plant.changes import ChangedFile
from streamcls.plant.one_camera import as_plant
from streamcls.plant.pages import Pages
from streamcls.plant.plant import Plant, no_sinks
from streamcls.runtime import systemd
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.web.site import Site

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_STATUS_S = 60.0


def run_plant(
    settings: PlantSettings,
    file: Path,
    given: Mapping[str, object],
    *,
    quiet: bool,
    progress: bool,
    stop: Stop | None = None,
    site: "Site | None" = None,
) -> None:
    """Runs all cameras of a settings file until a signal ends it.

    Args:
        settings: of the file.
        file: looked at for changes while it runs.
        given: options of the command line, which overrule the file each time it is read.
        quiet: whether nothing but errors is said.
        progress: whether a download shows its progress.
        stop: ends it, too.
        site: the page that shows it; it is closed when this ends.

    Raises:
        StreamclsError: it can't start, or a required camera was given up.
        SystemExit: a signal ended it.
    """
    stop = stop or Stop()
    also = site.sinks if site is not None else no_sinks
    with ExitStack() as stack:
        # A signal ends it at once.
        plant = Plant(settings, file, stop, progress=progress, also=also)
        stack.enter_context(stop.on_signals(reload=True))
        if not quiet:  # when all is closed, or the ledgers would not balance
            stack.callback(_say_ledgers, plant)
        pages = _begun(plant, stack, site)
        if not quiet:
            say(_heading(plant, file))
        systemd.ready(plant.status())
        _go_on(plant, pages, stop, file, given, site)
    if stop.failure is not None:
        raise stop.failure
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


def _begun(plant: Plant, stack: ExitStack, site: "Site | None") -> Pages:
    """Starts it with all that shows it, and notes on the stack how that ends."""
    stack.enter_context(plant)
    stack.callback(systemd.stopping)
    pages = stack.enter_context(Pages(plant))
    try:
        plant.start()
        if site is not None:
            stack.callback(site.close)
            site.attach(plant)
        pages.apply(plant.settings)
    except OutputPathError as error:  # as a taken port: no wrong setting
        raise OutputError(str(error)) from error
    return pages


def _go_on(
    plant: Plant,
    pages: Pages,
    stop: Stop,
    file: Path,
    given: Mapping[str, object],
    site: "Site | None",
) -> None:
    """Until the stop: looks after everything, and reads the file again when it is time."""

    def load() -> PlantSettings:
        found = read_settings(file, given)
        if site is not None:
            found = as_plant(found)
        if not isinstance(found, PlantSettings):
            raise SettingsError(f"{file}: a run over many cameras can't become one over `source:`")
        return found

    rounds, changed = _Rounds(plant), ChangedFile(file)
    while not stop.wait(_LOOK_S):
        if stop.hung_up or changed.has_changed():
            stop.hung_up = False
            changed.read_now()
            systemd.reloading()
            if plant.reload(load, rounds.look) is not None:
                _listen(pages, plant)
            systemd.ready(plant.status())
        rounds.look()
        if site is not None:
            site.look()


def _listen(pages: Pages, plant: Plant) -> None:
    """A port that is taken is no reason to end the cameras."""
    try:
        pages.apply(plant.settings)
    except StreamclsError as error:
        log.error("%s; it listens where it did before", error)


class _Rounds:
    """What is looked after again and again."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._watchdog = systemd.Watchdog()
        self._next_status_s = clock.now_s() + _STATUS_S

    def look(self) -> None:
        """Cameras that ended, the watchdog, the line each minute."""
        self._plant.look()
        self._watchdog.look(self._plant.is_alive)
        now_s = clock.now_s()
        if now_s >= self._next_status_s:
            self._next_status_s = now_s + _STATUS_S
            line = self._plant.status()
            log.info("%s", line)
            systemd.status(line)


def _heading(plant: Plant, file: Path) -> str:
    count = len(plant.settings.cameras)
    cameras = f"{count} camera{'s' if count > 1 else ''}"
    model = model_line(plant.settings.model.name, plant.model.classifier, plant.model.threads)
    return f"{file}: {cameras}; {model}"


def _say_ledgers(plant: Plant) -> None:
    for one in plant.cameras.running:
        say(f"{one.name}: {one.metrics.snapshot().summary}")
    for standing in plant.alerts.standing():
        say(
            f"{standing.name}: {standing.delivered} events delivered, {standing.waiting} wait"
            + (f", {standing.lost} had to be let go" if standing.lost else "")
        )
