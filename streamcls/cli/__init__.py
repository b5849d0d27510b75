"""The command line: one file a command, loaded when it is called."""

import ctypes
import importlib
import logging
import os
import signal
import sys
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path

import click

from streamcls.cli.log import say_error, set_up_log
from streamcls.errors import StreamclsError
from streamcls.runtime.stop import end_on_signals
from streamcls.runtime.threads import left_behind

# With what stands beside each in the list: to read it from the commands would load them all.
COMMANDS = {
    "run": "Classify a video file, a webcam or a stream.",
    "classify": "Classify pictures.",
    "serve": "Serve a page and a REST API.",
    "export": "Make a fast bundle of a model, measured against it.",
    "verify": "Check a bundle against its original.",
    "bench": "Measure models and whole runs on this machine.",
    "demo": "Try it, without any file of your own.",
    "check": "Say what a source is and what reads it.",
    "config": "Print the schema of settings files.",
    "drill": "Go through every fault of a camera.",
    "models": "List the models known by name.",
}


_M_ARENA_MAX = -8  # of glibc's malloc.h


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"streamcls.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


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
    _open_closed_streams()
    _share_heaps()
    end_on_signals()
    set_up_log(0, json=_json_asked_for())
    code = _flushed(_run())
    # After a KeyboardInterrupt in Python that C code ran, as torch's does while it is imported,
    # Python would end itself with SIGINT in spite of the code.
    if left_behind() or code == 128 + signal.SIGINT:
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    log = logging.getLogger("streamcls")
    try:
        code = cli.main(prog_name="streamcls", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        say_error(_usage(error))
        return 2
    except click.ClickException as error:
        say_error(error.format_message())
        return error.exit_code
    except StreamclsError as error:
        say_error(str(error))
        log.debug("where it was raised:", exc_info=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:  # a mistake of ours is one line too; -vv shows it all
        if isinstance(error, OSError) and error.filename is not None:  # as a name that is too long
            say_error(f"{error.filename}: {error.strerror}")
        else:
            say_error(
                f"unexpected {type(error).__name__}: {error}; -vv shows where, please report it"
            )
        log.debug("where it was raised:", exc_info=True)
        return 1


def _flushed(code: int) -> int:
    """The exit code when what was printed last has got out, or could not."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if code == 0 and not isinstance(error, BrokenPipeError):
            say_error(f"standard output: can't write: {error.strerror}")
        # It stays in its buffer; Python would try again at its end, and make the code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code


def _share_heaps() -> None:
    """glibc gives each thread a heap that keeps what is freed in it; two are 10 to 30 MB less."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has no such thing
        libc.mallopt(_M_ARENA_MAX, 2)


def _open_closed_streams() -> None:
    """Standard streams that the caller closed go nowhere, so that no output gets their number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("r" if name == "stdin" else "w")  # noqa: SIM115
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):  # names of files may hold bytes that are no text
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _json_asked_for() -> bool:
    """Looked up before options are parsed: a wrong one among them is an error line, too."""
    return "--log-format=json" in sys.argv or ("--log-format", "json") in pairwise(sys.argv)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "streamcls"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see: {command} --help"
