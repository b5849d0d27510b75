"""The last lines of the log, for the page."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from streamcls.clock import iso_utc
from streamcls.masking import mask

_LINES = 200
_LONGEST = 500  # characters of a line
_LOG = logging.getLogger("streamcls")


class LogTail(logging.Handler):
    """Keeps them, with passwords masked."""

    def __init__(self) -> None:
        """Has none yet."""
        super().__init__()
        self._lines: deque[str] = deque(maxlen=_LINES)

    @property
    def lines(self) -> list[str]:
        """Oldest first; any thread."""
        return list(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one."""
        text = mask(record.getMessage()).replace("\n", " ")[:_LONGEST]
        self._lines.append(f"{iso_utc(record.created)} {record.levelname} {text}")

    @contextmanager
    def listening(self) -> Iterator["LogTail"]:
        """Keeps what is logged as long as somebody is inside."""
        _LOG.addHandler(self)
        try:
            yield self
        finally:
            _LOG.removeHandler(self)
