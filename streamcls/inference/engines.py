"""The engines that run a network: which there are, which are installed, what each can do.

Each has a module, `NAME_engine`, that imports its packages only when they are used, and its name
stands in `records.ENGINES`.
"""

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from streamcls.errors import MissingPackageError
from streamcls.protocols import Backend
from streamcls.records import ENGINES

if TYPE_CHECKING:
    import torch
    from torch import nn

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB, as the preprocessing gives them


class Load(Protocol):
    """Puts a network that was written in an engine's format to work."""

    def __call__(
        self, file: Path, *, precision: str, side: int, batch: int, parallel: int, threads: int
    ) -> Backend:
        """For `parallel` callers, with `batch` pictures of `side` px a call, on `threads`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """How networks are written and read for an engine.

    Attributes:
        file: name of a network's main file.
        packages: modules that writing takes, besides torch.
        write: writes a network, which takes pixels like those of the example, to a file.
        quantize: makes a written network int8, calibrated on pictures, in another file.
        load: puts a written network to work.
    """

    file: str
    packages: tuple[str, ...]
    write: "Callable[[nn.Module, torch.Tensor, Path], None]"
    quantize: Callable[[Path, Sequence[Pixels], Path], None]
    load: Load


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """What an engine takes and can do.

    Attributes:
        package: module that running takes.
        distribution: its name for pip.
        has_bf16: whether this CPU computes in bfloat16 and the engine makes use of it.
        format: its own; None for the engine that runs torch's networks as they are.
    """

    package: str
    distribution: str
    has_bf16: Callable[[], bool]
    format: Format | None


def engine(name: str) -> Engine:
    """One of `ENGINES`; its packages are not imported."""
    found = importlib.import_module(f"streamcls.inference.{name}_engine").ENGINE
    assert isinstance(found, Engine)
    return found


def format_of(name: str) -> Format:
    """The format of an engine that has its own."""
    found = engine(name).format
    assert found is not None
    return found


def installed(name: str) -> bool:
    """Whether an engine's package is there; it is not imported."""
    return importlib.util.find_spec(engine(name).package) is not None


def fastest_installed() -> str:
    """The first of `ENGINES` that is installed; torch always is."""
    return next(name for name in ENGINES if installed(name))


def has_bf16(name: str) -> bool:
    """Whether this CPU computes in bfloat16 and the engine makes use of it."""
    with loading(name):
        return engine(name).has_bf16()


def precisions(name: str) -> list[str]:
    """What an engine computes in on this CPU, the fastest last."""
    int8 = engine(name).format is not None
    return ["fp32"] + ["bf16"] * has_bf16(name) + ["int8"] * int8


def require(name: str, *, export: bool = False) -> None:
    """Raises unless an engine's packages are there.

    Raises:
        MissingPackageError: with the extra that brings them.
    """
    needed = format_of(name).packages if export else (engine(name).package,)
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingPackageError(
            f"{name}: {' and '.join(missing)} not installed; "
            f"install with: pip install 'streamcls[{name}]'"
        )


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """For the import of an engine's package, which may be there and broken.

    Raises:
        MissingPackageError: it can't be imported.
    """
    try:
        yield
    except ImportError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise MissingPackageError(
            f"{name} is installed but can't be loaded ({reason}); "
            f"install it again: pip install --force-reinstall 'streamcls[{name}]'"
        ) from error


def silence_telemetry() -> None:
    """Keeps OpenVINO, NNCF and ONNX Runtime from reporting to their makers; call it before imports.

    The first two find no package for it. The third, since 1.29, would write down an identifier of
    the machine and send events when it is imported. A program that has imported them already has
    made its own choice.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
