"""Types of settings, stricter than pydantic's own and with messages for people."""

from os import PathLike
from pathlib import Path
from typing import Annotated

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


Integer = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool)]
Positive = Annotated[Integer, Field(ge=1)]
File = Annotated[Path, BeforeValidator(_path), AfterValidator(Path.expanduser)]
Name = Annotated[str, Field(min_length=1)]
