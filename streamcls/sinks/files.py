"""Output files: checked before the run, never overwritten unasked, errors in one line."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from streamcls.errors import OutputError, OutputPathError, StreamclsError

STDOUT = Path("-")


def check_outputs(
    outputs: Mapping[str, Path], inputs: Mapping[Path, str], *, overwrite: bool
) -> None:
    """Raises unless every output can be put where it is asked for.

    Args:
        outputs: option name to path; `-` is standard output.
        inputs: the files that are read, and what each of them is.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputPathError: an output exists, is an input or another output, or its folder can't be
            written.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        named = f"{option} {path}"
        try:
            place = path if path == STDOUT else path.resolve()
            if seen.setdefault(place, option) != option:
                raise OutputPathError(f"{named}: the same file as {seen[place]}")
            if path != STDOUT:
                _check_place(named, path)
                _check_replaceable(named, path, inputs, overwrite=overwrite)
        except OutputPathError:
            raise
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise OutputPathError(
                f"{named}: {getattr(error, 'strerror', None) or error}"
            ) from error


def _check_replaceable(
    named: str, path: Path, inputs: Mapping[Path, str], *, overwrite: bool
) -> None:
    for read, what in inputs.items():
        if path.exists() and read.exists() and path.samefile(read):
            raise OutputPathError(f"{named}: is {what} itself; choose another name")
    into_nothing = path.is_symlink() and not path.exists()
    if (path.is_file() or into_nothing) and not overwrite:
        raise OutputPathError(f"{named}: exists; give --overwrite or another name")


def _check_place(named: str, path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputPathError(f"{named}: is a folder; give a file name")
    if not folder.is_dir():
        raise OutputPathError(f"{named}: there is no folder {folder}; create it first")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise OutputPathError(f"{named}: no permission to write there")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError inside into an OutputError that names the file; a closed pipe stays one."""
    try:
        yield
    except (StreamclsError, BrokenPipeError):
        raise
    except FileExistsError as error:  # it was not there when the run began
        raise OutputPathError(f"{path}: exists; give --overwrite or another name") from error
    except OSError as error:
        raise OutputError(f"{path}: can't write: {error.strerror or error}") from error


@contextmanager
def creating(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A new file, or standard output for `-`; closed and removed again if the block fails.

    Raises:
        OutputPathError: it exists by now, and `overwrite` is False.
        OutputError: it can't be created.
    """
    with writing(path):
        if path == STDOUT:
            # A handle of its own, so that closing it leaves sys.stdout open.
            file: BinaryIO = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
        else:
            # Devices and pipes exist, but nothing in them is lost.
            special = path.exists() and not path.is_file()
            file = path.open("wb" if overwrite or special else "xb")
        try:
            yield file
        except BaseException:  # whatever it is, Ctrl-C too: it is raised again
            with suppress(OSError):  # it can't be flushed for the same reason
                file.close()
            remove(path)
            raise


def remove(path: Path) -> None:
    """Takes a file away that turned out to be of no use; devices, pipes and links stay."""
    if path != STDOUT and path.is_file() and not path.is_symlink():
        path.unlink(missing_ok=True)


def as_text(file: BinaryIO) -> TextIO:
    """Text on top of a binary file: UTF-8, line ends as they are written.

    Names of files may hold bytes that are no text; each becomes `?`.
    """
    return io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")


def write_whole(path: Path, text: str, *, overwrite: bool) -> None:
    """Writes a small file in one step: readers see all of it, or what was there before.

    Raises:
        OutputPathError: it exists, and `overwrite` is False.
        OutputError: it can't be written; an old file is untouched.
    """
    place = path.resolve()
    aside = place.with_name(f".{place.name}.{os.getpid()}.part")
    with writing(path):
        if path.exists() and not path.is_file():  # a device or a pipe can't be replaced
            path.write_text(text, encoding="utf-8", errors="replace")
            return
        try:
            aside.write_text(text, encoding="utf-8", errors="replace")
            if overwrite:
                aside.replace(place)
            else:
                _link_new(aside, place)
        finally:
            aside.unlink(missing_ok=True)


def _link_new(made: Path, place: Path) -> None:
    """Gives a file a second name that must be new; a copy on file systems that have no links."""
    try:
        place.hardlink_to(made)
    except OSError:
        with place.open("xb") as file:
            file.write(made.read_bytes())
