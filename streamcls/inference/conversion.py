"""A torchvision network in the format of another engine, with normalisation and softmax in it.

What comes out takes what the preprocessing gives, (N, S, S, 3) uint8 RGB, and gives (N, C)
probabilities; N is open.
"""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from streamcls.errors import ModelSettingsError
from streamcls.inference.engines import silence_telemetry
from streamcls.inference.signal_stack import signal_stack_kept
from streamcls.inference.torchvision_models import Network
from streamcls.records import ModelCard

MODEL_FILES = {"openvino": "model.xml", "onnx": "model.onnx"}
_OPSET = 17  # what ONNX Runtime since 1.13 reads
_one_at_a_time = threading.Lock()  # tracing and exporting change settings of the whole process


class _FromPixels(nn.Module):
    """The network from pixels to probabilities.

    Normalisation is not folded into the first convolution's weights: its padding would then be
    black instead of the mean, and the edges of each picture would change.
    """

    def __init__(self, module: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.module = module
        self.mean = torch.tensor(card.mean).view(1, 3, 1, 1) * 255
        self.scale = 1 / (torch.tensor(card.std).view(1, 3, 1, 1) * 255)

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
    side, file = network.card.input_size, folder / MODEL_FILES[engine]
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
            (_to_openvino if engine == "openvino" else _to_onnx)(whole, example, file)
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


@contextlib.contextmanager
def _root_logger_kept() -> Iterator[None]:
    """OpenVINO sets the root logger up for its errors, and leaves it so when it fails."""
    root = logging.getLogger()
    level, filters, handlers = root.level, root.filters.copy(), root.handlers.copy()
    try:
        yield
    finally:
        root.filters, root.handlers = filters, handlers
        root.setLevel(level)


def _to_openvino(whole: nn.Module, example: torch.Tensor, file: Path) -> None:
    silence_telemetry()
    import openvino

    side = example.shape[1]
    with _root_logger_kept():
        model = openvino.convert_model(
            whole, example_input=example, input=[openvino.PartialShape([-1, side, side, 3])]
        )
    openvino.save_model(model, file, compress_to_fp16=False)


def _to_onnx(whole: nn.Module, example: torch.Tensor, file: Path) -> None:
    # The exporter through TorchScript: the newer one needs onnxscript and writes the same network.
    torch.onnx.export(
        whole,
        (example,),
        str(file),
        input_names=["pixels"],
        output_names=["probs"],
        dynamic_axes={"pixels": {0: "n"}, "probs": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )
