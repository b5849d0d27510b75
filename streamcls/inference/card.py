"""Model cards as JSON, and class names from a text file."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import category

from streamcls.errors import ModelSettingsError
from streamcls.records import ModelCard

CARD_NAME = "card.json"
_BREAKS = ("Cc", "Zl", "Zp")  # Unicode's categories: control, line and paragraph separator


def read_fields(folder: Path) -> dict[str, Any]:
    """What stands in the card of a model folder, unchecked.

    Raises:
        ModelSettingsError: the card is missing or no JSON object.
    """
    path = folder / CARD_NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelSettingsError(
            f"{path}: {error.strerror}; a model folder needs a card"
        ) from error
    except ValueError as error:
        raise ModelSettingsError(f"{path}: not a model card: {error}") from error
    if not isinstance(fields, dict):
        raise ModelSettingsError(f"{path}: not a model card: no JSON object")
    return fields


def read_card(folder: Path, sha256: str) -> ModelCard:
    """The card of a model folder, whose weights have this hash.

    Raises:
        ModelSettingsError: the card is missing, no JSON, or a field is missing or wrong.
    """
    path, fields = folder / CARD_NAME, read_fields(folder)
    try:
        mean, std = ((float(a), float(b), float(c)) for a, b, c in (fields["mean"], fields["std"]))
        return ModelCard(
            arch=str(fields["arch"]),
            labels=clean_labels(str(label) for label in fields["labels"]),
            input_size=int(fields["input_size"]),
            resize=int(fields["resize"]),
            interpolation=str(fields["interpolation"]),
            mean=mean,
            std=std,
            sha256=sha256,
            note=str(fields.get("note", "")),
        )
    except KeyError as error:
        raise ModelSettingsError(f"{path}: the field {error} is missing") from error
    except (ValueError, TypeError) as error:
        raise ModelSettingsError(f"{path}: not a model card: {error}") from error


def with_input_size(card: ModelCard, side: int) -> ModelCard:
    """The card for pictures of another size; how much of the picture is seen stays the same."""
    return replace(card, input_size=side, resize=round(card.resize * side / card.input_size))


def clean_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Class names as one can print them: each in one line, no control characters, none empty."""
    shown = ("".join(" " if category(c) in _BREAKS else c for c in label) for label in labels)
    names = [" ".join(label.split()) for label in shown]
    return tuple(name or f"class {number}" for number, name in enumerate(names))


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names, one a line, UTF-8; blank lines at the end don't count.

    Raises:
        ModelSettingsError: the file can't be read, or a line within it is blank.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelSettingsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelSettingsError(f"{path}: not a text file in UTF-8") from error
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not labels:
        raise ModelSettingsError(f"{path}: empty; a labels file has one class name a line")
    if "" in labels:
        raise ModelSettingsError(f"{path}:{labels.index('') + 1}: blank; every line names a class")
    return labels


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file of a model.

    Raises:
        ModelSettingsError: the file can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelSettingsError(f"{path}: {error.strerror}") from error
