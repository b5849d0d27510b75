"""The CSV log: a row for each classified frame."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from streamcls.records import Event, Result
from streamcls.sinks.files import as_text, creating, writing
from streamcls.sinks.output import Output

UNKNOWN = "unknown"


def header(top_k: int) -> list[str]:
    """The column names for so many label and probability pairs."""
    pairs = [name for k in range(1, top_k + 1) for name in (f"label_{k}", f"prob_{k}")]
    return [
        "camera",
        "frame",
        "pts_s",
        "time_source",
        "captured_utc",
        *pairs,
        "steady_label",
        "steady_prob",
    ]


class CsvLog:
    """Writes classified frames to a CSV file (UTF-8, RFC 4180 quoting), each row at once.

    A crash loses nothing but the row being written: rows are not held back.
    """

    every_frame = False

    def __init__(self, path: Path, top_k: int, *, overwrite: bool = False) -> None:
        """Creates the file with its header.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created.
        """
        self._path = path
        self._top_k = top_k
        with creating(path, overwrite=overwrite) as file:
            self._file = as_text(file)
            self._csv = csv.writer(self._file, lineterminator="\n")
            self._row(header(top_k))

    def write(self, result: Result) -> None:
        """Adds a row.

        Raises:
            OutputError: the disk is full, or standard output was closed.
        """
        frame = result.frame
        top = [(score.label, f"{score.prob:.6f}") for score in result.top(self._top_k)]
        top += [("", "")] * (self._top_k - len(top))  # a model with fewer classes
        self._row(
            [
                frame.camera,
                frame.index,
                f"{frame.pts_s:.6f}",
                frame.time_source,
                _utc(frame.captured_utc),
                *(value for pair in top for value in pair),
                result.steady if result.steady is not None else UNKNOWN,
                f"{result.steady_prob:.6f}",
            ]
        )

    def _row(self, values: list[str] | list[object]) -> None:
        with writing(self._path):
            self._csv.writerow(values)
            self._file.flush()

    def event(self, event: Event) -> None:
        """Segments have a file of their own."""

    def close(self) -> None:
        """Closes the file."""
        with writing(self._path):
            self._file.close()


def _utc(captured: float | None) -> str:
    """ISO 8601 with milliseconds and Z, or empty."""
    if captured is None:
        return ""
    return (
        datetime.fromtimestamp(captured, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


OUTPUT = Output(lambda path, run: CsvLog(path, run.top_k, overwrite=run.overwrite))
