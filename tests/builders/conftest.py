"""A short clip, and a small network with its weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from streamcls.inference.torchvision_models import Network
from tests.inference.networks import random_network

SIDE = 64  # px, so that loading takes no time


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    return make_clip("a.mp4", source="testsrc2=size=64x48:rate=25:duration=3")


@pytest.fixture(scope="package")
def network() -> Network:
    return random_network("squeezenet1_1", side=SIDE)


@pytest.fixture(scope="package")
def weights_file(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of that network."""
    file = tmp_path_factory.mktemp("weights") / "w.pth"
    torch.save(network.module.state_dict(), file)
    return file
