"""Types of settings, stricter than pydantic's own and with messages for people."""

import math
import os
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field


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


Integer = Annotated[int, BeforeValidator(_no_bool), Metavar("N")]
Number = Annotated[float, BeforeValidator(_no_bool)]
Positive = Annotated[Integer, Field(ge=1)]
File = Annotated[Path, BeforeValidator(_path), AfterValidator(Path.expanduser), Metavar("PATH")]
Name = Annotated[str, Field(min_length=1), Metavar("NAME")]
Seconds = Annotated[Number, Field(ge=0), Metavar("S")]
SecondsAboveZero = Annotated[Number, Field(gt=0), Metavar("S")]


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file of a live run is full: after so many seconds, or so many bytes."""

    seconds: float | None = None
    bytes: int | None = None


_ROTATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]+)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9}


def _rotation(value: object) -> object:
    if isinstance(value, Rotation):
        return value
    found = _ROTATION.fullmatch(str(value).strip())
    number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    unit = unit if unit == "M" else unit.lower()  # people write 500M, which is no time
    if 0 < number < math.inf and unit in _SECONDS:
        return Rotation(seconds=number * _SECONDS[unit])
    size = number * _BYTES.get(unit, 0)
    if _BYTES["kb"] <= size < math.inf:
        return Rotation(bytes=int(size))
    raise ValueError(f"should be a time like 1h, 30m or 90s, or a size like 500MB, not {value!r}")


Rotate = Annotated[Rotation, BeforeValidator(_rotation), Metavar("WHEN")]

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


Address = Annotated[str, AfterValidator(_address)]
