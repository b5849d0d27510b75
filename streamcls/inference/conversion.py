"""A torchvision network in the format of another engine, with normalisation and softmax in it.

What comes out takes what the preprocessing gives, (N, S, S, 3) uint8 RGB, and gives (N, C)
probabilities; N is open.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from streamcls.errors import ModelSettingsError
from streamcls.inference.engines import format_of
from streamcls.inference.normalization import mean_and_std
from streamcls.inference.signal_stack import signal_stack_kept
from streamcls.inference.torchvision_models import Network
from streamcls.records import ModelCard

_one_at_a_time = threading.Lock()  # tracing and exporting change settings of the whole process


class _FromPixels(nn.Module):
    """The network from pixels to probabilities.

    Normalisation is not folded into the first convolution's weights: its padding would then be
    black instead of the mean, and the edges of each picture would change.
    """

    def __init__(self, module: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.module = module
        mean, std = mean_and_std(card)
        self.mean, self.scale = mean[None], 1 / std[None]  # (1, 3, 1, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        inputs = pixels.permute(0, 3, 1, 2).float()  # (N, 3, S, S)
        scores: torch.Tensor = self.module((inputs - self.mean) * self.scale)  # (N, C)
        return scores.softmax(dim=1)


def convert(network: Network, engine: str, folder: Path) -> Path:
    """Writes the network into a folder in an engine's format, in float32.

    Returns:
        The model's file; OpenVINO's weights are in another one beside it.

    Raises:
        ModelSettingsError: the engine has no equivalent for some part of the network.
    """
    whole = _FromPixels(network.module, network.card).eval()
    side, file = network.card.input_size, folder / format_of(engine).file
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    try:
        with (
            _one_at_a_time,
            warnings.catch_warnings(),
            signal_stack_kept(),
            torch.inference_mode(),
            _set_up_torch(),
        ):
            warnings.simplefilter("ignore")  # of tracing: shapes that become constants
            format_of(engine).write(whole, example, file)
    except Exception as error:  # converters raise whatever they like
        raise ModelSettingsError(
            f"{network.card.arch} can't be converted for {engine}: {_reason(error)}; "
            "use --backend torch"
        ) from error
    return file


def _reason(error: Exception) -> str:
    """One line; OpenVINO's first one is a place in its own source, a later one names the part."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return next(iter(named + lines), type(error).__name__)


@contextlib.contextmanager
def _set_up_torch() -> Iterator[None]:
    """Settings of torch that conversions need.

    Transformers are taken apart into elementary operations, since their fused ones have no
    equivalent elsewhere. And the ONNX exporter, when it fails, doesn't print the whole graph on
    standard output.
    """
    fused, print_graph = torch.backends.mha.get_fastpath_enabled(), torch._C._jit_onnx_log
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch._C._jit_onnx_log = print_graph
