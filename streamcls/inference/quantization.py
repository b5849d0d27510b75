"""A converted network in int8, weights with a scale for each channel, calibrated on pictures."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamcls.errors import ModelSettingsError
from streamcls.inference.conversion import MODEL_FILES
from streamcls.inference.engines import silence_telemetry
from streamcls.inference.signal_stack import signal_stack_kept

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB, as the preprocessing gives them


def quantize(converted: Path, engine: str, pictures: Sequence[Pixels], folder: Path) -> Path:
    """Writes a network of `conversion.convert` into a folder in int8.

    Args:
        converted: the network in float32.
        engine: whose format that is.
        pictures: to calibrate on.
        folder: for the files.

    Returns:
        The model's file.

    Raises:
        ModelSettingsError: the network can't be quantised.
    """
    file = folder / MODEL_FILES[engine]
    batches = [picture[None] for picture in pictures]  # (1, S, S, 3)
    try:
        with _quiet(), signal_stack_kept():
            (_with_nncf if engine == "openvino" else _with_onnx)(converted, batches, file)
    except Exception as error:  # the tools raise whatever they like
        raise ModelSettingsError(
            f"{converted.name} can't be quantised by {engine}'s tool: "
            f"{next(iter(str(error).splitlines()), type(error).__name__)}; try --precision fp32"
        ) from error
    return file


def _with_nncf(converted: Path, batches: list[Pixels], file: Path) -> None:
    silence_telemetry()
    import nncf
    import openvino

    model = nncf.quantize(
        openvino.Core().read_model(converted),
        nncf.Dataset(batches),
        # Symmetric weights, asymmetric activations: half a percent more agreement than the default.
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(batches),
    )
    openvino.save_model(model, file, compress_to_fp16=False)


def _with_onnx(converted: Path, batches: list[Pixels], file: Path) -> None:
    silence_telemetry()
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(batches)

        def get_next(self) -> dict[str, Pixels] | None:
            batch = next(self._left, None)
            return None if batch is None else {"pixels": batch}

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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the tools' logs and progress bars, which go to standard output, to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        logging.disable(before)
