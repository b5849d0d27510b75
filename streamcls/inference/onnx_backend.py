"""ONNX Runtime on the CPU, in float32 and int8."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamcls.errors import ModelSettingsError
from streamcls.inference.engines import silence_telemetry

silence_telemetry()
import onnxruntime  # noqa: E402 - must know that it is not to report anything


class OnnxBackend:
    """Runs a network in ONNX format."""

    def __init__(self, file: Path, *, precision: str, batch: int, side: int, threads: int) -> None:
        """Loads the network and runs it once, so that the first frame is not slow.

        Args:
            file: .onnx; (N, S, S, 3) uint8 RGB to (N, C) probabilities.
            precision: "fp32" or "int8".
            batch: pictures a call.
            side: S, px.
            threads: of one call; callers at the same time each have so many.

        Raises:
            ModelSettingsError: ONNX Runtime can't read the file.
        """
        self.name = f"onnx {precision}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is fatal comes as an exception
        # Its threads would spin between two pictures and take the CPU from the decoder.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base but this one
            raise ModelSettingsError(f"{file}: ONNX Runtime can't run it: {error}") from error
        self.infer(np.zeros((batch, side, side, 3), np.uint8))

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(batch, S, S, 3) uint8 RGB to (batch, C) probabilities."""
        return np.asarray(self._session.run(None, {"pixels": pixels})[0], np.float32)
