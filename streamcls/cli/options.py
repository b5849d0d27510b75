"""Options of the commands, made from the settings they stand for."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from streamcls.cli.log import FORMATS, set_level, set_up_log
from streamcls.config.options import options

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
    """Adds --quiet, -v and --log-format, which set up the log when they are parsed."""

    def set_format(_context: click.Context, _option: click.Parameter, name: str) -> None:
        set_up_log(0, json=name == "json")

    def set_how_much(context: click.Context, _option: click.Parameter, level: int) -> int:
        set_level(-1 if context.params.get("quiet") else level)
        return level

    for option in (
        click.option(
            "--log-format",
            type=click.Choice(FORMATS),
            default="text",
            is_eager=True,  # so that errors of the other options have it
            expose_value=False,
            callback=set_format,
            help="Messages on standard error as text or, for a log collector, as JSON. [text]",
        ),
        click.option(
            "-v",
            "--verbose",
            count=True,
            callback=set_how_much,
            help="Say more; -vv also where errors come from.",
        ),
        click.option("--quiet", is_flag=True, is_eager=True, help="Say nothing but errors."),
    ):
        command = option(command)
    return command
