from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from streamcls.capture.picture_file import read_picture
from streamcls.inference import torchvision_models
from streamcls.inference.conversion import convert
from streamcls.inference.engines import engine
from streamcls.inference.preprocess import Preprocess
from streamcls.inference.torchvision_models import Network
from streamcls.records import ENGINES


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


@pytest.fixture(scope="package")
def converted(imagenet: Network, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """ResNet-18 with real weights in float32, as a file for each engine."""
    engines = [name for name in ENGINES if engine(name).format is not None]
    return {name: convert(imagenet, name, tmp_path_factory.mktemp(name)) for name in engines}


@pytest.fixture(scope="package")
def photographs(data: Path, imagenet: Network) -> NDArray[np.uint8]:
    """24 photographs of different classes as ResNet-18 sees them, (24, 224, 224, 3)."""
    preprocess = Preprocess(imagenet.card)
    files = sorted((data / "media" / "images" / "imagenet_200").iterdir())[::8][:24]
    return np.stack([preprocess(read_picture(file)) for file in files])
