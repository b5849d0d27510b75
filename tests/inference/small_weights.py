"""Random weights of a small architecture, its labels, and files of weights."""

from pathlib import Path

import torch

from streamcls.inference.torchvision_import import import_torchvision

LABELS = ("a", "b", "c", "d", "e")


def small(classes: int = 5) -> dict[str, torch.Tensor]:
    """Random weights of a small architecture."""
    import_torchvision()
    from torchvision import models

    torch.manual_seed(1)
    return dict(models.squeezenet1_1(num_classes=classes).state_dict())


def save(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    return path
