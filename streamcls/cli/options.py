"""Options of the commands, made from the settings they stand for."""

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO, TypeVar

import click

from streamcls.config.options import options
from streamcls.masking import mask

Command = TypeVar("Command", bound=Callable[..., Any])

MODEL_OPTIONS = ("model", "weights", "labels", "backend", "precision", "input_size")


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Adds options by name, all of them without names; values are checked later, in one place."""

    def add(command: Command) -> Command:
        for name in reversed(names or tuple(options())):
            option = options()[name]
            shown = (
                f"{option.help} [{option.default}]"
                if option.default not in (None, False)
                else option.help
            )
            off = f"/--{option.off}" if option.off else ""
            command = click.option(
                f"--{name.replace('_', '-')}{off}",
                is_flag=option.is_flag,
                default=None,
                metavar=None if option.is_flag else option.metavar,
                help=shown.replace("`", ""),
            )(command)
        return command

    return add


def verbosity(command: Command) -> Command:
    """Adds --quiet and -v, which set up the log when they are parsed."""

    def set_up(context: click.Context, _option: click.Parameter, level: int) -> int:
        set_up_log(-1 if context.params.get("quiet") else level)
        return level

    command = click.option(
        "-v",
        "--verbose",
        count=True,
        callback=set_up,
        help="Say more; -vv also where errors come from.",
    )(command)
    return click.option("--quiet", is_flag=True, is_eager=True, help="Say nothing but errors.")(
        command
    )


def set_up_log(level: int) -> None:
    """Sends the log to standard error: -1 errors, 0 warnings, 1 information, 2 everything."""
    handler = _StandardError()
    handler.setFormatter(_Masked("streamcls: %(message)s"))
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    log = logging.getLogger("streamcls")
    log.handlers = [handler]
    log.setLevel(levels.get(level, logging.DEBUG))
    log.propagate = False


class _StandardError(logging.StreamHandler[TextIO]):
    """Looks up sys.stderr each time, since a progress bar puts itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Masked(logging.Formatter):
    """Hides passwords in addresses, wherever in a message they are."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))
