"""The JSON Schema of settings files, for editors that complete and check while one writes."""

from typing import Any

from pydantic.json_schema import models_json_schema

from streamcls.config.plant import PlantSettings
from streamcls.config.settings import Settings

# Pydantic's names, where a value is looked at before its limits are checked.
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


def settings_schema() -> dict[str, Any]:
    """A file with `cameras` is read as one for many cameras, every other as one for one source.

    Of draft 7, which all editors know.
    """
    kinds: list[tuple[type[Settings] | type[PlantSettings], Any]] = [
        (Settings, "validation"),
        (PlantSettings, "validation"),
    ]
    groups = {name: _group(group) for name, group in models_json_schema(kinds)[1]["$defs"].items()}
    groups["Settings"]["title"] = "One source"
    groups["PlantSettings"]["title"] = "Many cameras"
    both = {**groups["Settings"]["properties"], **groups["PlantSettings"]["properties"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "streamcls settings",
        "type": "object",
        # For the editor's list of keys, before it can know which kind of file this becomes.
        "properties": {
            key: {name: field[name] for name in ("description",) if name in field}
            for key, field in both.items()
        },
        "if": {"required": ["cameras"]},
        "then": {"$ref": "#/$defs/PlantSettings"},
        "else": {"$ref": "#/$defs/Settings"},
        "$defs": groups,
    }


def _group(group: dict[str, Any]) -> dict[str, Any]:
    """A group of keys as files have it."""
    fields = {name: _field(field) for name, field in group["properties"].items()}
    return {**group, "properties": fields}


def _field(field: dict[str, Any]) -> dict[str, Any]:
    """A key as files have it: sizes with their unit, and groups that may be empty."""
    kept = {key: value for key, value in _limits(field).items() if key != "title"}
    default = kept.pop("default", None)
    if default is not None and not isinstance(default, dict):
        is_size = kept.get("type") == "string" and isinstance(default, int)
        kept["default"] = _size(default) if is_size else default
    if "$ref" in kept:
        kept["anyOf"] = [{"$ref": kept.pop("$ref")}, {"type": "null"}]
    return kept


def _limits(value: Any) -> Any:
    """With the limits under JSON Schema's own names, however deep they are."""
    if isinstance(value, list):
        return [_limits(item) for item in value]
    if isinstance(value, dict):
        return {_LIMITS.get(key, key): _limits(inner) for key, inner in value.items()}
    return value


def _size(count: int) -> str:
    unit, name = next(
        (unit, name)
        for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
        if count >= unit
    )
    return f"{count / unit:g}{name}"
