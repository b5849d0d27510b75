"""A converted network in int8, weights with a scale for each channel, calibrated on pictures."""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamcls.errors import ModelSettingsError
from streamcls.inference.engines import Pixels, format_of
from streamcls.inference.signal_stack import signal_stack_kept


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
    file = folder / format_of(engine).file
    try:
        with _quiet(), signal_stack_kept():
            format_of(engine).quantize(converted, pictures, file)
    except Exception as error:  # the tools raise whatever they like
        raise ModelSettingsError(
            f"{converted.name} can't be quantised by {engine}'s tool: "
            f"{next(iter(str(error).splitlines()), type(error).__name__)}; try --precision fp32"
        ) from error
    return file


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
