"""Outputs without end: a new file every hour or every so many bytes, each complete on its own."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from streamcls import clock
from streamcls.errors import OutputPathError
from streamcls.protocols import Sink
from streamcls.records import Event, Result

_STAMP = "-%Y%m%d-%H%M%S"  # where a name that must change doesn't say how

Open = Callable[[Path, Result], Sink]


class Rotating:
    """A sink that begins a new file when the last one is full. The first result opens the first."""

    def __init__(
        self,
        path: Path,
        open_: Open,
        *,
        every_frame: bool,
        seconds: float | None = None,
        size: int | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            path: of the files; `strftime` fields in its name are filled in (local time).
            open_: makes the sink of one file; gets its path and the first result for it.
            every_frame: what the sinks say of themselves.
            seconds, size: when a file is full; None for never.
        """
        self._path = path
        self._open = open_
        self._every_frame = every_frame
        self._seconds = seconds
        self._size = size
        self._sink: Sink | None = None
        self._current = path
        self._begun_s = 0.0

    @property
    def every_frame(self) -> bool:
        """As its files want it."""
        return self._every_frame

    def write(self, result: Result) -> None:
        """Takes in one frame, into a new file if it is time.

        Raises:
            OutputError: it can't be written.
        """
        if self._sink is not None and self._is_full():
            self._sink.close()
            self._sink = None
        if self._sink is None:
            self._current = self._next_path()
            self._sink = self._open(self._current, result)
            self._begun_s = clock.now_s()
        self._sink.write(result)

    def event(self, event: Event) -> None:
        """Hands it on."""
        if self._sink is not None:
            self._sink.event(event)

    def close(self) -> None:
        """Finalises the last file. Can be called again."""
        if self._sink is not None:
            self._sink.close()

    def _is_full(self) -> bool:
        if self._seconds is not None and clock.now_s() - self._begun_s >= self._seconds:
            return True
        if self._size is None:
            return False
        # One that somebody took away takes no more.
        return not self._current.exists() or self._current.stat().st_size >= self._size

    def _next_path(self) -> Path:
        rotates = self._seconds is not None or self._size is not None
        return file_name(self._path, clock.local(), changing=rotates)


def stamped(camera: str, ending: str, now: datetime) -> Path:
    """A new file's name from a camera's, whatever stands in that, and the time.

    >>> stamped("hall/2", ".png", datetime(2026, 5, 1, 12, 30))
    PosixPath('hall_2-20260501-123000.png')
    """
    name = re.sub(r"[^\w.-]", "_", camera)
    return file_name(Path(f"{name}{_STAMP}{ending}"), now, changing=True)


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
    name = path.name if "%" in path.name else f"{path.stem}{_STAMP}{path.suffix}"
    try:
        first = found = path.with_name(now.strftime(name))
    except (ValueError, UnicodeError) as error:
        raise OutputPathError(f"{path}: no name can be made of it: {error}") from error
    number = 1
    while changing and found.exists():
        found = first.with_name(f"{first.stem}-{number}{first.suffix}")
        number += 1
    return found
