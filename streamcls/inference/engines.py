"""The engines that run a network: which there are, which are installed, what each can do."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence

from streamcls.errors import MissingPackageError

# Fastest first, as measured for ResNet-18 on two cores: 10, 11 and 14 ms a picture in float32.
FASTEST_FIRST = ("openvino", "onnx", "torch")
PRECISIONS = ("fp32", "bf16", "int8")
_MODULES = {"openvino": "openvino", "onnx": "onnxruntime", "torch": "torch"}
# What converting and calibrating for an engine takes, besides torch.
_EXPORT_MODULES = {"openvino": ("openvino", "nncf"), "onnx": ("onnxruntime", "onnx")}


def installed(engine: str) -> bool:
    """Whether an engine's package is there; it is not imported."""
    return importlib.util.find_spec(_MODULES[engine]) is not None


def fastest_installed() -> str:
    """The first of `FASTEST_FIRST` that is installed; torch always is."""
    return next(engine for engine in FASTEST_FIRST if installed(engine))


def require(engine: str, *, export: bool = False) -> None:
    """Raises unless an engine's packages are there.

    Raises:
        MissingPackageError: with the extra that brings them.
    """
    needed: Sequence[str] = _EXPORT_MODULES[engine] if export else (_MODULES[engine],)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"{engine}: {' and '.join(missing)} not installed; "
            f"install with: pip install 'streamcls[{engine}]'"
        )


@contextlib.contextmanager
def loading(engine: str) -> Iterator[None]:
    """For the import of an engine's package, which may be there and broken.

    Raises:
        MissingPackageError: it can't be imported.
    """
    try:
        yield
    except ImportError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise MissingPackageError(
            f"{engine} is installed but can't be loaded ({reason}); "
            f"install it again: pip install --force-reinstall 'streamcls[{engine}]'"
        ) from error


def silence_telemetry() -> None:
    """Keeps OpenVINO, NNCF and ONNX Runtime from reporting to their makers; call it before imports.

    The first two find no package for it. The third, since 1.29, would write down an identifier of
    the machine and send events when it is imported. A program that has imported them already has
    made its own choice.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def has_bf16(engine: str) -> bool:
    """Whether this CPU computes in bfloat16 and the engine makes use of it."""
    if engine == "openvino":
        with loading(engine):
            from streamcls.inference.openvino_backend import capabilities

        return "BF16" in capabilities()
    if engine == "torch":
        import torch

        return bool(torch.cpu._is_avx512_bf16_supported())
    return False  # ONNX Runtime has no bfloat16 convolutions on x86
