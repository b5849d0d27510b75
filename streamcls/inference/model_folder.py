"""Model folders: a card and weights side by side; the demo model ships as one."""

from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

from streamcls.errors import ModelSettingsError
from streamcls.inference import torchvision_models
from streamcls.inference.card import CARD_NAME, read_card, sha256_of
from streamcls.inference.packed_weights import unpack
from streamcls.inference.torchvision_models import Network
from streamcls.inference.weights import StateDict, read_checkpoint
from streamcls.records import ModelCard

_WEIGHTS_NAMES = ("weights.npz", "weights.pth")


def is_model_folder(path: Path) -> bool:
    """Whether there is a folder with a card."""
    return (path / CARD_NAME).is_file()


def describe(folder: Path) -> tuple[ModelCard, Path]:
    """The card and the weights file of a model folder.

    Raises:
        ModelSettingsError: one of them is missing or wrong.
    """
    for name in _WEIGHTS_NAMES:
        if (folder / name).is_file():
            return read_card(folder, sha256_of(folder / name)), folder / name
    raise ModelSettingsError(f"{folder}: no weights in it ({' or '.join(_WEIGHTS_NAMES)})")


def load(folder: Path, weights: Path | None, labels: tuple[str, ...] | None) -> Network:
    """A network from a model folder.

    Args:
        folder: see `is_model_folder`.
        weights: a file to use instead of the folder's own, or None.
        labels: class names that overrule those of the card, or None.

    Raises:
        ModelSettingsError: card, weights, architecture and labels don't fit each other.
    """
    card, file = describe(folder)
    if card.arch not in torchvision_models.names():
        raise ModelSettingsError(
            f"{folder / CARD_NAME}: {torchvision_models.unknown_model(card.arch)}"
        )
    tensors = _tensors(weights or file)
    if weights is not None:
        card, file = replace(card, sha256=sha256_of(weights)), weights
    if labels is not None:
        card = replace(card, labels=labels)
    module, classes = torchvision_models.build(card.arch, tensors, file)
    torchvision_models.check_labels(card.labels, classes, file)
    return Network(module, card)


def _tensors(file: Path) -> StateDict:
    import torch

    if file.suffix != ".npz":
        return read_checkpoint(file).tensors
    try:
        with file.open("rb") as opened:
            return {name: torch.from_numpy(value) for name, value in unpack(opened).items()}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ModelSettingsError(f"{file}: not packed weights: {error}") from error
