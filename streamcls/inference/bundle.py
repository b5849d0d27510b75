"""Bundles: a folder with a network ready for an engine, its card, its labels and a report.

card.json     the model card, and under "bundle" the engine, the precision, what it was made
              from, and the hash of each file of the network
model.*       the network in the engine's format
labels.txt    class names, one a line
report.json   how it was measured against the original
"""

import glob
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from streamcls.errors import ModelSettingsError, OutputError
from streamcls.inference.card import CARD_NAME, read_card, read_fields, read_labels, sha256_of
from streamcls.inference.engines import FASTEST_FIRST, PRECISIONS
from streamcls.records import ModelCard

LABELS_NAME, REPORT_NAME = "labels.txt", "report.json"
_KEY = "bundle"
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


def is_bundle(folder: Path) -> bool:
    """Whether a model folder is a bundle."""
    return (folder / CARD_NAME).is_file() and _KEY in read_fields(folder)


def read_bundle(folder: Path) -> Bundle:
    """The bundle in a folder, once its files are those that were exported.

    Raises:
        ModelSettingsError: something is missing, or not as it was written.
    """
    try:
        about = read_fields(folder)[_KEY]
        engine, precision = str(about["engine"]), str(about["precision"])
        names = {str(name): str(digest) for name, digest in about["files"].items()}
        model, original = str(about["model"]), str(about["weights_sha256"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelSettingsError(f"{folder / CARD_NAME}: not the card of a bundle") from error
    if engine not in FASTEST_FIRST or precision not in PRECISIONS or not names:
        raise ModelSettingsError(f"{folder / CARD_NAME}: {engine} {precision} is not known here")
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


def check_labels_file(bundle: Bundle) -> None:
    """Raises ModelSettingsError unless the labels file says what the card says."""
    path = bundle.folder / LABELS_NAME
    if read_labels(path) != bundle.card.labels:
        raise ModelSettingsError(f"{path}: not the labels of the card")


def write_bundle(
    folder: Path,
    make: Callable[[Path], tuple[Path, Mapping[str, object]]],
    *,
    card: ModelCard,
    engine: str,
    precision: Callable[[], str],
    model: str,
    overwrite: bool = False,
) -> None:
    """Makes a bundle beside its place and moves it there when it is whole.

    Args:
        folder: its place.
        make: writes the network into a folder, and gives its main file and the report; what it
            raises leaves nothing behind.
        card: of the original.
        engine: which engine reads it.
        precision: of what was made.
        model: name of the original.
        overwrite: whether a bundle that is there is replaced.

    Raises:
        OutputError: it can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_killed(folder)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}") from error
    try:
        file, report = make(temporary)
        files = [file, *sorted(path for path in temporary.iterdir() if path != file)]
        about = {
            "engine": engine,
            "precision": precision(),
            "model": model,
            "weights_sha256": card.sha256,
            "files": {path.name: sha256_of(path) for path in files},
        }
        fields = {name: value for name, value in asdict(card).items() if name != "sha256"}
        _write_json(temporary / CARD_NAME, fields | {_KEY: about})
        _write_json(temporary / REPORT_NAME, report)
        (temporary / LABELS_NAME).write_text("\n".join(card.labels) + "\n", encoding="utf-8")
        temporary.chmod(0o777 & ~_umask())
        if overwrite and folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _clear_killed(folder: Path) -> None:
    """Takes away what a killed process left beside the place."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}-*"):
        if time.time() - left.stat().st_mtime > _KILLED_S:
            shutil.rmtree(left, ignore_errors=True)


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
