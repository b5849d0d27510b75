import numpy as np
import pytest
import torch
from torch import nn

from streamcls.inference import torch_backend
from streamcls.inference.batch_norms import fold_batch_norms
from streamcls.inference.torch_backend import TorchBackend
from streamcls.inference.torchvision_models import Network
from tests.inference.networks import noise, random_network, reference


def test_it_gives_the_eager_models_answers(imagenet: Network) -> None:
    batch = noise(4)
    backend = TorchBackend(imagenet, batch=4, threads=2)
    found = backend.infer(batch)
    np.testing.assert_allclose(found, reference(imagenet, batch), atol=2e-6)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(1)


def test_the_network_itself_is_not_changed(imagenet: Network) -> None:
    before = {name: value.clone() for name, value in imagenet.module.state_dict().items()}
    TorchBackend(imagenet, batch=1, threads=1)
    for name, value in imagenet.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_answers_are_the_same_bits_at_any_place_and_with_any_number_of_threads(
    imagenet: Network,
) -> None:
    """So a run gives the same bytes however its frames were spread over batches and workers."""
    batch = noise(4)
    expected = TorchBackend(imagenet, batch=4, threads=1).infer(batch)
    for threads in (2, 3):
        backend = TorchBackend(imagenet, batch=4, threads=threads)
        for turn in range(4):
            found = backend.infer(np.roll(batch, turn, axis=0))
            np.testing.assert_array_equal(np.roll(found, -turn, axis=0), expected)


def test_folding_leaves_no_batch_norm_in_a_resnet(imagenet: Network) -> None:
    folded = fold_batch_norms(imagenet.module, torch.rand(1, 3, 224, 224))
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["squeezenet1_0", "mobilenet_v3_small", "shufflenet_v2_x0_5", "googlenet"]
)
def test_other_architectures_give_the_same_answers(name: str) -> None:
    network, batch = random_network(name), noise(2)
    found = TorchBackend(network, batch=2, threads=2).infer(batch)
    np.testing.assert_allclose(found, reference(network, batch), atol=2e-5)


class Unusual(nn.Module):
    """A convolution or a batch norm that runs twice, or whose input is used elsewhere."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.first, self.second = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.norm, self.other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 5)
        for norm in (self.norm, self.other):
            nn.init.uniform_(norm.running_mean, -1, 1)  # type: ignore[arg-type]
            nn.init.uniform_(norm.running_var, 0.1, 5)  # type: ignore[arg-type]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        found = self.first(inputs)
        if self.how == "beside":
            found = self.norm(found) + found
        elif self.how == "beside a convolution":
            found = self.norm(found) + self.second(found)
        elif self.how == "convolution twice":
            found = self.other(self.first(self.norm(found)))
        elif self.how == "norm twice":
            found = self.norm(self.second(self.norm(found)))
        elif found.sum() > 0:  # which torch.fx could not trace
            found = -self.norm(found)
        return self.head(found.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "how", ["beside", "beside a convolution", "convolution twice", "norm twice", "branches"]
)
def test_where_folding_would_change_the_answers_it_is_not_done(how: str) -> None:
    torch.manual_seed(1)
    plain = Unusual(how).eval().requires_grad_(False)
    folded = fold_batch_norms(plain, torch.rand(1, 3, 224, 224))
    for scale in (-3, 1):  # the two branches
        inputs = scale * torch.rand(2, 3, 224, 224)
        torch.testing.assert_close(folded(inputs), plain(inputs), atol=1e-5, rtol=1e-5)


def test_a_network_that_folding_changes_runs_as_it_is(
    imagenet: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wrong = nn.Sequential(nn.Flatten(), nn.LazyLinear(1000))
    monkeypatch.setattr(torch_backend, "fold_batch_norms", lambda *_: wrong)
    found = TorchBackend(imagenet, batch=2, threads=1).infer(noise(2))
    np.testing.assert_allclose(found, reference(imagenet, noise(2)), atol=2e-6)
    assert "runs as it is" in caplog.text
