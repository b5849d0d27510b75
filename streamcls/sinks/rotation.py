"""Outputs without end: a new file every hour or every so many bytes, each complete on its own."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from streamcls import clock
from streamcls.errors import OutputPathError
from streamcls.protocols import Sink
from streamcls.records import Event, Result
from streamcls.sinks.files import writing
from streamcls.sinks.retention import Retention

_STAMP = "-%Y%m%d-%H%M%S"  # where a name that must change doesn't say how

Open = Callable[[Path, Result | None], Sink]


class Rotating:
    """A sink that begins a new file when the last one is full.

    The first result opens the first file; that of a sink of events is opened at once, so that it
    is there however long nothing happens. Segments that began in an earlier file are told to the
    next one, too, and end there.
    """

    def __init__(
        self,
        path: Path,
        open_: Open,
        *,
        every_frame: bool,
        of_events: bool = False,
        seconds: float | None = None,
        size: int | None = None,
        new: bool = False,
        retention: Retention | None = None,
    ) -> None:
        """Opens the first file of a sink of events, of others nothing yet.

        Args:
            path: of the files; `strftime` fields in its name are filled in (local time).
            open_: makes the sink of one file; gets its path and the first result for it, which
                sinks of events do without.
            every_frame: what the sinks say of themselves.
            of_events: whether they write events and not results.
            seconds, size: when a file is full; None for never.
            new: whether the first name must be a new one, too, where files are never full.
            retention: what deletes old files; None where all are kept.

        Raises:
            OutputPathError, OutputError: the file of a sink of events can't be had.
        """
        self._path = path
        self._open = open_
        self._every_frame = every_frame
        self._seconds = seconds
        self._size = size
        self._of_events = of_events
        self._changing = new or seconds is not None or size is not None
        self._retention = retention
        self._lasting: dict[tuple[str, str, float], Event] = {}
        self._sink: Sink | None = None
        self._current = path
        self._begun_s = 0.0
        if of_events:
            self._begin(None)

    @property
    def every_frame(self) -> bool:
        """As its files want it."""
        return self._every_frame

    def write(self, result: Result) -> None:
        """Takes in one frame, into a new file if it is time.

        Raises:
            OutputError: it can't be written.
        """
        if self._of_events:
            self._look()  # nothing else: a result makes no file of events full
        else:
            self._ready(result).write(result)

    def event(self, event: Event) -> None:
        """Hands it on; into a new file if it is time, and its files are of events.

        Raises:
            OutputError: it can't be written.
        """
        if not self._of_events:
            if self._sink is not None:
                self._sink.event(event)
            return
        self._ready(None).event(event)
        if event.end_s is None:
            self._lasting[_which(event)] = event
        else:
            self._lasting.pop(_which(event), None)

    def _ready(self, first: Result | None) -> Sink:
        """The sink that is open now."""
        if self._sink is not None and self._is_full():
            self.close()
        if self._sink is None:
            return self._begin(first)
        self._look()
        return self._sink

    def _look(self) -> None:
        if self._retention is not None:
            self._retention.look(self._current)

    def _begin(self, first: Result | None) -> Sink:
        if self._retention is not None:
            self._retention.clear()  # before, as the disk may be full
        with writing(self._path):
            self._current = file_name(self._path, clock.local(), changing=self._changing)
        sink = self._sink = self._open(self._current, first)
        self._begun_s = clock.now_s()
        for event in self._lasting.values():
            sink.event(event)
        return sink

    def close(self) -> None:
        """Finalises the last file. Can be called again."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _is_full(self) -> bool:
        if self._seconds is not None and clock.now_s() - self._begun_s >= self._seconds:
            return True
        if self._size is None:
            return False
        try:
            return self._current.stat().st_size >= self._size
        except OSError:
            return True  # one that somebody took away takes no more


def _which(event: Event) -> tuple[str, str, float]:
    """What the beginning and the end of a segment have in common."""
    return event.camera, event.kind, event.start_s


def stamped(camera: str, ending: str, now: datetime) -> Path:
    """A new file's name from a camera's, whatever stands in that, and the time.

    >>> stamped("hall/2", ".png", datetime(2026, 5, 1, 12, 30))
    PosixPath('hall_2-20260501-123000.png')
    """
    return file_name(Path(f"{plain(camera)}{_STAMP}{ending}"), now, changing=True)


def plain(name: str) -> str:
    """A name as a part of a file's name.

    >>> plain("hall/2")
    'hall_2'
    """
    return re.sub(r"[^\w.-]", "_", name)


def changing_name(path: Path) -> str:
    """A path's name; one without `strftime` fields gets date and time.

    >>> changing_name(Path("belt.csv"))
    'belt-%Y%m%d-%H%M%S.csv'
    """
    return path.name if "%" in path.name else f"{path.stem}{_STAMP}{path.suffix}"


def file_name(path: Path, now: datetime, *, changing: bool) -> Path:
    """The path with its name's `strftime` fields filled in, and a number where that is taken.

    >>> file_name(Path("belt-%H%M.csv"), datetime(2026, 5, 1, 12, 30), changing=True)
    PosixPath('belt-1230.csv')

    Args:
        path: its name may have fields like %Y; other % stay.
        now: the time to fill in.
        changing: whether names have to differ; one without fields then gets date and time.

    Raises:
        OutputPathError: the fields give no file name.
    """
    if not changing and "%" not in path.name:
        return path
    try:
        first = found = path.with_name(now.strftime(changing_name(path)))
    except (ValueError, UnicodeError) as error:
        raise OutputPathError(f"{path}: no name can be made of it: {error}") from error
    number = 1
    while changing and found.exists():
        found = first.with_name(f"{first.stem}-{number}{first.suffix}")
        number += 1
    return found
