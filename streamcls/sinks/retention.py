"""Old files of an output that makes more and more of them, and when they are deleted."""

import logging
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from streamcls import clock

log = logging.getLogger(__name__)

_EVERY_S = 60.0
_SHARE = 10  # of what may be kept: one in so many that is new is much
_FIELD = re.compile(r"%[-_0^#]*[0-9]*[EO]?.", re.DOTALL)
_NUMBER = r"(-[1-9][0-9]{0,4})?"  # where a name was taken


class Retention:
    """Deletes an output's oldest files, by age and by the size of all together.

    It knows the files by their names alone, so those of earlier runs, too, and touches no others.
    """

    def __init__(
        self,
        folder: Path,
        names: re.Pattern[str],
        *,
        max_age_s: float | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """Deletes nothing yet.

        Args:
            folder: where the files are; not in folders below it.
            names: all of a file's name must match.
            max_age_s: since a file was last written; None for ever.
            max_bytes: of all files together; None for no limit.
        """
        self._folder = folder
        self._names = names
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._next_s = -1.0
        self._added = 0
        self._warned = False

    def look(self, current: Path | None = None, *, added: int = 0) -> None:
        """Does what `clear` does once a minute, and when much was added; to be called often.

        Args:
            current: see `clear`.
            added: bytes of files that came since the last call.
        """
        self._added += added
        is_much = self._max_bytes is not None and self._added * _SHARE > self._max_bytes
        if is_much or clock.now_s() >= self._next_s:
            self.clear(current)

    def clear(self, current: Path | None = None) -> None:
        """Deletes what is too old or too much; what can't be deleted is said once.

        Args:
            current: the file that is being written, which counts and stays.
        """
        self._next_s = clock.now_s() + _EVERY_S
        self._added = 0
        try:
            found = sorted(self._found())
        except OSError as error:
            self._warn(self._folder, error)
            return
        total = sum(size for _, size, _ in found)
        oldest_s = clock.epoch_s() - self._max_age_s if self._max_age_s is not None else 0.0
        for written_s, size, path in found:
            if written_s >= oldest_s and (self._max_bytes is None or total <= self._max_bytes):
                return
            if current is not None and path.name == current.name:
                continue
            # What can't be deleted doesn't count: newer files would have to go in its place.
            total -= size
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._warn(path, error)

    def _found(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was last written (seconds since the epoch), its bytes, and the file."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if not self._names.fullmatch(entry.name):
                    continue
                try:
                    known = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # somebody else has deleted it
                if stat.S_ISREG(known.st_mode):
                    yield known.st_mtime, known.st_size, Path(entry.path)

    def _warn(self, path: Path, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            log.warning("%s: old files can't be deleted: %s", path, error.strerror or error)


def names_of(name: str) -> re.Pattern[str]:
    """Matches the names of files that a name with `strftime` fields may have given.

    Also those that got a number because a name was taken.

    >>> bool(names_of("belt-%H%M.csv").fullmatch("belt-1230-2.csv"))
    True
    """
    path = Path(name)
    return re.compile(_pattern(path.stem) + _NUMBER + _pattern(path.suffix))


def _pattern(text: str) -> str:
    fields = _FIELD.findall(text)
    literals = _FIELD.split(text)
    parts = [re.escape(literals[0])]
    for field, literal in zip(fields, literals[1:], strict=True):
        parts += [_field_pattern(field), re.escape(literal)]
    return "".join(parts)


def _field_pattern(field: str) -> str:
    """Whatever the field gives, in the language that is set here: its words, and any digits."""
    moments = (datetime(2024, 1, 1) + timedelta(hours=25 * i, seconds=61 * i) for i in range(366))
    texts = {re.sub(r"\d", "0", moment.strftime(field)) for moment in moments}
    return f"(?:{'|'.join(re.escape(text).replace('0', '[0-9]') for text in sorted(texts))})"
