"""Types of settings, stricter than pydantic's own and with messages for people."""

import math
import os
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from streamcls.records import Box


def _no_bool(value: object) -> object:
    """YAML's `yes` is no number; pydantic would take it for 1."""
    if isinstance(value, bool):
        raise ValueError(f"should be a number, not {'yes' if value else 'no'}")
    return value


def _path(value: object) -> object:
    if value == "":
        raise ValueError("should be the name of a file, not empty")
    if not isinstance(value, (str, PathLike)):
        raise ValueError(f"should be the name of a file, not {value!r}")
    if "\0" in str(value):
        raise ValueError("should be the name of a file, without a NUL in it")
    return value


@dataclass(frozen=True, slots=True)
class Metavar:
    """What stands for a value in the command line's help."""

    text: str


@dataclass(frozen=True, slots=True)
class WrittenBy:
    """Marks a setting as an output, and names the module of `sinks/` whose `OUTPUT` opens it.

    `rotates` says that live runs may part it into several files.
    """

    module: str
    rotates: bool = False


_MEASURE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]+)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _measured(value: object, units: dict[str, float] | dict[str, int]) -> float | None:
    """A number with one of these units behind it, or None."""
    found = _MEASURE.fullmatch(str(value).strip())
    number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    unit = unit if unit == "M" else unit.lower()  # people write 500M, which is no time
    measured = number * units.get(unit, math.nan)
    return measured if math.isfinite(measured) else None


def _seconds(value: object) -> object:
    """A number is seconds already; text may have a unit."""
    if isinstance(value, str) and (seconds := _measured(value, _SECONDS)) is not None:
        return seconds
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"should be a time like 500ms, 10s, 5m or 1h, not {value!r}") from None


def _size(value: object) -> object:
    size = _measured(value, _BYTES)
    if size is None:
        raise ValueError(f"should be a size like 500MB or 2GB, not {value!r}")
    return int(size)


_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d)\s*$"},
    ]
}
_SIZE_SCHEMA = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT][bB])\s*$"}

Integer = Annotated[int, BeforeValidator(_no_bool), Metavar("N")]
Number = Annotated[float, BeforeValidator(_no_bool)]
Positive = Annotated[Integer, Field(ge=1)]
File = Annotated[Path, BeforeValidator(_path), AfterValidator(Path.expanduser), Metavar("PATH")]
Name = Annotated[str, Field(min_length=1), Metavar("NAME")]
_Duration = Annotated[
    float, BeforeValidator(_seconds), BeforeValidator(_no_bool), WithJsonSchema(_DURATION_SCHEMA)
]
Seconds = Annotated[_Duration, Field(ge=0), Metavar("S")]
SecondsAboveZero = Annotated[_Duration, Field(gt=0), Metavar("S")]
Bytes = Annotated[
    int, Field(ge=1000), BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA), Metavar("SIZE")
]


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file of a live run is full: after so many seconds, or so many bytes."""

    seconds: float | None = None
    bytes: int | None = None


def _rotation(value: object) -> object:
    if isinstance(value, Rotation):
        return value
    if seconds := _measured(value, _SECONDS):
        return Rotation(seconds=seconds)
    size = _measured(value, _BYTES)
    if size is not None and size >= _BYTES["kb"]:
        return Rotation(bytes=int(size))
    raise ValueError(f"should be a time like 1h, 30m or 90s, or a size like 500MB, not {value!r}")


Rotate = Annotated[
    Rotation,
    BeforeValidator(_rotation),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA["anyOf"][1], _SIZE_SCHEMA]}),
    Metavar("WHEN"),
]


def _labels(value: object) -> object:
    """On the command line names stand behind each other, with commas."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return value


Labels = Annotated[
    tuple[Name, ...], Field(min_length=1), BeforeValidator(_labels), Metavar("LABEL,…")
]


def _box(value: object) -> object:
    numbers = value if isinstance(value, list) and len(value) == 4 else []
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers):
        numbers = []
    if not numbers:
        raise ValueError(
            "should be [x, y, width, height], in px or in shares like 0.25, not " + repr(value)
        )
    box = Box(*map(float, numbers))
    if not (min(box.x, box.y) >= 0 and min(box.width, box.height) > 0):
        raise ValueError(f"should have a corner in the picture and a size above 0, not {value}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"should be numbers, not {value}")
    if box.in_shares and (box.x + box.width > 1.000001 or box.y + box.height > 1.000001):
        raise ValueError(f"reaches beyond the picture: {value}")
    return box


Region = Annotated[
    Box,
    BeforeValidator(_box),
    WithJsonSchema(
        {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 4, "maxItems": 4}
    ),
]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _address(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("should not be empty")
    for name in _VARIABLE.findall(value):
        if name not in os.environ:
            raise ValueError(f"the environment variable {name} is not set")
    return value


def with_variables(source: str) -> str:
    """The source with each `${NAME}` replaced by that environment variable, quoted in addresses.

    Settings keep the name only, so that what shows them shows no secret.
    """
    quoted = "://" in source

    def value(found: re.Match[str]) -> str:
        text = os.environ[found[1]]
        return quote(text, safe="") if quoted else text

    return _VARIABLE.sub(value, source)


def has_variable(text: str) -> bool:
    """Whether a text asks for an environment variable."""
    return _VARIABLE.search(text) is not None


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a setting that may take its value, or a part of it, from the environment."""


@dataclass(frozen=True, slots=True)
class FileOnly:
    """Marks a setting that the command line has no option for."""


Address = Annotated[str, AfterValidator(_address), Secret()]
Password = Annotated[str, AfterValidator(_address), Secret()]
