"""Networks in the format of other engines: the same answers, for all that torchvision offers."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from streamcls.errors import ModelSettingsError
from streamcls.inference import torchvision_models
from streamcls.inference.conversion import convert
from streamcls.inference.engines import format_of
from streamcls.inference.made_up_pictures import probe_pictures
from streamcls.inference.onnx_backend import OnnxBackend
from streamcls.inference.openvino_backend import OpenVinoBackend
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.inference.torchvision_models import Network
from streamcls.protocols import Backend
from tests.inference.networks import card, random_network, reference

import_torchvision()
from torchvision import models  # noqa: E402 - needs the import above

every_engine = pytest.mark.parametrize("engine", ["onnx", "openvino"])


def at_work(file: Path, engine: str, *, batch: int, side: int) -> Backend:
    if engine == "onnx":
        return OnnxBackend(file, precision="fp32", batch=batch, side=side, threads=1)
    return OpenVinoBackend(file, precision="fp32", batch=batch, parallel=1, threads=1)


def assert_the_same(network: Network, engine: str, folder: Path) -> None:
    """For batches of another size than that of the example that it was traced with."""
    side = network.card.input_size
    pictures = np.stack(probe_pictures(3, side))
    expected = reference(network, pictures)
    assert np.abs(expected[0] - expected[1]).max() > 0.05  # the network tells pictures apart
    file = convert(network, engine, folder)
    assert file == folder / format_of(engine).file
    for batch in (1, 3):
        found = at_work(file, engine, batch=batch, side=side).infer(pictures[:batch])
        np.testing.assert_allclose(found, expected[:batch], atol=5e-5)


@pytest.mark.slow
@every_engine
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_architectures(name: str, engine: str, tmp_path: Path) -> None:
    assert_the_same(random_network(name, side=96), engine, tmp_path)


@pytest.mark.slow
@every_engine
def test_a_large_architecture(engine: str, tmp_path: Path) -> None:
    assert_the_same(random_network("efficientnet_b0"), engine, tmp_path)


@every_engine
def test_a_vision_transformer(engine: str, tmp_path: Path) -> None:
    """As ViT-B/16, which takes a quarter of a minute, but small."""
    torch.manual_seed(0)
    small = models.VisionTransformer(64, 16, 2, 2, 32, 64, num_classes=5).requires_grad_(False)
    small.heads.head.weight.normal_()  # which it begins without
    network = Network(small.eval(), card(5, arch="vit", side=64))
    assert_the_same(network, engine, tmp_path)


@every_engine
def test_real_weights(engine: str, data: Path, tmp_path: Path) -> None:
    file = data / "weights" / "squeezenet1_0_imagenet.pth"
    network = torchvision_models.load("squeezenet1_0", file, None, progress=False)
    assert_the_same(network, engine, tmp_path)


class Odd(nn.Module):
    """Has a part that no engine has an equivalent for."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(torch.special.bessel_j0(inputs).mean((2, 3)))
        return scores


class Attention(nn.Module):
    """As in torchvision's transformers, whose fused operation only torch has."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(4, 5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = inputs[:, :, 0].permute(0, 2, 1)  # (N, S, 3), the top row
        values = nn.functional.pad(values, (0, 1))  # (N, S, 4)
        found, _ = self.attention(values, values, values, need_weights=False)
        scores: torch.Tensor = 8 * self.head(found[:, 0])
        return scores


@every_engine
def test_fused_attention_is_taken_apart(engine: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Network(Attention().eval().requires_grad_(False), card(5, side=32))
    assert_the_same(network, engine, tmp_path)
    assert torch.backends.mha.get_fastpath_enabled()


@every_engine
def test_what_can_not_be_converted_is_one_line_and_nothing_is_printed(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = Network(Odd().eval().requires_grad_(False), card(5, arch="odd", side=32))
    root = logging.getLogger()
    before = root.level, list(root.handlers), list(root.filters)
    with pytest.raises(ModelSettingsError) as raised:
        convert(network, engine, tmp_path)
    assert (root.level, root.handlers, root.filters) == before  # of the program that uses this
    text = str(raised.value)
    assert text.startswith(f"odd can't be converted for {engine}: ")
    assert "aten::special_bessel_j0" in text
    assert text.endswith("; use --backend torch")
    assert len(text.splitlines()) == 1
    assert capfd.readouterr() == ("", "")


@every_engine
def test_the_network_itself_is_not_changed(engine: str, tmp_path: Path) -> None:
    network = random_network("squeezenet1_1", side=64)
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    expected = reference(network, np.stack(probe_pictures(2, 64)))
    convert(network, engine, tmp_path)
    after = network.module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    np.testing.assert_array_equal(reference(network, np.stack(probe_pictures(2, 64))), expected)


@pytest.mark.parametrize("content", [b"", b"no model"], ids=str)
@every_engine
def test_a_file_that_is_no_model(engine: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / format_of(engine).file
    file.write_bytes(content)
    with pytest.raises(ModelSettingsError, match=rf"{file.name}: .* can't run it: .") as raised:
        at_work(file, engine, batch=1, side=64)
    assert len(str(raised.value).splitlines()) == 1
