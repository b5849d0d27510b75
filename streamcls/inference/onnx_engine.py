"""ONNX Runtime, in float32 and int8."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.inference.engines import Engine, Format, Pixels, silence_telemetry
from streamcls.protocols import Backend

if TYPE_CHECKING:
    import torch
    from torch import nn

_OPSET = 17  # what ONNX Runtime since 1.13 reads


def _load(
    file: Path, *, precision: str, side: int, batch: int, parallel: int, threads: int
) -> Backend:
    from streamcls.inference.onnx_backend import OnnxBackend

    return OnnxBackend(file, precision=precision, batch=batch, side=side, threads=threads)


def _write(network: "nn.Module", example: "torch.Tensor", file: Path) -> None:
    import torch

    # The exporter through TorchScript: the newer one needs onnxscript and writes the same network.
    torch.onnx.export(
        network,
        (example,),
        str(file),
        input_names=["pixels"],
        output_names=["probs"],
        dynamic_axes={"pixels": {0: "n"}, "probs": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def _quantize(converted: Path, pictures: Sequence[Pixels], file: Path) -> None:
    silence_telemetry()
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Pixels] = iter(pictures)

        def get_next(self) -> dict[str, Pixels] | None:
            picture = next(self._left, None)
            return None if picture is None else {"pixels": picture[None]}

    with tempfile.TemporaryDirectory() as name:
        prepared = Path(name) / "prepared.onnx"
        quant_pre_process(str(converted), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(prepared).graph.node
        quantization.quantize_static(
            str(prepared),
            str(file),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            # Probabilities in steps of 1/255 would no longer sum to 1.
            nodes_to_exclude=[node.name for node in nodes if "probs" in node.output],
        )


ENGINE = Engine(
    package="onnxruntime",
    distribution="onnxruntime",
    has_bf16=lambda: False,  # it has no bfloat16 convolutions on x86
    format=Format(
        file="model.onnx",
        packages=("onnxruntime", "onnx"),
        write=_write,
        quantize=_quantize,
        load=_load,
    ),
)
