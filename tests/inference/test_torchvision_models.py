"""Names, weights and labels: what fits, what does not, and what is said then."""

import hashlib
from pathlib import Path

import pytest
import torch

from streamcls.errors import ModelSettingsError
from streamcls.inference.torchvision_models import load
from tests.inference.small_weights import LABELS, save, small


def test_real_weights_have_imagenets_labels_and_the_architectures_preprocessing(
    weights: Path,
) -> None:
    card = load("resnet18", weights, None, progress=False).card
    assert len(card.labels) == 1000
    assert card.labels[898] == "water bottle"
    assert (card.input_size, card.resize, card.interpolation) == (224, 256, "bilinear")
    assert card.mean == (0.485, 0.456, 0.406)
    assert card.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_second_architecture(data: Path) -> None:
    found = load(
        "squeezenet1_0", data / "weights" / "squeezenet1_0_imagenet.pth", None, progress=False
    )
    assert not found.module.training
    assert found.card.arch == "squeezenet1_0"


def test_given_labels_overrule_those_of_the_checkpoint(tmp_path: Path) -> None:
    file = save(tmp_path, {"model": small(), "classes": list(LABELS)})
    given = ("v", "w", "x", "y", "z")
    assert load("squeezenet1_1", file, given, progress=False).card.labels == given


def test_half_precision_weights_run_in_full(tmp_path: Path) -> None:
    file = save(tmp_path, {name: value.half() for name, value in small().items()})
    module = load("squeezenet1_1", file, LABELS, progress=False).module
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_weights_of_another_architecture(weights: Path) -> None:
    with pytest.raises(ModelSettingsError, match=r"not the weights of squeezenet1_1: .* --model"):
        load("squeezenet1_1", weights, None, progress=False)


def test_weights_of_a_sister_architecture(weights: Path) -> None:
    """ResNet-34 has all of ResNet-18's names and more."""
    with pytest.raises(ModelSettingsError, match="not the weights of resnet34"):
        load("resnet34", weights, None, progress=False)


def test_tensors_of_another_shape(tmp_path: Path) -> None:
    wrong = small()
    wrong["features.0.weight"] = torch.zeros(64, 1, 3, 3)
    with pytest.raises(ModelSettingsError, match=r"features\.0\.weight is \(64, 1, 3, 3\)"):
        load("squeezenet1_1", save(tmp_path, wrong), None, progress=False)


def test_classes_nobody_named(tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="5 classes but there are 0 labels; give --labels"):
        load("squeezenet1_1", save(tmp_path, small()), None, progress=False)


def test_labels_of_the_wrong_length(weights: Path) -> None:
    with pytest.raises(ModelSettingsError, match="1000 classes but there are 5 labels"):
        load("resnet18", weights, LABELS, progress=False)


def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="did you mean resnet18"):
        load("resnet81", None, None, progress=False)
    (tmp_path / "w.pth").touch()
    with pytest.raises(ModelSettingsError, match="give the file with --weights"):
        load(str(tmp_path / "w.pth"), None, None, progress=False)
