"""OpenVINO: the fastest engine here, in float32, bfloat16 and int8."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.inference.engines import Engine, Format, Pixels, silence_telemetry
from streamcls.protocols import Backend

if TYPE_CHECKING:
    import torch
    from torch import nn


def _has_bf16() -> bool:
    from streamcls.inference.openvino_backend import capabilities

    return "BF16" in capabilities()


def _load(
    file: Path, *, precision: str, side: int, batch: int, parallel: int, threads: int
) -> Backend:
    from streamcls.inference.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(
        file, precision=precision, batch=batch, parallel=parallel, threads=threads
    )


def _write(network: "nn.Module", example: "torch.Tensor", file: Path) -> None:
    silence_telemetry()
    import openvino

    side = example.shape[1]
    with _root_logger_kept():
        model = openvino.convert_model(
            network, example_input=example, input=[openvino.PartialShape([-1, side, side, 3])]
        )
    openvino.save_model(model, file, compress_to_fp16=False)


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


def _quantize(converted: Path, pictures: Sequence[Pixels], file: Path) -> None:
    silence_telemetry()
    import nncf
    import openvino

    model = nncf.quantize(
        openvino.Core().read_model(converted),
        nncf.Dataset([picture[None] for picture in pictures]),
        # Symmetric weights, asymmetric activations: half a percent more agreement than the default.
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
    )
    openvino.save_model(model, file, compress_to_fp16=False)


ENGINE = Engine(
    package="openvino",
    distribution="openvino",
    has_bf16=_has_bf16,
    format=Format(
        file="model.xml",
        packages=("openvino", "nncf"),
        write=_write,
        quantize=_quantize,
        load=_load,
    ),
)
