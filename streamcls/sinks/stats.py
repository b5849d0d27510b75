"""The statistics of a run as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.protocols import Refreshed
from streamcls.records import Event, Result
from streamcls.sinks.files import STDOUT, write_whole
from streamcls.sinks.output import Output, RunFacts


class StatsFile(Refreshed):
    """Writes the ledger, the speed and the memory when the run is over, and whenever told to."""

    every_frame = False
    refresh_s = 10.0

    def __init__(
        self, path: Path, metrics: Metrics, *, backend: str, model: str, overwrite: bool = False
    ) -> None:
        """Writes nothing yet."""
        self._path = path
        self._metrics = metrics
        self._labels = {"backend": backend, "model": model}
        self._overwrite = overwrite
        self._closed = False

    def write(self, result: Result) -> None:
        """Frames are counted elsewhere."""

    def event(self, event: Event) -> None:
        """Segments don't matter here."""

    def refresh(self) -> None:
        """Writes the file as of now, in one step.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be written; an old file is untouched.
        """
        values = asdict(self._metrics.snapshot()) | self._labels
        text = json.dumps(_rounded(values), indent=2) + "\n"
        write_whole(self._path, text, overwrite=self._overwrite)
        self._overwrite = True  # from now on it is our own

    def close(self) -> None:
        """Writes the file for the last time. Can be called again.

        Raises:
            OutputPathError, OutputError: see `refresh`.
        """
        if not self._closed:
            self._closed = True
            self.refresh()


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return value


def _check(option: str, path: Path) -> None:
    if path == STDOUT:
        raise OutputPathError(f"{option} -: give a file name; only rows go to standard output")


def _open(path: Path, run: RunFacts) -> StatsFile:
    return StatsFile(
        path, run.metrics, backend=run.backend, model=run.model, overwrite=run.overwrite
    )


OUTPUT = Output(_open, _check)
