"""What is wrong with settings, in words for people; nobody's secrets are quoted."""

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streamcls.config.plant import Defaults, PlantCamera, PlantSettings
from streamcls.config.settings import OPTION_NAMES, ModelSettings, RuntimeSettings, Settings
from streamcls.config.types import Secret, has_variable
from streamcls.config.yaml_file import Document, Mistake, Place

Model = type[BaseModel]

_WORDS = {
    "model_type": "should be a group of keys, each on a line of its own below it",
    "string_too_short": "should not be empty",
    "missing": "missing",
    "tuple_type": "should be a list",
    "dict_type": "should be a group of keys, each on a line of its own below it",
    "too_short": "should not be empty",
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name; empty where no known one is near."""
    near = difflib.get_close_matches(name[:60], list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else ""


def place_of(detail: ErrorDetails) -> Place:
    """Where one of pydantic's errors is."""
    return tuple(part for part in detail["loc"] if part != "[key]")


def what_is_wrong(detail: ErrorDetails, root: Model) -> str:
    """One of pydantic's errors on settings that `root` describes."""
    place, kind, value = place_of(detail), detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown(place, root)
    if kind in _WORDS:
        return _WORDS[kind]
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if is_secret(place, root):
        return _brief(message) if kind == "value_error" else "should be text, in quotes"
    if kind == "value_error":  # it may quote what it was given
        return _brief(message.replace(repr(value), _quoted(value)))
    return _brief(f"{message}, not {_quoted(value)}")


def _brief(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}…"


def _quoted(value: object) -> str:
    """A value for a message; a group put into a wrong place may hold secrets."""
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list) and not all(isinstance(item, (int, float)) for item in value):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def variables(document: Document, root: Model) -> Iterator[Mistake]:
    """Variables where none belong, and secrets that YAML would change."""
    for place, value in _leaves(document.values, ()):
        known = group_at(place[:-1], root) is None or field_at(place, root) is not None
        if is_secret(place, root):
            if isinstance(value, float):  # 12.50 would become 12.5
                yield document.mistake(place, "should be text, in quotes")
        elif isinstance(value, str) and has_variable(value) and known:
            yield document.mistake(
                place, "variables are for secrets: source, password, secret and url; not for this"
            )


def _leaves(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*place, index))
    else:
        yield place, value


# -- keys that are unknown where they stand


def _unknown(place: Place, root: Model) -> str:
    key, group = str(place[-1]), group_at(place[:-1], root)
    elsewhere = _of_plant(place) if root is PlantSettings else _of_one_source(place)
    if elsewhere is not None:
        return elsewhere
    return f"unknown key{did_you_mean(key, group.model_fields if group is not None else ())}"


_MISPLACED_GROUP = "unknown key here; it is a group of its own, check the indentation"


def _of_one_source(place: Place) -> str | None:
    """Where a key of a file for one source belongs."""
    key = str(place[-1])
    if key in _homes(Settings):
        return f"unknown key here; it belongs in {_homes(Settings)[key]}"
    if key in Settings.model_fields:
        return _MISPLACED_GROUP
    if len(place) == 1 and key in {**PlantSettings.model_fields, **PlantCamera.model_fields}:
        return "only in a file with `cameras:`"
    return None


def _of_plant(place: Place) -> str | None:
    """Where a key of a file for many cameras belongs."""
    key = str(place[-1])
    shared = {**_homes(ModelSettings, "model."), **_homes(RuntimeSettings, "runtime.")}
    if len(place) == 1:
        if key in PlantCamera.model_fields:
            either = "under defaults: or " if key in Defaults.model_fields else ""
            return f"unknown key here; it belongs {either}into a camera"
        if key in _homes(Defaults):
            return (
                f"unknown key here; it belongs in {_homes(Defaults)[key]} of defaults or a camera"
            )
        return f"unknown key here; it belongs in {shared[key]}" if key in shared else None
    if place[0] not in ("cameras", "defaults"):
        return None
    if key in PlantSettings.model_fields:
        return f"one {key} for all cameras: belongs at the top"
    if key in _homes(PlantCamera):
        if place[0] == "defaults" and key in _PER_CAMERA:
            return "unknown key here; it belongs into each camera"
        return f"unknown key here; it belongs in {_homes(PlantCamera)[key]}"
    if key in PlantCamera.model_fields:
        return _MISPLACED_GROUP
    return f"one for all cameras: belongs at the top, in {shared[key]}" if key in shared else None


_PER_CAMERA = PlantCamera.model_fields.keys() - Defaults.model_fields


@cache
def _homes(root: Model, prefix: str = "") -> dict[str, str]:
    """Where keys stand, by the keys and by the names of their options."""
    homes: dict[str, str] = {}
    for name, field in root.model_fields.items():
        group = group_of(field)
        if group is None:
            homes.setdefault(name, f"{prefix}{name}")
            continue
        for leaf in group.model_fields:
            for key in (OPTION_NAMES.get((name, leaf), leaf), leaf):
                homes.setdefault(key, f"{prefix}{name}.{leaf}")
    return homes


# -- what is known of a place


def group_at(place: Place, root: Model) -> Model | None:
    """The group that a place is of, if it is one."""
    if not place:
        return root
    field = field_at(place[:1], root)
    inner = None if field is None else group_of(field)
    rest = place[2:] if len(place) > 1 and isinstance(place[1], int) else place[1:]
    return None if inner is None else group_at(rest, inner)


def field_at(place: Place, root: Model) -> FieldInfo | None:
    """The setting at a place."""
    group = group_at(place[:-1], root) if len(place) > 1 else root
    return None if group is None else group.model_fields.get(str(place[-1]))


def group_of(field: FieldInfo) -> Model | None:
    """The group that a setting is, or a list of which it is."""
    kinds = (field.annotation, *marks(field.annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def is_secret(place: Place, root: Model) -> bool:
    """Whether a setting may be a secret, which is then never shown."""
    field = field_at(place, root) if place else None
    if field is None:
        return False
    return any(isinstance(m, Secret) for m in (*field.metadata, *marks(field.annotation)))


def marks(annotation: object) -> Iterator[object]:
    """All that an annotation is made of: the types in a union, and what they are marked with."""
    for inner in get_args(annotation):
        yield inner
        yield from marks(inner)
