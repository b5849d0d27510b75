"""Output files: checked before the run, never overwritten unasked, errors in one line."""

import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from streamcls import clock
from streamcls.errors import OutputError, OutputPathError, StreamclsError

STDOUT = Path("-")
_PROBE_BYTES = 65536  # of a picture, about
_PART_S = 10.0  # after which nobody writes a small file any more


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
    _check_writable(named, folder, path if path.exists() else folder)


def _check_writable(named: str, folder: Path, place: Path) -> None:
    if not folder.is_dir():
        raise OutputPathError(f"{named}: there is no folder {folder}; create it first")
    if not os.access(place, os.W_OK):
        raise OutputPathError(f"{named}: no permission to write there")


def check_folder(option: str, folder: Path) -> None:
    """Raises unless a folder that takes files is there, or can be made.

    Raises:
        OutputPathError: it is none, or can't be written, or neither can the one that it is for.
    """
    named = f"{option} {folder}"
    try:
        place = folder.resolve()
        if place.exists() and not place.is_dir():
            raise OutputPathError(f"{named}: is a file; give a folder")
        taking = folder if place.exists() else folder.parent
        _check_writable(named, taking, taking)
    except OutputPathError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputPathError(f"{named}: {getattr(error, 'strerror', None) or error}") from error


def open_folder(folder: Path, ours: re.Pattern[str]) -> None:
    """Makes a folder for files of `write_whole` if it is missing.

    Args:
        folder: its parent folder must be there.
        ours: names of files of which an earlier run may have left parts behind; those go.

    Raises:
        OutputError: it can't be had.
    """
    with writing(folder):
        folder.mkdir(exist_ok=True)
        for part in folder.glob(".*.part"):
            name = part.name[1:].rsplit(".", 2)[0]
            # Younger ones may be another camera's, which is at work.
            if ours.fullmatch(name) and _age_s(part) > _PART_S:
                part.unlink(missing_ok=True)


def probe_room(folder: Path) -> None:
    """Sees that a small picture fits into a folder.

    Raises:
        OutputError: the disk is full.
    """
    probe = folder / f".{os.getpid()}.part"
    with writing(folder):
        try:
            probe.write_bytes(bytes(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    try:
        return clock.epoch_s() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


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


def write_whole(path: Path, content: str | bytes, *, overwrite: bool) -> None:
    """Writes a small file in one step: readers see all of it, or what was there before.

    Meanwhile it has a name with a dot before and `.part` behind, which only a crash leaves there.

    Raises:
        OutputPathError: it exists, and `overwrite` is False.
        OutputError: it can't be written; an old file is untouched.
    """
    if isinstance(content, str):
        content = content.encode(errors="replace")
    place = path.resolve()
    aside = place.with_name(f".{place.name}.{os.getpid()}.part")
    with writing(path):
        if path.exists() and not path.is_file():  # a device or a pipe can't be replaced
            path.write_bytes(content)
            return
        try:
            aside.write_bytes(content)
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
