from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from streamcls.inference import torchvision_models
from streamcls.inference.torchvision_models import Network


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """A backend sets the threads of the thread that calls it, here the tests' own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def imagenet(weights: Path) -> Network:
    """ResNet-18 with real weights."""
    return torchvision_models.load("resnet18", weights, None, progress=False)
