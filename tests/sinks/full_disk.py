"""A disk that is full, for tests without one: writing takes a part, then fails."""

import errno
import os
from typing import Any

import pytest


class FullDisk:
    """Stands for `os.write` while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._write = os.write
        monkeypatch.setattr(os, "write", self._or_fail)
        self._half = True

    def _or_fail(self, number: int, data: Any) -> int:
        if not self.full:
            return self._write(number, data)
        self._half = not self._half
        if self._half or len(data) < 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(number, bytes(data)[: len(data) // 2])
