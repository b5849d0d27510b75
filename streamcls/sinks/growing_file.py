"""A text file that grows by whole pieces: half a line is never left behind, on a full disk neither.

Each piece goes to the system in one call, past Python's buffers: after `kill -9` it is there.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from streamcls.sinks.files import STDOUT, creating, remove, writing


class GrowingFile:
    """Takes text piece by piece, and maybe an end that the next piece replaces."""

    def __init__(self, path: Path, head: str, *, overwrite: bool, tail: str = "") -> None:
        """Creates the file.

        Args:
            path: of the file; `-` is standard output.
            head: what it begins with.
            overwrite: whether an existing file is replaced.
            tail: what stands behind the head until the first piece comes.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created.
        """
        self._path = path
        self._head = len(head.encode(errors="replace"))
        self._kept = 0  # bytes that stay
        self._tail = b""
        self._length = 0  # of the file, at the most
        self._failed = False
        with creating(path, overwrite=overwrite) as self._file:
            # Standard output is not ours to cut, and pipes can't be.
            mode = os.fstat(self._file.fileno()).st_mode
            self._own = path != STDOUT and stat.S_ISREG(mode)
            self.add(head, tail)

    def add(self, text: str, tail: str = "") -> None:
        """Writes text behind all before, then a tail that stands there until the next call.

        Raises:
            OutputError: the disk is full; the file is as it was.
        """
        kept, end = text.encode(errors="replace"), tail.encode(errors="replace")
        with writing(self._path):
            try:
                self._put(kept + end)
            except OSError:
                self._failed = True
                with suppress(OSError):  # the first trouble is the one to tell
                    self._put(self._tail)
                raise
        self._failed = False
        self._kept += len(kept)
        self._tail = end

    def _put(self, data: bytes) -> None:
        """Writes behind what is kept, and ends the file there."""
        number, end = self._file.fileno(), self._kept + len(data)
        if self._own:
            os.lseek(number, self._kept, os.SEEK_SET)
        self._length = max(self._length, end)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(number, rest) :]
        if self._own and self._length > end:
            os.ftruncate(number, end)
        self._length = end

    def close(self) -> None:
        """Closes the file; takes it away if nothing could be written into it. Can be repeated."""
        with writing(self._path):
            self._file.close()
            if self._own and self._failed and self._kept <= self._head:
                remove(self._path)
