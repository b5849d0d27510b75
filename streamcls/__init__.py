"""streamcls says what a video shows, in real time, on an ordinary CPU."""

import importlib
from typing import TYPE_CHECKING

from streamcls.errors import (
    AgreementError,
    MissingPackageError,
    ModelSettingsError,
    OutputError,
    OutputPathError,
    PictureError,
    SettingsError,
    SignalLostError,
    SourceError,
    SourceNotFoundError,
    StreamclsError,
    UsageError,
    WeightsUnavailableError,
)

if TYPE_CHECKING:
    from streamcls.api import ModelOptions, StreamOptions, classify, stream
    from streamcls.records import Event, Frame, ModelCard, Prediction, Result, Score, Status, Timing

__all__ = [
    "AgreementError",
    "Event",
    "Frame",
    "MissingPackageError",
    "ModelCard",
    "ModelOptions",
    "ModelSettingsError",
    "OutputError",
    "OutputPathError",
    "PictureError",
    "Prediction",
    "Result",
    "Score",
    "SettingsError",
    "SignalLostError",
    "SourceError",
    "SourceNotFoundError",
    "Status",
    "StreamOptions",
    "StreamclsError",
    "Timing",
    "UsageError",
    "WeightsUnavailableError",
    "classify",
    "stream",
]


def __getattr__(name: str) -> object:
    """Loads numpy and what else the rest needs when it is first asked for, not before."""
    if name in __all__:
        for module in ("api", "records"):
            found: object = getattr(importlib.import_module(f"streamcls.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module 'streamcls' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
