"""streamcls says what a video shows, in real time, on an ordinary CPU."""

from streamcls.api import ModelOptions, StreamOptions, classify, stream
from streamcls.errors import (
    MissingPackageError,
    ModelSettingsError,
    OutputError,
    OutputPathError,
    PictureError,
    SettingsError,
    SourceError,
    SourceNotFoundError,
    StreamclsError,
    UsageError,
    WeightsUnavailableError,
)
from streamcls.records import Event, Frame, ModelCard, Prediction, Result, Score, Timing

__all__ = [
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
    "SourceError",
    "SourceNotFoundError",
    "StreamOptions",
    "StreamclsError",
    "Timing",
    "UsageError",
    "WeightsUnavailableError",
    "classify",
    "stream",
]
