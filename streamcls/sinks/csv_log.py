"""The CSV log: a row for each classified frame."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from streamcls.clock import iso_utc
from streamcls.records import Event, Result
from streamcls.sinks.growing_file import GrowingFile
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


def row(values: Sequence[object]) -> str:
    """A line of CSV (RFC 4180 quoting)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


class CsvLog:
    """Writes classified frames to a CSV file (UTF-8, RFC 4180 quoting), each row at once.

    A crash loses nothing: rows are not held back. A full disk leaves no half of one.
    """

    every_frame = False

    def __init__(self, path: Path, top_k: int, *, overwrite: bool = False) -> None:
        """Creates the file with its header.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created.
        """
        self._top_k = top_k
        self._file = GrowingFile(path, row(header(top_k)), overwrite=overwrite)

    def write(self, result: Result) -> None:
        """Adds a row.

        Raises:
            OutputError: the disk is full, or standard output was closed.
        """
        frame = result.frame
        top = [(score.label, f"{score.prob:.6f}") for score in result.top(self._top_k)]
        top += [("", "")] * (self._top_k - len(top))  # a model with fewer classes
        values = [
            frame.camera,
            frame.index,
            f"{frame.pts_s:.6f}",
            frame.time_source,
            "" if frame.captured_utc is None else iso_utc(frame.captured_utc),
            *(value for pair in top for value in pair),
            result.steady if result.steady is not None else UNKNOWN,
            f"{result.steady_prob:.6f}",
        ]
        self._file.add(row(values))

    def event(self, event: Event) -> None:
        """Segments have a file of their own."""

    def close(self) -> None:
        """Closes the file. Can be called again."""
        self._file.close()


OUTPUT = Output(lambda path, run: CsvLog(path, run.top_k, overwrite=run.overwrite))
