"""Segments (events) as CSV, JSON, JSON Lines or WebVTT, readable at every moment."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from streamcls.clock import iso_utc
from streamcls.errors import OutputPathError
from streamcls.records import Event, Result
from streamcls.sinks.csv_log import row
from streamcls.sinks.growing_file import GrowingFile
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
LIVE_COLUMNS = (*COLUMNS, "start_utc", "end_utc")
_Value: TypeAlias = str | int | float | None


class _Format(Protocol):
    """A text format: a head, an item for each segment, a tail with those that still last."""

    head: str

    def item(self, event: Event, *, first: bool) -> str: ...

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str: ...


class _Csv:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self.head = row(columns)

    def item(self, event: Event, *, first: bool) -> str:
        values = _values(event, self._columns).values()
        return row([f"{value:.6f}" if isinstance(value, float) else value for value in values])

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        return "".join(self.item(event, first=first) for event in lasting)


class _Json:
    head = "["

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def item(self, event: Event, *, first: bool) -> str:
        return ("\n " if first else ",\n ") + _object(event, self._columns)

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        items = [self.item(event, first=first and i == 0) for i, event in enumerate(lasting)]
        return "".join(items) + "\n]\n"


class _JsonLines:
    """Only ever appended to, for readers that follow it; what still lasts is not in it yet."""

    head = ""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def item(self, event: Event, *, first: bool) -> str:
        return _object(event, self._columns) + "\n"

    def tail(self, lasting: Sequence[Event], *, first: bool) -> str:
        return ""


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


def _values(event: Event, columns: Sequence[str]) -> dict[str, _Value]:
    """By the names of the columns; states have no probabilities."""
    is_label = event.kind == "label"
    values: tuple[_Value, ...] = (
        event.kind,
        event.camera,
        event.label,
        event.start_s,
        event.end_s,
        event.mean_prob if is_label else None,
        event.peak_prob if is_label else None,
        event.peak_frame,
        event.reason,
        None if event.start_utc is None else iso_utc(event.start_utc),
        None if event.end_utc is None else iso_utc(event.end_utc),
    )
    return dict(zip(columns, values, strict=False))


def _object(event: Event, columns: Sequence[str]) -> str:
    values = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in _values(event, columns).items()
    }
    return json.dumps(values, ensure_ascii=False)


def _format(path: Path, media_start_s: float, *, live: bool) -> _Format:
    columns, ending = LIVE_COLUMNS if live else COLUMNS, path.suffix.lower()
    if ending == ".csv":
        return _Csv(columns)
    if ending == ".json":
        return _Json(columns)
    if ending == ".jsonl":
        return _JsonLines(columns)
    if ending == ".vtt":
        return _Vtt(media_start_s)
    raise OutputPathError(
        f"--events {path}: the ending says the format: .csv, .json, .jsonl or .vtt"
    )


class SegmentLog:
    """Writes each segment when it ends; those that still last stand at the end meanwhile.

    What follows the finished segments is written anew with every change, so after a crash the file
    is whole and says what was open. JSON Lines have finished segments only. The end of a live run
    ends all its segments; those that last when a file is closed before, as because it is full, are
    taken out: they will stand, whole, in the file in which they end.
    """

    every_frame = False

    def __init__(
        self, path: Path, media_start_s: float, *, live: bool = False, overwrite: bool = False
    ) -> None:
        """Creates the file.

        Args:
            path: its ending says the format.
            media_start_s: what players show as 0, for WebVTT.
            live: whether segments also have times of the calendar.
            overwrite: whether an existing file is replaced.

        Raises:
            OutputPathError: unknown ending, or it exists by now.
            OutputError: it can't be created.
        """
        self._format = _format(path, media_start_s, live=live)
        self._live = live
        self._lasting: list[Event] = []
        self._empty = True
        head, tail = self._format.head, self._format.tail((), first=True)
        self._file = GrowingFile(path, head, overwrite=overwrite, tail=tail)

    def write(self, result: Result) -> None:
        """Frames don't matter here."""

    def event(self, event: Event) -> None:
        """Adds a segment that ended, or keeps one that began.

        Raises:
            OutputError: the disk is full; the file is as it was.
        """
        if event.end_s is None:
            self._add("", [*self._lasting, event])
            return
        ended = (event.camera, event.kind, event.start_s)
        lasting = [e for e in self._lasting if (e.camera, e.kind, e.start_s) != ended]
        self._add(self._format.item(event, first=self._empty), lasting)

    def _add(self, text: str, lasting: list[Event]) -> None:
        """Writes text behind the finished segments, then what follows them."""
        empty = self._empty and not text
        self._file.add(text, self._format.tail(lasting, first=empty))
        self._empty, self._lasting = empty, lasting

    def close(self) -> None:
        """Closes the file. Can be called again."""
        try:
            if self._lasting and self._live:
                self._add("", [])
        finally:
            self._file.close()


def _check(option: str, path: Path) -> None:
    _format(path, 0.0, live=False)
    if path.exists() and not path.is_file():
        raise OutputPathError(f"{option} {path}: a file is needed, no device or pipe")


OUTPUT = Output(
    lambda path, run: SegmentLog(path, run.zero_s, live=run.info is None, overwrite=run.overwrite),
    _check,
    of_events=True,
)
