"""OpenVINO on the CPU: the fastest engine here, in float32, bfloat16 and int8.

Each call takes one of `parallel` streams with `threads` threads; the calling thread sleeps
meanwhile, nothing spins. OpenVINO's threads are not bound to cores, which the decoder needs too.
"""

import functools
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamcls.errors import ModelSettingsError
from streamcls.inference.engines import silence_telemetry
from streamcls.inference.signal_stack import signal_stack_kept

silence_telemetry()
import openvino  # noqa: E402 - must not find the package for its telemetry

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of what is not quantised


@functools.cache
def _core() -> openvino.Core:
    """The one of this process: each loads the plugin again, and leaves a signal stack behind."""
    core = openvino.Core()
    with signal_stack_kept():
        core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")  # which loads it
    return core


def capabilities() -> list[str]:
    """What OpenVINO can do on this CPU, as "BF16"."""
    return list(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class OpenVinoBackend:
    """Runs a network in OpenVINO's own format."""

    def __init__(
        self, file: Path, *, precision: str, batch: int, parallel: int, threads: int
    ) -> None:
        """Compiles the network and runs it once, so that the first frame is not slow.

        Args:
            file: .xml, with its .bin beside it; (N, S, S, 3) uint8 RGB to (N, C) probabilities.
            precision: "fp32", "bf16" or "int8".
            batch: pictures a call.
            parallel: calls at the same time.
            threads: of one call.

        Raises:
            ModelSettingsError: OpenVINO can't read the file.
        """
        self.name = f"openvino {precision}"
        options = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "NUM_STREAMS": parallel,
            "INFERENCE_NUM_THREADS": parallel * threads,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            model = _core().read_model(file)
            shape = [batch, *(side.get_length() for side in model.input().partial_shape[1:])]
            model.reshape(shape)
            with signal_stack_kept():
                self._compiled = _core().compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise ModelSettingsError(f"{file}: OpenVINO can't run it: {_reason(error)}") from error
        self._shape = shape
        self._own = threading.local()  # an infer request is a thread's own
        self.infer(np.zeros(shape, np.uint8))

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(batch, S, S, 3) uint8 RGB to (batch, C) probabilities."""
        own = self._own
        if not hasattr(own, "request"):
            own.request = self._compiled.create_infer_request()
            own.pixels = np.empty(self._shape, np.uint8)
            own.request.set_input_tensor(openvino.Tensor(own.pixels, shared_memory=True))
            own.answer = own.request.get_output_tensor().data
        own.pixels[:] = pixels
        # `infer` packs and unpacks dictionaries around this: 0.14 ms more of Python's lock.
        own.request.start_async()
        own.request.wait()
        return np.array(own.answer, np.float32)  # a copy: the request's own memory is used again


def _reason(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
