"""torchvision's classifiers by name: building, loading, and the preprocessing of their weights."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.errors import ModelSettingsError
from streamcls.inference.card import clean_labels, sha256_of
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.inference.weights import StateDict, cached_file, fetch, read_checkpoint
from streamcls.records import ModelCard

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

# Their published weights were ported from TensorFlow: the network itself changes the normalisation.
_TRANSFORMS_INPUT = ("googlenet", "inception_v3")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network with its weights, in eval mode, and its card."""

    module: "nn.Module"
    card: ModelCard


@dataclass(frozen=True, slots=True, eq=False)
class KnownModel:
    """A model name and where its weights are, or would be put."""

    name: str
    file: Path
    cached: bool


@cache
def names() -> tuple[str, ...]:
    """Every classifier that torchvision knows by name."""
    import_torchvision()
    from torchvision import models

    return tuple(models.list_models(module=models))


def known_models() -> list[KnownModel]:
    """All names with the state of the local cache."""
    files = [(name, published_file(name)) for name in names()]
    return [KnownModel(name, file, file.exists()) for name, file in files]


def published_file(name: str) -> Path:
    """Where the published weights of a known model are, or would be put."""
    return cached_file(_published(name))


def load(
    name: str, weights: Path | None, labels: tuple[str, ...] | None, *, progress: bool
) -> Network:
    """A classifier by name with weights from a file, the cache or torchvision's download.

    Args:
        name: one of `names()`.
        weights: a state_dict or checkpoint, or None for the published weights.
        labels: class names that overrule those of the weights.
        progress: whether a download shows its progress.

    Raises:
        ModelSettingsError: unknown name; weights of another architecture; labels that don't fit.
        WeightsUnavailableError: nothing here and nothing to be had from the network.
    """
    if name not in names():
        raise ModelSettingsError(unknown_model(name))
    published = _published(name)
    file = fetch(published, name, progress=progress) if weights is None else weights
    checkpoint = read_checkpoint(file)
    digest = sha256_of(file)
    module, classes = build(name, checkpoint.tensors, file)
    used = _same_file(name, digest) or published
    labels = labels or clean_labels(checkpoint.classes or _categories(used, classes))
    check_labels(labels, classes, file)
    return Network(module, _card(name, used, labels, digest))


def unknown_model(name: str) -> str:
    """The message for a name that is neither a classifier nor a folder."""
    if Path(name).is_file():
        return (
            f"{name}: a file; name its architecture with --model and give the file with --weights"
        )
    near = difflib.get_close_matches(name, names(), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`streamcls models` lists the names"
    return f"{name}: neither a model of torchvision nor a model folder; {hint}"


def build(name: str, tensors: StateDict, file: Path) -> "tuple[nn.Module, int]":
    """A network with the given tensors, in eval mode, and its number of classes.

    Raises:
        ModelSettingsError: the tensors are not those of this architecture.
    """
    import torch
    from torchvision import models

    options = {"transform_input": True, "init_weights": False} if name in _TRANSFORMS_INPUT else {}
    with torch.device(
        "meta"
    ):  # no memory and no random initialisation for weights that get replaced
        expected = models.get_model(name, weights=None, **options).state_dict()
        classes = _class_count(name, expected, tensors, file)
        module = models.get_model(name, weights=None, num_classes=classes, **options)
    as_float = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}
    module.load_state_dict(as_float, strict=True, assign=True)
    return module.eval().requires_grad_(False), classes


def _class_count(name: str, expected: StateDict, given: StateDict, file: Path) -> int:
    """The classes of the given weights: only the last layers may differ, in their first axis."""
    missing = [key for key in expected if key not in given]
    extra = [key for key in given if key not in expected]
    if missing or extra:
        odd = f"no {missing[0]}" if missing else f"a {extra[0]} that does not belong there"
        raise ModelSettingsError(
            f"{file}: not the weights of {name}: {len(missing)} of {len(expected)} tensors are "
            f"missing and {len(extra)} are unknown ({odd}); name their architecture with --model"
        )
    differing = [key for key in expected if expected[key].shape != given[key].shape]
    counts = {given[key].shape[0] for key in differing if given[key].ndim}
    heads_only = all(
        given[key].shape[1:] == expected[key].shape[1:] and expected[key].shape[0] == 1000
        for key in differing
        if given[key].ndim
    )
    if not differing:
        return 1000
    if len(counts) != 1 or not heads_only:
        key = differing[0]
        raise ModelSettingsError(
            f"{file}: not the weights of {name}: {key} is {tuple(given[key].shape)}, "
            f"expected {tuple(expected[key].shape)}; name their architecture with --model"
        )
    return int(counts.pop())


def check_labels(labels: tuple[str, ...], classes: int, file: Path) -> None:
    """Raises ModelSettingsError unless there is one label for each class."""
    if len(labels) != classes:
        raise ModelSettingsError(
            f"{file}: the weights have {classes} classes but there are {len(labels)} labels; "
            f"give --labels FILE with {classes} lines"
        )


def _categories(published: "WeightsEnum", classes: int) -> tuple[str, ...]:
    """ImageNet's names for 1,000 classes; for any other number nothing is known."""
    categories: tuple[str, ...] = tuple(published.meta["categories"])
    return categories if len(categories) == classes else ()


def _published(name: str) -> "WeightsEnum":
    import_torchvision()
    from torchvision import models

    found: WeightsEnum = models.get_model_weights(name).DEFAULT
    return found


def _same_file(name: str, digest: str) -> "WeightsEnum | None":
    """The published weights with this hash; its first digits are part of their file's name."""
    from torchvision import models

    return next(
        (
            w
            for w in models.get_model_weights(name)
            if digest.startswith(Path(w.url).stem.split("-")[-1])
        ),
        None,
    )


def _card(name: str, published: "WeightsEnum", labels: tuple[str, ...], digest: str) -> ModelCard:
    preset = published.transforms()
    return ModelCard(
        arch=name,
        labels=labels,
        input_size=preset.crop_size[0],
        resize=preset.resize_size[0],
        interpolation=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        sha256=digest,
    )
