"""Settings files: for one source, or for many cameras with what all of them share."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamcls.config import yaml_file
from streamcls.config.mistakes import did_you_mean, variables
from streamcls.config.options import (
    EITHER,
    described,
    from_document,
    options,
    outputs_of,
    placed_options,
    put,
)
from streamcls.config.plant import Defaults, PlantCamera, PlantSettings
from streamcls.config.settings import CameraSettings, OutputSettings, Settings
from streamcls.config.types import Rotation
from streamcls.config.yaml_file import Document, Mistake, Place, dotted
from streamcls.errors import SettingsError

_SHARED = ("model", "runtime")  # by all cameras; options of the command line reach these
_RETRY_FOR_S = 60.0  # for a camera that has to be there and says nothing of retries
_ROTATE = Rotation(seconds=86400)


def read_settings(file: Path, given: Mapping[str, object]) -> Settings | PlantSettings:
    """Settings of a file with `source:`, or with `cameras:`, and options on top of them.

    Args:
        file: YAML.
        given: options by name, and `source`; None is "not given". Of a file with cameras they
            reach `model` and `runtime`, which all cameras share.

    Raises:
        SettingsError: with a line for each mistake, naming the option, or the file, its line and
            the key.
    """
    document = yaml_file.load(file)
    has = document.values.keys() & {"source", "cameras"}
    if len(has) == 2:
        line = max(document.spots["source",], document.spots["cameras",]).line
        raise SettingsError(f"{file}:{line}: `source:` is for one, `cameras:` for many: not both")
    if not has and given.get("source") is None:
        near = (did_you_mean(key, ["source", "cameras"]) for key in document.values)
        said = f"neither `source:` nor `cameras:`{next(filter(None, near), '')}"
        raise SettingsError(f"{file}:1: {said}")
    return _plant(document, given) if "cameras" in has else from_document(given, document)


def _plant(document: Document, given: Mapping[str, object]) -> PlantSettings:
    wrong = _refused(given)
    placed = {where: value for where, value in placed_options(given).items() if where[0] in _SHARED}
    twice = list(_same_names(document))
    found = [*document.mistakes, *variables(document, PlantSettings), *twice]
    found += _of_no_use(document)
    for where, value in placed.items():
        put(document.values, where, value)
    try:
        PlantSettings.model_validate(document.values)  # so that a default is wrong in one place
        plant = PlantSettings.model_validate(_merged(document.values))
    except ValidationError as error:
        of_options, of_file = described(error, PlantSettings, document, placed)
        wrong += of_options
        found += [one for one in of_file if not (twice and one.place == ("cameras",))]
    wrong += document.report(found)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return plant


def _refused(given: Mapping[str, object]) -> list[str]:
    """A line for each option that says something of one source."""
    wrong = []
    for name, value in given.items():
        if value is None:
            continue
        if name == "source":
            wrong.append("SOURCE: the file has cameras of its own; leave one of them out")
            continue
        option = options()[name]
        if option.where[0] in _SHARED:
            continue
        shown = (option.off if value is False else None) or name
        place = "under defaults: or into the camera"
        if option.where[0] not in Defaults.model_fields:
            place = "into the camera"
        wrong.append(
            f"--{shown.replace('_', '-')}: a file with cameras says this for each of them; "
            f"put it {place}"
        )
    return wrong


def _cameras(document: Document) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each camera that is a group of keys, and its place."""
    cameras = document.values["cameras"]
    for index, camera in enumerate(cameras if isinstance(cameras, list) else []):
        if isinstance(camera, dict):
            yield ("cameras", index), camera


def _same_names(document: Document) -> Iterator[Mistake]:
    """Cameras that are called as one before them; capitals make no difference to file systems."""
    first: dict[str, Place] = {}
    for place, camera in _cameras(document):
        name = camera.get("camera")
        if isinstance(name, (str, int, float)):
            before = first.setdefault(str(name).casefold(), place)
            if before != place:
                yield document.mistake(
                    (*place, "camera"), f"{dotted(before)} is called so, too; names have to differ"
                )


# What is for a recording, or for one source before a screen.
_OF_NO_USE = {
    ("outputs", "show"): "many cameras run without a window; leave it out",
    ("sample", "start"): "only for recordings",
}


def _of_no_use(document: Document) -> Iterator[Mistake]:
    defaults = document.values.get("defaults")
    for place, values in ((("defaults",), defaults), *_cameras(document)):
        for (name, key), why in _OF_NO_USE.items():
            group = values.get(name) if isinstance(values, dict) else None
            if isinstance(group, dict) and group.get(key) not in (None, False):
                yield document.mistake((*place, name, key), why)


def _merged(values: dict[str, Any]) -> dict[str, Any]:
    """The values with what cameras take from the defaults."""
    defaults = values.get("defaults") or {}
    return {**values, "cameras": [_camera(defaults, camera) for camera in values["cameras"]]}


def _camera(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A camera's own keys, and the defaults for the others; groups key by key.

    A group or key with nothing behind it says nothing; within a group that is "none", and counts.
    """
    merged = defaults | {key: value for key, value in own.items() if value is not None}
    for name in defaults.keys() & merged.keys():
        if isinstance(defaults[name], dict) and merged[name] is not defaults[name]:
            overruled = set(_excluded(name, merged[name]))
            kept = {key: v for key, v in defaults[name].items() if key not in overruled}
            merged[name] = kept | merged[name]
    return merged


def _excluded(group: str, own: dict[str, Any]) -> Iterator[str]:
    """Keys of a group that are overruled, since the camera says the one that excludes them."""
    for one, other in EITHER:
        for mine, default in ((one, other), (other, one)):
            if mine[0] == group and own.get(mine[1]) is not None:
                yield default[1]


def camera_settings(plant: PlantSettings, camera: PlantCamera) -> Settings:
    """The settings of one camera's run.

    Cameras come and go for months: one that the run needs is given up after a minute if it does
    not say otherwise, and files begin anew each day, with the time in their names, so that a
    restart never meets a file that is there.
    """
    own: dict[str, Any] = {name: getattr(camera, name) for name in CameraSettings.model_fields}
    settings = Settings.model_construct(
        camera.model_fields_set & own.keys() | {"model", "runtime"},
        **own,
        model=plant.model,
        runtime=plant.runtime,
    )
    more: dict[str, object] = {"outputs": _outputs(settings, plant.defaults.outputs)}
    connection = camera.connection
    if camera.required and connection.max_retries is None and connection.retry_for is None:
        more["connection"] = connection.model_copy(update={"retry_for": _RETRY_FOR_S})
    return settings.model_copy(update=more)


def _outputs(settings: Settings, defaults: OutputSettings) -> OutputSettings:
    """With new files each day, and without those defaults that its outputs have no use for."""
    own = settings.outputs
    rotating = {path for writer, path in outputs_of(settings).values() if writer.rotates}
    if rotating - {Path("-")}:
        return own if own.rotate is not None else own.model_copy(update={"rotate": _ROTATE})
    of_no_use = ["rotate"] if own.snapshots is not None else ["rotate", "keep", "keep_size"]
    taken = [name for name in of_no_use if getattr(own, name) == getattr(defaults, name)]
    return own.model_copy(update=dict.fromkeys(taken))
