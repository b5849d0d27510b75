"""JSON Lines: an object for each classified frame."""

import json
from pathlib import Path

from streamcls.clock import iso_utc
from streamcls.records import Event, Result
from streamcls.sinks.growing_file import GrowingFile
from streamcls.sinks.output import Output


class JsonLines:
    """Writes classified frames to a file (UTF-8), each line at once and whole.

    What the CSV log says, in a form that needs no columns. Recordings give the same bytes each run,
    so only live sources have a time that was measured (`age_ms`).
    """

    every_frame = False

    def __init__(self, path: Path, top_k: int, *, live: bool, overwrite: bool = False) -> None:
        """Creates the file, empty.

        Args:
            path: of the file; `-` is standard output.
            top_k: how many labels an object has.
            live: whether labels have an age.
            overwrite: whether an existing file is replaced.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created.
        """
        self._top_k = top_k
        self._live = live
        self._file = GrowingFile(path, "", overwrite=overwrite)

    def write(self, result: Result) -> None:
        """Adds a line.

        Raises:
            OutputError: the disk is full, or standard output was closed.
        """
        frame, timing = result.frame, result.timing
        utc_s = frame.captured_utc
        age_ms = timing.age_ms if self._live and timing is not None else None
        values = {
            "camera": frame.camera,
            "frame": frame.index,
            "pts_s": round(frame.pts_s, 6),
            "time_source": frame.time_source,
            "captured_utc": None if utc_s is None else iso_utc(utc_s),
            "top": [
                {"label": score.label, "prob": round(score.prob, 6)}
                for score in result.top(self._top_k)
            ],
            "steady_label": result.steady,
            "steady_prob": round(result.steady_prob, 6),
            "age_ms": None if age_ms is None else round(age_ms, 3),
        }
        self._file.add(json.dumps(values, ensure_ascii=False) + "\n")

    def event(self, event: Event) -> None:
        """Segments have a file of their own."""

    def close(self) -> None:
        """Closes the file. Can be called again."""
        self._file.close()


OUTPUT = Output(
    lambda path, run: JsonLines(path, run.top_k, live=run.info is None, overwrite=run.overwrite)
)
