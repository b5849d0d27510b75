"""The outputs of a plant's cameras: each is opened anew when it fails, and none ends the run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from streamcls.builders.live import LiveRun
from streamcls.builders.live_outputs import live_outputs
from streamcls.builders.outputs import asked_outputs, run_facts
from streamcls.builders.outputs import check_outputs as check_camera_outputs
from streamcls.config.options import check_fits
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.plant_file import camera_settings
from streamcls.config.settings import Settings
from streamcls.errors import StreamclsError, UsageError
from streamcls.protocols import Sink


def add_outputs(run: LiveRun, settings: Settings, alerts: Sink | None) -> None:
    """Gives a camera's run the outputs of its settings, and the one that tells of its events.

    Raises:
        OutputPathError: one can't be put where it is asked for.
    """
    pipeline, facts = run.pipeline, run_facts(settings, run)
    # Only statistics replace what an earlier run left; all others have the time in their names.
    facts = replace(facts, overwrite=facts.overwrite or _has_own_stats(settings))
    for output in live_outputs(settings, facts):
        sink = output.recovering(
            failed=partial(pipeline.outputs.failed, output.name),
            recovered=partial(pipeline.outputs.recovered, output.name),
            lost=partial(pipeline.outputs.lost, output.name),
        )
        pipeline.add(output.name, sink)
    if alerts is not None:
        pipeline.add("alerts", alerts)


def check_outputs(
    plant: PlantSettings, file: Path, running: Sequence[PlantCamera] = ()
) -> Iterator[str]:
    """What is wrong with the outputs, a line for each camera that has a mistake.

    Args:
        plant: what is asked for.
        file: the settings file, which none may replace.
        running: cameras that run now; those that stay as they are have their files already.
    """
    seen: dict[Path, str] = {}
    for camera in plant.cameras:
        settings = camera_settings(plant, camera)
        name = camera.camera
        if camera not in running:
            try:
                check_fits(settings, live=True)
                check_camera_outputs(_without_own_stats(settings), [file], live=True)
            except UsageError as error:
                yield from (f"{name}: {line}" for line in str(error).splitlines())
        for setting, path in _places(settings):
            other = seen.setdefault(path.resolve(), name)
            if other != name:
                yield (
                    f"{name}: outputs.{setting}: {path} is {other}'s, too; "
                    "let `{camera}` stand in its name"
                )


def _has_own_stats(settings: Settings) -> bool:
    """Whether an earlier run left its statistics where those of this one go: they are replaced."""
    stats = dict(_places(settings)).get("stats")
    if stats is None or not stats.is_file():
        return False
    try:
        found = json.loads(stats.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"read", "classified", "in_flight"} <= found.keys()


def _without_own_stats(settings: Settings) -> Settings:
    if not _has_own_stats(settings):
        return settings
    outputs = settings.outputs.model_copy(update={"stats": None})
    return settings.model_copy(update={"outputs": outputs})


def folders(plant: PlantSettings) -> dict[Path, bool]:
    """Where all outputs and the spool go, and whether the run makes the folder if it is missing."""
    found: dict[Path, bool] = {}
    for camera in plant.cameras:
        settings = camera_settings(plant, camera)
        found |= dict.fromkeys((path.parent for _, path in _places(settings)), False)
        own = (_folder(settings), settings.capture.folder)
        found |= dict.fromkeys((folder for folder in own if folder is not None), True)
    if plant.mqtt is not None or plant.webhook is not None:
        found[plant.spool.folder] = True
    return dict(sorted(found.items()))


def _folder(settings: Settings) -> Path | None:
    """Of snapshots, with the camera's name in it."""
    one = asked_outputs(settings, settings.camera).get("snapshots")
    return one.place if one is not None and isinstance(one.place, Path) else None


def _places(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The files of a camera, by their settings."""
    try:
        asked = asked_outputs(settings, settings.camera)
    except StreamclsError:
        return  # which was said already
    for name, one in asked.items():
        if isinstance(one.place, Path) and not one.output.folder and one.place != Path("-"):
            yield name, one.place
