"""A settings file as editors and people treat it, by a clock that the test puts forward."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.plant.changes import ChangedFile


class Desk:
    """A file, a watch over it, and times of its changes that never coincide."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = file
        self._now_s = 100.0
        self._changes = 0
        monkeypatch.setattr(clock, "now_s", lambda: self._now_s)
        self.write("a: 1")
        self.watched = ChangedFile(file)

    def write(self, text: str, into: Path | None = None) -> None:
        file = into or self.file
        file.write_text(text)
        self._changes += 1
        os.utime(file, ns=(0, 10**18 + self._changes))

    def looks(self, *, times: int = 1, every_s: float = 1.0) -> list[bool]:
        """What is found in looks that are so far apart."""
        found = []
        for _ in range(times):
            self._now_s += every_s
            found.append(self.watched.has_changed())
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path / "line.yaml", monkeypatch)


def test_a_file_that_nobody_touches_has_not_changed(desk: Desk) -> None:
    assert not any(desk.looks(times=10))


def test_a_change_is_told_once_when_the_file_was_left_alone(desk: Desk) -> None:
    desk.write("a: 2")
    assert desk.looks(times=5) == [False, True, False, False, False]
    desk.write("a: 3")
    assert desk.looks(times=3) == [False, True, False]


def test_a_file_that_is_still_being_written_is_left_alone(desk: Desk) -> None:
    for number in range(5):
        desk.write("a: 2\n" * (number + 1))
        assert desk.looks() == [False]
    assert desk.looks(times=2) == [True, False]


def test_it_is_looked_at_once_a_second(desk: Desk) -> None:
    desk.write("a: 2")
    assert desk.looks(times=9, every_s=0.2) == [False] * 9
    assert any(desk.looks(times=6, every_s=0.2))


def other_time(desk: Desk) -> None:
    desk.write("a: 1")


def other_size(desk: Desk) -> None:
    before = desk.file.stat()
    desk.file.write_text("a: 12345")
    os.utime(desk.file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(desk: Desk) -> None:
    """As editors do: a new file in its place, here of the same size and time."""
    before = desk.file.stat()
    new = desk.file.with_name("line.yaml~")
    desk.write("a: 2", into=new)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(desk.file)


@pytest.mark.parametrize("change", [other_time, other_size, replaced])
def test_time_size_and_place_on_the_disk_tell(change: Callable[[Desk], None], desk: Desk) -> None:
    change(desk)
    assert desk.looks(times=3) == [False, True, False]


def test_a_file_that_is_away_for_a_while_is_not_read(desk: Desk) -> None:
    desk.file.unlink()
    assert not any(desk.looks(times=5))
    desk.write("a: 2")
    assert desk.looks(times=3) == [False, True, False]


def test_a_file_that_comes_back_as_it_was_has_not_changed(desk: Desk) -> None:
    aside = desk.file.with_name("aside")
    desk.file.rename(aside)
    assert not any(desk.looks(times=2))
    aside.rename(desk.file)
    assert not any(desk.looks(times=4))


def test_what_was_read_for_another_reason_is_not_read_again(desk: Desk) -> None:
    desk.write("a: 2")
    assert desk.looks() == [False]
    desk.watched.read_now()  # somebody sent a SIGHUP
    assert not any(desk.looks(times=4))
    desk.write("a: 3")
    assert desk.looks(times=2) == [False, True]


def test_one_that_was_not_there_when_it_began_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "line.yaml", monkeypatch)
    desk.file.unlink()
    desk.watched = ChangedFile(desk.file)
    desk.write("a: 1")
    assert desk.looks(times=3) == [False, True, False]
