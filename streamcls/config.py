"""Every setting: its name, type, default, limits and description stand here and nowhere else.

The command line, the Python API and settings files (YAML) all go through `Settings`. Options of the
command line have the same names with `-` for `_`; `options()` says in which group each one nests.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
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

from streamcls import config_file
from streamcls.config_file import Where
from streamcls.config_types import (
    Address,
    File,
    Integer,
    MoreThanZero,
    Name,
    NotNegative,
    Number,
    Positive,
    Rotate,
)
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

_METAVARS = {
    "camera": "NAME",
    "every": "N",
    "fps": "R",
    "start": "S",
    "duration": "S",
    "model": "NAME_OR_PATH",
    "backend": "NAME",
    "top_k": "N",
    "threshold": "P",
    "smoothing": "S",
    "dwell": "S",
    "threads": "N",
    "rtsp_transport": "NAME",
    "connect_timeout": "S",
    "read_timeout": "S",
    "max_retries": "N",
    "retry_for": "S",
    "stale_after": "S",
    "frozen_after": "S",
    "max_delay": "S",
    "rotate": "WHEN",
    "queue_size": "N",
    "queue_policy": "NAME",
}


class _Group(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )


class SampleSettings(_Group):
    """Which part of the source is read, and which of its frames are classified."""

    every: Positive | None = None
    """Classify every N-th frame."""
    fps: Annotated[Number, Field(gt=0)] | None = None
    """Classify at most R frames a second of media time."""
    start: Annotated[Number, Field(ge=0)] | None = None
    """Begin at this media time, in seconds (the `pts_s` of the CSV)."""
    duration: Annotated[Number, Field(gt=0)] | None = None
    """Stop so many seconds later, of media time; of live sources so long after the start."""

    @field_validator("fps")
    @classmethod
    def _not_with_every(cls, fps: float | None, given: ValidationInfo) -> float | None:
        if fps is not None and given.data.get("every") is not None:
            raise ValueError("can't be given together with `every`")
        return fps


class ModelSettings(_Group):
    """What classifies."""

    name: Name = "resnet18"
    """A classifier of torchvision by name, `demo`, or a model folder."""
    weights: File | None = None
    """Weights file: a state_dict, or a checkpoint with its own classes."""
    labels: File | None = None
    """Class names, one a line, in the order of the model's outputs."""
    backend: Literal["torch"] = "torch"
    """The engine that runs the model."""


class PostprocessSettings(_Group):
    """What becomes of the probabilities."""

    top_k: Annotated[Integer, Field(ge=1, le=1000)] = 3
    """How many labels are shown and written for each frame."""
    threshold: Annotated[Number, Field(ge=0, le=1)] = 0.3
    """Smoothed probability that the steady label needs; below it is `unknown`."""
    smoothing: Annotated[Number, Field(ge=0)] = 0.3
    """Time constant of the smoothing in seconds; 0 is none."""
    dwell: Annotated[Number, Field(ge=0)] = 0.2
    """How long, in seconds, another label must lead before the steady label changes."""


class ConnectionSettings(_Group):
    """How a live source is reached, and when it is given up."""

    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP carries the pictures: tcp or udp."""
    connect_timeout: MoreThanZero = 10.0
    """For how many seconds a source may leave a new connection without an answer."""
    read_timeout: MoreThanZero = 5.0
    """After how many seconds of silence a connection is given up for a new one."""
    max_retries: Annotated[Integer, Field(ge=0)] | None = None
    """Give up after so many tries in a row; without it, never."""
    retry_for: NotNegative | None = None
    """Give up when so many seconds of trying were of no use; without it, never."""


class SignalSettings(_Group):
    """When the pictures of a live source are not to be trusted."""

    stale_after: MoreThanZero = 2.0
    """Without a frame for so many seconds the source is `stale`."""
    frozen_after: NotNegative = 10.0
    """A picture that stays the same to the bit for so many seconds is `frozen`; 0 allows it."""
    max_delay: MoreThanZero = 0.5
    """A frame that was held up on its way for more seconds than this gets no label."""


class OutputSettings(_Group):
    """What is written. With no output at all the segments are printed."""

    show: bool | None = None
    """Show a window; without a say, for a webcam where there is a display."""
    csv: File | None = None
    """A row for each classified frame; `-` is standard output."""
    events: File | None = None
    """Segments of the steady label; the ending says the format: .csv, .json or .vtt."""
    video: File | None = None
    """Annotated video, MP4."""
    rotate: Rotate | None = None
    """Begin new CSV and video files after this time or size: 1h, 500MB (live sources)."""
    stats: File | None = None
    """Ledger of frames, speed and memory, as JSON; rewritten every 10 s for live sources."""
    font: File | None = None
    """Font for the annotated video, where the one found on the system lacks a character."""
    overwrite: bool = False
    """Replace outputs that exist."""


class RuntimeSettings(_Group):
    """How it runs."""

    threads: Positive | None = None
    """How many CPU threads to use; without it, as many as this process may run on."""
    queue_size: Positive = 1
    """How many frames of a live source may wait for the classifier."""
    queue_policy: Literal["newest", "block"] = "newest"
    """What happens when too many wait: `newest` lets the oldest go, `block` holds the source up."""


class Settings(_Group):
    """All settings of one run."""

    source: Annotated[Address, Field(repr=False)]
    """A video file, a webcam (0, /dev/video0), or the address of a stream (rtsp://, http://, sim://)."""
    camera: Name | None = None
    """Name of the source in rows and events; without it, the file's or the host's name."""
    sample: SampleSettings = SampleSettings()
    """Which part of the source is read, and which of its frames are classified."""
    model: ModelSettings = ModelSettings()
    """What classifies."""
    postprocess: PostprocessSettings = PostprocessSettings()
    """What becomes of the probabilities."""
    connection: ConnectionSettings = ConnectionSettings()
    """How a live source is reached, and when it is given up."""
    signal: SignalSettings = SignalSettings()
    """When the pictures of a live source are not to be trusted."""
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
                is_flag=field.annotation is bool or option in _OFF,
                metavar=_METAVARS.get(option, "PATH"),
                off=_OFF.get(option),
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
    values, lines = config_file.load(file) if file is not None else ({}, {})
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
    *(("connection", name) for name in ConnectionSettings.model_fields),
    *(("signal", name) for name in SignalSettings.model_fields),
    ("outputs", "rotate"),
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
    if (
        outputs.rotate is not None
        and live
        and not (outputs.video or (outputs.csv and outputs.csv != Path("-")))
    ):
        wrong.append("--rotate (outputs.rotate): needs --csv or --video")
    for option in options().values():
        group, key = (*option.where, "")[:2]
        given = bool(key) and key in getattr(settings, group).model_fields_set
        given = given and getattr(getattr(settings, group), key) is not None
        if given and option.where in (_FILES_ONLY if live else _LIVE_ONLY):
            wrong.append(f"--{option.name.replace('_', '-')} ({group}.{key}): only for {kind}")
    if wrong:
        raise SettingsError("\n".join(wrong))


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
