"""Segments (events) as CSV, JSON or WebVTT, complete and readable at every moment."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from streamcls.errors import OutputPathError
from streamcls.records import Event, Result
from streamcls.sinks.files import creating, writing
from streamcls.sinks.output import Output

COLUMNS = (
    "kind",
    "camera",
    "label",
    "start_s",
    "end_s",
    "mean_prob",
    "peak_prob",
    "peak_frame",
    "reason",
)


class _Format(Protocol):
    """A text format: a head, an item for each segment, a tail with those that still last."""

    head: str

    def item(self, event: Event, *, first: bool) -> str: ...

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str: ...


class _Csv:
    head = ",".join(COLUMNS) + "\n"

    def item(self, event: Event, *, first: bool) -> str:
        row = io.StringIO()
        values = _values(event)
        texts = [f"{value:.6f}" if isinstance(value, float) else value for value in values]
        csv.writer(row, lineterminator="\n").writerow(texts)
        return row.getvalue()

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        return "".join(self.item(event, first=first) for event in lasting)


class _Json:
    head = "["

    def item(self, event: Event, *, first: bool) -> str:
        values = (
            round(value, 6) if isinstance(value, float) else value for value in _values(event)
        )
        text = json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False)
        return ("\n " if first else ",\n ") + text

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        items = [self.item(event, first=first and i == 0) for i, event in enumerate(lasting)]
        return "".join(items) + "\n]\n"


class _Vtt:
    """Cues on the player's time line; what still lasts has no end yet and is left out."""

    head = "WEBVTT\n"

    def __init__(self, media_start_s: float) -> None:
        self._zero_s = media_start_s

    def item(self, event: Event, *, first: bool) -> str:
        if event.kind != "label":
            return ""
        start, end = self._time(event.start_s), self._time(event.end_s or event.start_s)
        text = event.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"\n{start} --> {end}\n{text}\n"

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        return ""

    def _time(self, media_s: float) -> str:
        total_ms = max(0, round((media_s - self._zero_s) * 1000))
        minutes, ms = divmod(total_ms, 60_000)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:02}:{minutes:02}:{ms // 1000:02}.{ms % 1000:03}"


def _values(event: Event) -> tuple[str | int | float | None, ...]:
    """In the order of COLUMNS; states have no probabilities."""
    is_label = event.kind == "label"
    return (
        event.kind,
        event.camera,
        event.label,
        event.start_s,
        event.end_s,
        event.mean_prob if is_label else None,
        event.peak_prob if is_label else None,
        event.peak_frame,
        event.reason,
    )


def _format(path: Path, media_start_s: float) -> _Format:
    ending = path.suffix.lower()
    if ending == ".csv":
        return _Csv()
    if ending == ".json":
        return _Json()
    if ending == ".vtt":
        return _Vtt(media_start_s)
    raise OutputPathError(f"--events {path}: the ending says the format: .csv, .json or .vtt")


class SegmentLog:
    """Writes each segment when it ends; those that still last stand at the end meanwhile.

    What follows the finished segments is written anew with every change, so after a crash the file
    is whole and says what was open.
    """

    every_frame = False

    def __init__(self, path: Path, media_start_s: float, *, overwrite: bool = False) -> None:
        """Creates the file.

        Args:
            path: its ending says the format.
            media_start_s: what players show as 0, for WebVTT.
            overwrite: whether an existing file is replaced.

        Raises:
            OutputPathError: unknown ending, or it exists by now.
            OutputError: it can't be created.
        """
        self._path = path
        self._format = _format(path, media_start_s)
        self._lasting: list[Event] = []
        self._empty = True
        with creating(path, overwrite=overwrite) as self._file:
            self._append(self._format.head)

    def write(self, result: Result) -> None:
        """Frames don't matter here."""

    def event(self, event: Event) -> None:
        """Adds a segment that ended, or keeps one that began.

        Raises:
            OutputError: the disk is full.
        """
        if event.end_s is None:
            self._lasting.append(event)
            self._append("")
            return
        ended = (event.camera, event.kind, event.start_s)
        self._lasting = [e for e in self._lasting if (e.camera, e.kind, e.start_s) != ended]
        text = self._format.item(event, first=self._empty)
        self._empty = False
        self._append(text)

    def _append(self, text: str) -> None:
        """Writes text behind the finished segments, then what follows them."""
        kept = text.encode(errors="replace")
        tail = self._format.tail(self._lasting, first=self._empty).encode(errors="replace")
        with writing(self._path):
            at = self._file.tell()
            self._file.write(kept + tail)
            self._file.flush()
            self._file.truncate()
            self._file.seek(at + len(kept))

    def close(self) -> None:
        """Closes the file."""
        with writing(self._path):
            self._file.close()


def _check(option: str, path: Path) -> None:
    _format(path, 0.0)
    if path.exists() and not path.is_file():
        raise OutputPathError(f"{option} {path}: a file is needed, no device or pipe")


OUTPUT = Output(
    lambda path, run: SegmentLog(path, run.zero_s, overwrite=run.overwrite),
    _check,
)
