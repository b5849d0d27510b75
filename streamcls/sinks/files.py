"""Output files: checked before the run, never overwritten unasked, errors in one line."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from streamcls.errors import OutputError, OutputPathError

STDOUT = Path("-")


def check_outputs(outputs: Mapping[str, Path], source: Path | None, *, overwrite: bool) -> None:
    """Raises unless every output can be put where it is asked for.

    Args:
        outputs: option name to path; `-` is standard output.
        source: the file that is read.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputPathError: an output exists, is the source or another output, or its folder can't be
            written.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        folder = path.parent
        place = path if path == STDOUT else folder.resolve() / path.name
        if seen.setdefault(place, option) != option:
            raise OutputPathError(f"{option} {path}: the same file as {seen[place]}")
        if path == STDOUT:
            continue
        if source is not None and source.exists() and path.exists() and path.samefile(source):
            raise OutputPathError(f"{option} {path}: is the source itself; choose another name")
        if path.is_dir():
            raise OutputPathError(f"{option} {path}: is a folder; give a file name")
        if not folder.is_dir():
            raise OutputPathError(f"{option} {path}: there is no folder {folder}; create it first")
        if path.is_file() and not overwrite:
            raise OutputPathError(f"{option} {path}: exists; give --overwrite or another name")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise OutputPathError(f"{option} {path}: no permission to write there")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError inside into an OutputError that names the file; a closed pipe stays one."""
    try:
        yield
    except (OutputError, BrokenPipeError):
        raise
    except OSError as error:
        raise OutputError(f"{path}: can't write: {error.strerror or error}") from error


@contextmanager
def closing_on_failure(file: IO[Any]) -> Iterator[None]:
    """Closes a file that was just opened if what is done with it first fails."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it can't be flushed for the same reason
            file.close()
        raise


def open_text(path: Path) -> TextIO:
    """A new UTF-8 text file, or standard output for `-`; the caller closes it.

    Raises:
        OutputError: it can't be created.
    """
    if path == STDOUT:
        # A handle of its own, so that closing it leaves sys.stdout open.
        return TextIOWrapper(
            os.fdopen(os.dup(sys.stdout.fileno()), "wb"),
            encoding="utf-8",
            newline="",
            write_through=True,
        )
    with writing(path):
        return path.open("w", encoding="utf-8", newline="")


def write_whole(path: Path, text: str) -> None:
    """Writes a small file in one step: readers see the old text or the new one, never a part.

    Raises:
        OutputError: it can't be written; an old file is untouched.
    """
    if path == STDOUT:
        sys.stdout.write(text)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
