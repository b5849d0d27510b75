"""What is worked out once a machine and kept: converted models, where weights are, what is fastest.

    $XDG_CACHE_HOME/streamcls/models/<key>/     a converted model, as a bundle
    $XDG_CACHE_HOME/streamcls/known.json        small facts by name

All of it may be deleted at any time.
"""

import hashlib
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from streamcls.inference import engines
from streamcls.inference.card import CARD_NAME, sha256_of

_FORMAT = 2  # of what is kept; another one is not looked at


def cache_folder() -> Path:
    """Where it is kept; maybe not there yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "streamcls"


def converted_folder(
    engine: str, weights: Path, *, model: str, side: int | None, labels: Path | None
) -> Path:
    """The place of a model converted for an engine: another one for each weights and option.

    Args:
        engine: with its version.
        weights: the file; its content counts, not its name.
        model: name of the architecture, or the model folder.
        side: px, if another input size than the model's own is wanted.
        labels: a labels file, or None.
    """
    card = Path(model) / CARD_NAME
    facts = {
        "format": _FORMAT,
        "engine": [engine, version(engines.engine(engine).distribution)],
        "weights": sha256_of(weights),
        "model": sha256_of(card) if card.is_file() else model,
        "side": side,
        "labels": sha256_of(labels) if labels is not None else None,
    }
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return cache_folder() / "models" / key


def recall(fact: str) -> str | None:
    """A fact that `remember` kept, or None."""
    return _facts().get(fact)


def remember(fact: str, value: str) -> None:
    """Keeps a fact; where nothing can be written it is forgotten."""
    if recall(fact) == value:
        return
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            written = Path(folder) / path.name
            written.write_text(json.dumps(_facts() | {fact: value}, indent=1), encoding="utf-8")
            written.replace(path)
    except OSError:
        return


def weights_fact(model: str) -> str:
    """Under which name it is kept where the published weights of a known model are."""
    return f"weights of {model} of torchvision {version('torchvision')}"


def torch_form_fact(weights_sha256: str, batch: int, threads: int) -> str:
    """Under which name it is kept how torch runs a network fastest on this machine."""
    return f"torch {version('torch')} {weights_sha256[:16]} {batch} x {threads} threads"


def _file() -> Path:
    return cache_folder() / "known.json"


def _facts() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
