"""Settings from options and files (YAML), with an error that says where a mistake is.

The command line, the Python API and settings files all go through `from_options`. Options of the
command line have the settings' names with `-` for `_`; `options()` says in which group each nests.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from streamcls.config import yaml_file
from streamcls.config.mistakes import did_you_mean as did_you_mean
from streamcls.config.mistakes import marks, place_of, variables, what_is_wrong
from streamcls.config.settings import (
    OPTION_NAMES,
    CaptureSettings,
    ConnectionSettings,
    Group,
    OutputSettings,
    Settings,
    SignalSettings,
)
from streamcls.config.types import FileOnly, Metavar, WrittenBy
from streamcls.config.yaml_file import Document, Mistake, Place
from streamcls.errors import SettingsError

Where: TypeAlias = tuple[str, ...]  # the keys from the top of the settings to a value

# Two that exclude each other: the one that is given nearer to the source overrules both.
EITHER: tuple[tuple[Where, Where], ...] = (
    (("sample", "every"), ("sample", "fps")),
    (("postprocess", "allow"), ("postprocess", "deny")),
)

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
            option = OPTION_NAMES.get(where, where[-1])
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
    found = [mark.text for mark in marks(field.annotation) if isinstance(mark, Metavar)]
    found += [mark.text for mark in field.metadata if isinstance(mark, Metavar)]
    return found[-1] if found else "NAME"  # the innermost comes first


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
    return from_document(given, None if file is None else yaml_file.load(file))


def from_document(given: Mapping[str, object], document: Document | None) -> Settings:
    """The same for a file that was read already."""
    file = document or Document(Path(), {}, {}, [])
    if "cameras" in file.values:
        raise SettingsError(
            f"{file.file}:{file.spots['cameras',].line}: cameras: this command takes one source; "
            "streamcls run takes many"
        )
    placed = placed_options(given)
    found = [*file.mistakes, *variables(file, Settings)]
    for place, value in placed.items():
        put(file.values, place, value)
    wrong: list[str] = []
    try:
        settings = Settings.model_validate(file.values)
    except ValidationError as error:
        wrong, more = described(error, Settings, file, placed)
        found += more
    wrong += file.report(found)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings


def described(
    error: ValidationError, root: type[BaseModel], file: Document, placed: Collection[Where]
) -> tuple[list[str], list[Mistake]]:
    """What pydantic found wrong: a line for each mistake in the placed options, and the file's."""
    of_options: list[str] = []
    of_file: list[Mistake] = []
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            continue  # each thing in it is wrong, and said
        place, what = place_of(detail), what_is_wrong(detail, root)
        if place[:1] in placed or place[:2] in placed:
            of_options.append(_mistake(place, what))
        elif place == ("source",) and place not in file.spots:
            of_options.append(
                f"SOURCE: {what}; give a video, a camera, or `source:` in a settings file"
            )
        else:
            of_file.append(file.mistake(place, what))
    return of_options, of_file


def placed_options(given: Mapping[str, object]) -> dict[Where, object]:
    """Options by their place; None for what they exclude, and nothing for None."""
    placed: dict[Where, object] = {
        ("source",) if name == "source" else options()[name].where: value
        for name, value in given.items()
        if value is not None
    }
    for pair in EITHER:
        if not placed.keys().isdisjoint(pair):
            placed = dict.fromkeys(pair) | placed
    return placed


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


def put(values: dict[str, Any], where: Where, value: object) -> None:
    """Sets a value in nested groups."""
    *groups, key = where
    for name in groups:
        if values.get(name) is None:  # not there, or all its keys are commented out
            values[name] = {}
        values = values[name]
        if not isinstance(values, dict):
            return  # the file has something else in the group's place; that is a mistake of its own
    values[key] = value


def _mistake(place: Place, what: str) -> str:
    """A mistake in an option."""
    if place == ("source",):
        return f"SOURCE: {what}"
    names = (o.name for o in options().values() if o.where == place[: len(o.where)])
    return f"--{next(names).replace('_', '-')}: {what}"
