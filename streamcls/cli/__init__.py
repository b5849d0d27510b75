"""The command line: one file a command, loaded when it is called."""

import importlib
import logging
import signal
import sys
from types import FrameType

import click

from streamcls.capture.address import mask
from streamcls.errors import StreamclsError

_COMMANDS = ("run", "classify", "demo", "check", "models")


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"streamcls.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="streamcls", message="%(prog)s %(version)s")
def cli() -> None:
    """Says what a video shows, on an ordinary CPU: labels, segments, an annotated video.

    \b
    streamcls demo                                    try it, without any file of your own
    streamcls run match.mp4 --video out.mp4           a recording
    streamcls classify photos/                        pictures
    """


def main() -> None:
    """Runs the command line and ends the process: every error is one line and an exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(prog_name="streamcls", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.UsageError as error:
        _say(_usage(error))
        code = 2
    except click.ClickException as error:
        _say(error.format_message())
        code = error.exit_code
    except StreamclsError as error:
        _say(str(error))
        logging.getLogger("streamcls").debug("where it was raised:", exc_info=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = 128 + signal.SIGINT
    except Exception as error:  # a mistake of ours is one line too; -vv shows it all
        _say(f"unexpected {type(error).__name__}: {error}; -vv shows where, please report it")
        logging.getLogger("streamcls").debug("where it was raised:", exc_info=True)
        code = 1
    sys.exit(code)


def _terminated(number: int, _frame: FrameType | None) -> None:
    """SIGTERM while nothing is running yet: end as at Ctrl-C, so that everything is cleaned up."""
    raise SystemExit(128 + number)


def _say(message: str) -> None:
    click.echo(mask(f"streamcls: {message}"), err=True)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "streamcls"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see: {command} --help"
