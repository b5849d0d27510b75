"""Notices that somebody changed a file."""

from pathlib import Path

from streamcls import clock

_LOOK_S = 1.0  # a file that is the same at two looks is not being written any more

_Stamp = tuple[int, int, int] | None


class ChangedFile:
    """A file that is looked at from time to time. One thread."""

    def __init__(self, path: Path) -> None:
        """As it is now is as it was read."""
        self._path = path
        self._known = self._seen = self._stamp()
        self._looked_s = clock.now_s()

    def has_changed(self) -> bool:
        """Whether it is another than before, and was left alone for a second; said once."""
        now_s = clock.now_s()
        if now_s - self._looked_s < _LOOK_S:
            return False
        self._looked_s = now_s
        before, self._seen = self._seen, self._stamp()
        if self._seen is None or self._seen != before or self._seen == self._known:
            return False
        self._known = self._seen
        return True

    def read_now(self) -> None:
        """It is being read for another reason."""
        self._known = self._seen = self._stamp()

    def _stamp(self) -> _Stamp:
        """None while it is away, as while an editor replaces it."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
