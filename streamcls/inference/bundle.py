"""Bundles: a folder with a network ready for an engine, its card, its labels and a report.

card.json     the model card, and under "bundle" the engine, the precision, what it was made
              from, the hash of each file of the network, and that of the card itself
model.*       the network in the engine's format
labels.txt    class names, one a line
report.json   how it was measured against the original
"""

import glob
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from streamcls import clock
from streamcls.errors import ModelSettingsError, OutputError, OutputPathError
from streamcls.inference.card import (
    CARD_NAME,
    clean_labels,
    read_card,
    read_fields,
    read_labels,
    sha256_of,
)
from streamcls.records import ENGINES, PRECISIONS, ModelCard

LABELS_NAME, REPORT_NAME = "labels.txt", "report.json"
_KEY = "bundle"
_ASIDE = ".streamcls-"  # in the name of the folder, beside its place, in which one is made
_KILLED_S = 86_400  # no export takes that long


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A network that was exported.

    Attributes:
        folder: where it is.
        card: of the model; its `sha256` is that of the original's weights.
        engine: which engine reads it.
        precision: "fp32", "bf16" or "int8".
        model: name of the model it was made from.
        file: of the network.
    """

    folder: Path
    card: ModelCard
    engine: str
    precision: str
    model: str
    file: Path


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What goes into a bundle: the network's main file, its precision, and how it was measured."""

    file: Path
    precision: str
    report: Mapping[str, object]


def is_bundle(folder: Path) -> bool:
    """Whether a model folder is a bundle."""
    return (folder / CARD_NAME).is_file() and _KEY in read_fields(folder)


def read_bundle(folder: Path) -> Bundle:
    """The bundle in a folder, once its files are those that were exported.

    Raises:
        ModelSettingsError: something is missing, or not as it was written.
    """
    fields = read_fields(folder)
    try:
        about = fields[_KEY]
        engine, precision = str(about["engine"]), str(about["precision"])
        names = {str(name): str(digest) for name, digest in about["files"].items()}
        model, original = str(about["model"]), str(about["weights_sha256"])
        card_digest = str(about["card_sha256"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelSettingsError(f"{folder / CARD_NAME}: not the card of a bundle") from error
    if engine not in ENGINES or precision not in PRECISIONS or not names:
        raise ModelSettingsError(f"{folder / CARD_NAME}: {engine} {precision} is not known here")
    if _card_digest(fields) != card_digest:
        raise ModelSettingsError(
            f"{folder / CARD_NAME}: not the card that was exported; export the model again"
        )
    for name, digest in names.items():
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelSettingsError(f"{folder / name}: missing; export the model again")
        if sha256_of(folder / name) != digest:
            raise ModelSettingsError(
                f"{folder / name}: not the file that was exported; export the model again"
            )
    return Bundle(
        folder, read_card(folder, original), engine, precision, model, folder / next(iter(names))
    )


def read_report(folder: Path) -> dict[str, object]:
    """How a bundle was measured; empty where that is not there."""
    try:
        report = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def check_replaceable(folder: Path) -> None:
    """Raises unless what is in a folder is a bundle and nothing else.

    Raises:
        OutputPathError: there is something that an export would not write again.
    """
    if not folder.is_dir() or (any(folder.iterdir()) and not is_bundle(folder)):
        raise OutputPathError(f"{folder}: no bundle, so it is not replaced; give another folder")
    about = read_fields(folder)[_KEY] if is_bundle(folder) else {}
    files = about.get("files", {}) if isinstance(about, dict) else {}
    own = {CARD_NAME, LABELS_NAME, REPORT_NAME, *files}
    for path in folder.iterdir():
        if path.name not in own:
            raise OutputPathError(
                f"{path}: does not belong to the bundle that would be replaced; move it away"
            )


def check_labels_file(bundle: Bundle) -> None:
    """Raises ModelSettingsError unless the labels file says what the card says."""
    path = bundle.folder / LABELS_NAME
    if read_labels(path) != clean_labels(bundle.card.labels):
        raise ModelSettingsError(f"{path}: not the labels of the card")


def write_bundle(
    folder: Path,
    make: Callable[[Path], Made],
    *,
    card: ModelCard,
    engine: str,
    model: str,
    overwrite: bool = False,
) -> None:
    """Makes a bundle beside its place and moves it there when it is whole.

    Args:
        folder: its place.
        make: writes the network into a folder; what it raises leaves nothing behind.
        card: of the original.
        engine: which engine reads it.
        model: name of the original.
        overwrite: whether a bundle that is there is replaced.

    Raises:
        OutputPathError: what is there is not only a bundle.
        OutputError: it can't be written.
    """
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_killed(folder)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}{_ASIDE}", dir=folder.parent))
        temporary = aside / "new"
        temporary.mkdir()
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}") from error
    try:
        _complete(temporary, make(temporary), card, engine, model)
        _put(temporary, folder, aside / "old" if overwrite else None)
    except (OutputError, OutputPathError):
        raise
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _complete(folder: Path, made: Made, card: ModelCard, engine: str, model: str) -> None:
    """Adds card, report and labels to the network's files."""
    files = [made.file, *sorted(path for path in folder.iterdir() if path != made.file)]
    fields = {name: value for name, value in asdict(card).items() if name != "sha256"}
    about = {
        "engine": engine,
        "precision": made.precision,
        "model": model,
        "weights_sha256": card.sha256,
        "files": {path.name: sha256_of(path) for path in files},
        "card_sha256": _card_digest(fields),
    }
    _write_json(folder / CARD_NAME, fields | {_KEY: about})
    _write_json(folder / REPORT_NAME, made.report)
    labels = "\n".join(clean_labels(card.labels)) + "\n"
    (folder / LABELS_NAME).write_text(labels, encoding="utf-8")


def _put(made: Path, folder: Path, old: Path | None) -> None:
    """Moves a folder to its place; what is there goes to `old`, and back where that fails."""
    if old is not None and folder.exists():
        check_replaceable(folder)  # it may have changed since
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError as error:
        if old is not None and old.exists():
            old.rename(folder)
        elif folder.exists():
            raise OutputError(
                f"{folder}: another process has just written it; --overwrite replaces it"
            ) from error
        raise


def _clear_killed(folder: Path) -> None:
    """Takes away what a killed process left beside the place."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}{_ASIDE}*"):
        if clock.epoch_s() - left.lstat().st_mtime > _KILLED_S:
            shutil.rmtree(left, ignore_errors=True)


def _card_digest(fields: Mapping[str, object]) -> str:
    """Of all that stands in a card but what is said of the bundle."""
    card = {name: value for name, value in fields.items() if name != _KEY}
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
