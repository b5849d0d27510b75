"""The statistics of a run as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from streamcls.metrics import Metrics
from streamcls.records import Event, Result
from streamcls.sinks.files import as_text, creating, write_whole


class StatsFile:
    """Writes the ledger, the speed and the memory: at first and when the run is over."""

    every_frame = False

    def __init__(
        self, path: Path, metrics: Metrics, *, backend: str, model: str, overwrite: bool = False
    ) -> None:
        """Creates the file.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created.
        """
        self._path = path
        self._metrics = metrics
        self._labels = {"backend": backend, "model": model}
        with creating(path, overwrite=overwrite) as file, as_text(file) as opened:
            opened.write(self._text())

    def write(self, result: Result) -> None:
        """Frames are counted elsewhere."""

    def event(self, event: Event) -> None:
        """Segments don't matter here."""

    def close(self) -> None:
        """Writes the file in one step.

        Raises:
            OutputError: it can't be written; an old file is untouched.
        """
        write_whole(self._path, self._text())

    def _text(self) -> str:
        values = asdict(self._metrics.snapshot()) | self._labels
        return json.dumps(_rounded(values), indent=2) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return value
