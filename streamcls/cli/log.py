"""What is said on standard error: lines for people, or one JSON object a line for programs."""

import json as json_text
import logging
import sys
from typing import TextIO

import click

from streamcls.clock import iso_utc
from streamcls.masking import mask

FORMATS = ("text", "json")

_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
_LOG = logging.getLogger("streamcls")


def set_up_log(level: int, *, json: bool = False) -> None:
    """Sends the log to standard error: -1 errors, 0 warnings, 1 information, 2 everything."""
    handler = _StandardError()
    handler.setFormatter(_Json() if json else _Masked("streamcls: %(message)s"))
    _LOG.handlers = [handler]
    _LOG.propagate = False
    set_level(level)


def set_level(level: int) -> None:
    """The same for a log that is set up; its format stays."""
    _LOG.setLevel(_LEVELS.get(level, logging.DEBUG))


def say(line: str) -> None:
    """A line that is no message of the log, as a run's ledger: as it is, in JSON as information."""
    click.echo(_as_json(line, logging.INFO) if _in_json() else line, err=True)


def say_error(message: str) -> None:
    """An error of a command, whatever the log's level."""
    text = _as_json(message, logging.ERROR) if _in_json() else mask(f"streamcls: {message}")
    click.echo(text, err=True)


def _in_json() -> bool:
    return any(isinstance(handler.formatter, _Json) for handler in _LOG.handlers)


def _as_json(message: str, level: int) -> str:
    return _Json().format(logging.LogRecord(_LOG.name, level, "", 0, message, None, None))


class _StandardError(logging.StreamHandler[TextIO]):
    """Looks up sys.stderr each time, since a progress bar puts itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Masked(logging.Formatter):
    """Hides passwords in addresses, wherever in a message they are."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class _Json(logging.Formatter):
    """One object a line, in ASCII so that no locale can spoil it; hides passwords, too."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": iso_utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        if record.exc_info:
            said["exception"] = mask(self.formatException(record.exc_info))
        return json_text.dumps(said)
