"""Networks to compare on, and what they answer on torch as it comes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from streamcls.inference.made_up_pictures import probe_pictures
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.inference.torchvision_models import Network
from streamcls.records import ModelCard

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LOGITS_STD = 3.0  # as of trained networks


def card(classes: int, *, arch: str = "any", side: int = 224) -> ModelCard:
    labels = tuple(map(str, range(classes)))
    return ModelCard(arch, labels, side, side * 8 // 7, "bilinear", MEAN, STD, "0" * 64)


def noise(count: int, *, side: int = 224) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def reference(network: Network, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The plain eager model on torchvision's own normalisation."""
    with torch.inference_mode():
        scores: torch.Tensor = network.module(_normalised(batch))
        return np.asarray(scores.softmax(1).numpy())


def random_network(name: str, *, side: int = 224) -> Network:
    """An architecture with random weights, spread so that its answers tell pictures apart."""
    import_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    module: nn.Module = models.get_model(name, weights=None, **options)
    module.requires_grad_(False)
    pictures = _normalised(np.stack(probe_pictures(8, side)))
    parts = list(module.modules())
    last = [part for part in parts if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    last.weight.normal_()
    for part in parts:
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0  # statistics become those of the pictures
    module.train()(pictures)
    with torch.inference_mode():
        spread = module.eval()(pictures).std().item()
    last.weight.mul_(_LOGITS_STD / spread)
    return Network(module, card(1000, arch=name, side=side))


def _normalised(batch: NDArray[np.uint8]) -> torch.Tensor:
    inputs = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255  # (N, 3, S, S)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (inputs - mean) / std
