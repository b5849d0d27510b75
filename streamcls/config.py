"""Every setting: its name, type, default, limits and description stand here and nowhere else.

The command line, the Python API and settings files (YAML) all go through `Settings`. Options of the
command line have the same names with `-` for `_`; `options()` says in which group each one nests.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streamcls.errors import SettingsError

# What the group `model` calls `name` is the option --model, and so on.
_OPTION_NAMES: dict[tuple[str, ...], str] = {("model", "name"): "model"}

_METAVARS = {
    "camera": "NAME",
    "every": "N",
    "fps": "R",
    "start": "S",
    "duration": "S",
    "model": "NAME_OR_PATH",
    "top_k": "N",
    "threshold": "P",
    "smoothing": "S",
    "dwell": "S",
    "threads": "N",
}

Where: TypeAlias = tuple[str, ...]  # the keys from the top of the settings to a value


class _Group(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )


Positive = Annotated[int, Field(ge=1)]
File = Annotated[Path, AfterValidator(Path.expanduser)]


class SampleSettings(_Group):
    """Which part of the source is read, and which of its frames are classified."""

    every: Positive | None = None
    """Classify every N-th frame."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Classify at most R frames a second of media time."""
    start: Annotated[float, Field(ge=0)] | None = None
    """Begin at this media time, in seconds (the `pts_s` of the CSV)."""
    duration: Annotated[float, Field(gt=0)] | None = None
    """Stop so many seconds of media time later."""

    @field_validator("fps")
    @classmethod
    def _not_with_every(cls, fps: float | None, given: ValidationInfo) -> float | None:
        if fps is not None and given.data.get("every") is not None:
            raise ValueError("can't be given together with `every`")
        return fps


class ModelSettings(_Group):
    """What classifies."""

    name: str = "resnet18"
    """A classifier of torchvision by name, `demo`, or a model folder."""
    weights: File | None = None
    """Weights file: a state_dict, or a checkpoint with its own classes."""
    labels: File | None = None
    """Class names, one a line, in the order of the model's outputs."""


class PostprocessSettings(_Group):
    """What becomes of the probabilities."""

    top_k: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many labels are shown and written for each frame."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Smoothed probability that the steady label needs; below it is `unknown`."""
    smoothing: Annotated[float, Field(ge=0)] = 0.3
    """Time constant of the smoothing in seconds; 0 is none."""
    dwell: Annotated[float, Field(ge=0)] = 0.2
    """How long, in seconds, another label must lead before the steady label changes."""


class OutputSettings(_Group):
    """What is written. With no output at all the segments are printed as a table."""

    csv: File | None = None
    """A row for each classified frame; `-` is standard output."""
    events: File | None = None
    """Segments of the steady label; the ending says the format: .csv, .json or .vtt."""
    video: File | None = None
    """Annotated video, MP4."""
    stats: File | None = None
    """Ledger of frames, speed and memory, as JSON."""
    font: File | None = None
    """Font for the annotated video, where the one found on the system lacks a character."""
    overwrite: bool = False
    """Replace outputs that exist."""


class RuntimeSettings(_Group):
    """How it runs."""

    threads: Positive | None = None
    """How many CPU threads to use; without it, as many as this process may run on."""


class Settings(_Group):
    """All settings of one run."""

    source: str
    """The video file to read."""
    camera: Annotated[str, Field(min_length=1)] | None = None
    """Name of the source in rows and events; without it, the file's name without its ending."""
    sample: SampleSettings = SampleSettings()
    """Which part of the source is read, and which of its frames are classified."""
    model: ModelSettings = ModelSettings()
    """What classifies."""
    postprocess: PostprocessSettings = PostprocessSettings()
    """What becomes of the probabilities."""
    outputs: OutputSettings = OutputSettings()
    """What is written."""
    runtime: RuntimeSettings = RuntimeSettings()
    """How it runs."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_groups(cls, values: object) -> object:
        """A group whose keys are all commented out reads as null; it is as good as not there."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One setting as an option: its `name` (with `_`), and `where` in the settings it nests."""

    name: str
    where: Where
    help: str
    default: object
    is_flag: bool
    metavar: str


@cache
def options() -> dict[str, Option]:
    """Every setting but `source` by its option's name, in the order in which they stand here."""
    found = {}
    for name, top in Settings.model_fields.items():
        group = top.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            leaves: list[tuple[Where, FieldInfo]] = [
                ((name, leaf), field) for leaf, field in group.model_fields.items()
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
                is_flag=field.annotation is bool,
                metavar=_METAVARS.get(option, "PATH"),
            )
    return found


def from_options(given: Mapping[str, object], file: Path | None = None) -> Settings:
    """Settings from options, on top of those of a file.

    Args:
        given: by option name, and `source`; None is "not given".
        file: a settings file, or None.

    Raises:
        SettingsError: with a line for each mistake, naming the option, or the file, its line and
            the key.
    """
    values, lines = _load(file) if file is not None else ({}, {})
    for name, value in given.items():
        if value is not None:
            where = ("source",) if name == "source" else options()[name].where
            _put(values, where, value)
            lines.pop(where, None)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        mistakes = sorted(error.errors(), key=lambda d: lines.get(tuple(map(str, d["loc"])), 0))
        raise SettingsError("\n".join(_mistake(d, file, lines) for d in mistakes)) from error


def _put(values: dict[str, Any], where: tuple[str, ...], value: object) -> None:
    *groups, key = where
    for name in groups:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            return  # the file has something else in the group's place; that is a mistake of its own
    values[key] = value


def _load(file: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """A YAML file's values, and the line on which each key stands."""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not a text file in UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise SettingsError(
            f"{file}{line}: not YAML: {getattr(error, 'problem', error)}"
        ) from error
    if not isinstance(values, dict):
        raise SettingsError(f"{file}:1: no settings; a file has keys like `source: clip.mp4`")
    lines: dict[Where, int] = {}
    _find_lines(root, (), lines, file)
    return values, lines


def _find_lines(node: yaml.Node | None, where: Where, lines: dict[Where, int], file: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = (*where, str(key.value))
        line = key.start_mark.line + 1
        if inner in lines:
            raise SettingsError(
                f"{file}:{line}: {'.'.join(inner)}: stands twice, first on line {lines[inner]}"
            )
        lines[inner] = line
        _find_lines(value, inner, lines, file)


def _mistake(detail: ErrorDetails, file: Path | None, lines: Mapping[Where, int]) -> str:
    """One of pydantic's errors as a line: where it is, and what is wrong."""
    where = tuple(str(part) for part in detail["loc"])
    text = _what(detail, where)
    if where in lines:
        return f"{file}:{lines[where]}: {'.'.join(where)}: {text}"
    if where == ("source",):
        return "SOURCE: missing; give a video file, or `source:` in a settings file"
    option = next((o.name for o in options().values() if o.where == where), ".".join(where))
    return f"--{option.replace('_', '-')}: {text}"


def _what(detail: ErrorDetails, where: Where) -> str:
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where[-1], _siblings(where), n=1)
        return f"unknown key, did you mean '{near[0]}'?" if near else "unknown key"
    if detail["type"] == "model_type":
        return "should be a group of keys, each on a line of its own below it"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message if detail["type"] == "value_error" else f"{message}, not {detail['input']!r}"


def _siblings(where: Where) -> list[str]:
    """The keys that are known where this one stands."""
    group: type[BaseModel] = Settings
    for key in where[:-1]:
        inner = group.model_fields[key].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            group = inner
    return list(group.model_fields)
