"""Settings from options and files (YAML), with an error that says where a mistake is.

The command line, the Python API and settings files all go through `from_options`. Options of the
command line have the settings' names with `-` for `_`; `options()` says in which group each nests.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streamcls.config import yaml_file
from streamcls.config.settings import (
    CaptureSettings,
    ConnectionSettings,
    Group,
    OutputSettings,
    Settings,
    SignalSettings,
)
from streamcls.config.types import FileOnly, Metavar, WrittenBy
from streamcls.config.yaml_file import Where
from streamcls.errors import SettingsError

# These exclude each other: the one that is given as an option overrules both of the file.
_EITHER: tuple[Where, ...] = (("sample", "every"), ("sample", "fps"))

# What the group `model` calls `name` is the option --model, and so on.
_OPTION_NAMES: dict[Where, str] = {
    ("model", "name"): "model",
    ("connection", "transport"): "rtsp_transport",
}

# A switch that may also be left alone has a second option, which turns it off.
_OFF = {"show": "headless"}


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One setting as an option: its `name` (with `_`), and `where` in the settings it nests.

    `off` is the name of the option that turns a flag off, if there is one.
    """

    name: str
    where: Where
    help: str
    default: object
    is_flag: bool
    metavar: str
    off: str | None = None


@cache
def options() -> dict[str, Option]:
    """Every setting but `source` by its option's name, in the order in which they stand here."""
    found = {}
    for name, top in Settings.model_fields.items():
        if _file_only(top):
            continue
        group = top.annotation
        if isinstance(group, type) and issubclass(group, Group):
            leaves: list[tuple[Where, FieldInfo]] = [
                ((name, leaf), field)
                for leaf, field in group.model_fields.items()
                if not _file_only(field)
            ]
        elif name == "source":
            continue
        else:
            leaves = [((name,), top)]
        for where, field in leaves:
            option = _OPTION_NAMES.get(where, where[-1])
            found[option] = Option(
                name=option,
                where=where,
                help=field.description or "",
                default=field.default,
                is_flag=field.annotation is bool or option in _OFF,
                metavar=_metavar(field),
                off=_OFF.get(option),
            )
    return found


def _file_only(field: FieldInfo) -> bool:
    return any(isinstance(mark, FileOnly) for mark in field.metadata)


def _metavar(field: FieldInfo) -> str:
    found = [mark.text for mark in _marks(field.annotation) if isinstance(mark, Metavar)]
    found += [mark.text for mark in field.metadata if isinstance(mark, Metavar)]
    return found[-1] if found else "NAME"  # the innermost comes first


def _marks(annotation: object) -> Iterator[object]:
    """All that an annotation is made of: the types in a union, and what they are marked with."""
    for inner in get_args(annotation):
        yield inner
        yield from _marks(inner)


def _writers() -> dict[str, WrittenBy]:
    """Who writes an output, by the name of its setting."""
    fields = OutputSettings.model_fields.items()
    marks = ((name, mark) for name, field in fields for mark in field.metadata)
    return {name: mark for name, mark in marks if isinstance(mark, WrittenBy)}


def outputs_of(settings: Settings) -> dict[str, tuple[WrittenBy, Any]]:
    """The outputs that are asked for, by the names of their settings: who writes it, and where."""
    asked = {name: getattr(settings.outputs, name) for name in _writers()}
    return {name: (_writers()[name], place) for name, place in asked.items() if place is not None}


def from_options(given: Mapping[str, object], file: Path | None = None) -> Settings:
    """Settings from options, on top of those of a file.

    Args:
        given: by option name, and `source`; None is "not given".
        file: a settings file, or None.

    Raises:
        SettingsError: with a line for each mistake, naming the option, or the file, its line and
            the key.
    """
    values, lines = yaml_file.load(file) if file is not None else ({}, {})
    placed: dict[Where, object] = {
        ("source",) if name == "source" else options()[name].where: value
        for name, value in given.items()
        if value is not None
    }
    if not placed.keys().isdisjoint(_EITHER):
        placed = dict.fromkeys(_EITHER) | placed
    for where, value in placed.items():
        lines.pop(where, None)
        _put(values, where, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        mistakes = sorted(error.errors(), key=lambda d: lines.get(tuple(map(str, d["loc"])), 0))
        raise SettingsError("\n".join(_mistake(d, file, lines) for d in mistakes)) from error


# What only files, and only live sources, have.
_FILES_ONLY: tuple[Where, ...] = (("sample", "start"),)
_LIVE_ONLY: tuple[Where, ...] = (
    ("rotation",),
    ("regions",),
    *(("connection", name) for name in ConnectionSettings.model_fields),
    *(("signal", name) for name in SignalSettings.model_fields),
    ("outputs", "snapshots"),
    ("outputs", "rotate"),
    ("outputs", "keep"),
    ("outputs", "keep_size"),
    *(("capture", name) for name in CaptureSettings.model_fields),
    ("runtime", "queue_size"),
    ("runtime", "queue_policy"),
)


def check_fits(settings: Settings, *, live: bool) -> None:
    """Raises for settings that the kind of source has no use for: nothing is ignored in silence.

    Raises:
        SettingsError: with a line for each of them.
    """
    kind, outputs = ("recordings" if live else "live sources"), settings.outputs
    wrong = []
    if outputs.show and not live:
        wrong.append("--show (outputs.show): only for live sources")
    if live:
        wrong += _without_outputs(settings)
    for where in _FILES_ONLY if live else _LIVE_ONLY:
        if _given(settings, where):
            wrong.append(f"{_named(where)}: only for {kind}")
    if wrong:
        raise SettingsError("\n".join(wrong))


def _without_outputs(settings: Settings) -> list[str]:
    """What says how files follow each other, where no output makes several."""
    outputs, asked = settings.outputs, outputs_of(settings)
    several = [name for name, writer in _writers().items() if writer.rotates]
    makes = any(name in several and place != Path("-") for name, (_, place) in asked.items())
    wrong = []
    if outputs.rotate is not None and not makes:
        wrong.append(f"--rotate (outputs.rotate): needs {_or(several)}")
    if outputs.snapshots is None and not makes:
        for name in ("keep", "keep_size"):
            if getattr(outputs, name) is not None:
                wrong.append(f"{_named(('outputs', name))}: needs {_or([*several, 'snapshots'])}")
    return wrong


def _or(names: list[str]) -> str:
    *could, last = (f"--{name}" for name in names)
    return f"{', '.join(could)} or {last}"


def _given(settings: Settings, where: Where) -> bool:
    group: BaseModel = settings
    for name in where[:-1]:
        group = getattr(group, name)
    return where[-1] in group.model_fields_set and getattr(group, where[-1]) is not None


def _named(where: Where) -> str:
    """A setting as the command line and files call it."""
    key = ".".join(where)
    option = next((o.name for o in options().values() if o.where == where), None)
    return key if option is None else f"--{option.replace('_', '-')} ({key})"


def _put(values: dict[str, Any], where: Where, value: object) -> None:
    *groups, key = where
    for name in groups:
        if values.get(name) is None:  # not there, or all its keys are commented out
            values[name] = {}
        values = values[name]
        if not isinstance(values, dict):
            return  # the file has something else in the group's place; that is a mistake of its own
    values[key] = value


def _mistake(detail: ErrorDetails, file: Path | None, lines: Mapping[Where, int]) -> str:
    """One of pydantic's errors as a line: where it is, and what is wrong."""
    where = tuple(str(part) for part in detail["loc"])
    text = _what(detail, where)
    if where in lines:
        return f"{file}:{lines[where]}: {'.'.join(where)}: {text}"
    if where == ("source",) and detail["type"] == "missing":
        return "SOURCE: missing; give a video, a camera, or `source:` in a settings file"
    if where == ("source",):
        return f"SOURCE: {text}"
    option = next((o.name for o in options().values() if o.where == where), ".".join(where))
    return f"--{option.replace('_', '-')}: {text}"


def _what(detail: ErrorDetails, where: Where) -> str:
    if detail["type"] == "extra_forbidden":
        elsewhere = options().get(where[-1])
        if elsewhere is not None:
            return f"unknown key here; it belongs in {'.'.join(elsewhere.where)}"
        return f"unknown key{did_you_mean(where[-1], _siblings(where))}"
    if detail["type"] == "model_type":
        return "should be a group of keys, each on a line of its own below it"
    if detail["type"] == "string_too_short":
        return "should not be empty"
    if detail["type"] == "missing":
        return "missing"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message if detail["type"] == "value_error" else f"{message}, not {detail['input']!r}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name; empty where no known one is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else ""


def _siblings(where: Where) -> list[str]:
    """The keys that are known where this one stands."""
    group: type[BaseModel] = Settings
    for key in where[:-1]:
        inner = group.model_fields[key].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            group = inner
    return list(group.model_fields)
