"""What can be told to be wrong with a plant's settings before anything runs."""

from collections.abc import Iterable
from pathlib import Path

from streamcls.builders.relabelling import relabelling
from streamcls.builders.source import is_live
from streamcls.config.plant import PlantSettings
from streamcls.errors import OutputError, SettingsError
from streamcls.plant.model import SharedModel
from streamcls.plant.outputs import check_outputs


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
