import os
from pathlib import Path

import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.sinks.growing_file import GrowingFile
from tests.sinks.full_disk import FullDisk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def test_a_tail_stands_until_the_next_piece(tmp_path: Path) -> None:
    path = tmp_path / "o"
    file = GrowingFile(path, "[", overwrite=False, tail="]")
    assert path.read_text() == "[]"
    file.add("1", " and a long tail]")
    assert path.read_text() == "[1 and a long tail]"
    file.add(",2", "]")
    assert path.read_text() == "[1,2]"
    file.close()
    file.close()


def test_what_could_only_partly_be_written_is_taken_back(tmp_path: Path, disk: FullDisk) -> None:
    path = tmp_path / "o"
    file = GrowingFile(path, "head\n", overwrite=False)
    file.add("one\n")
    disk.full = True
    for _ in range(3):
        with pytest.raises(OutputError, match=r"o: can't write: No space left on device"):
            file.add("a long line that has no room\n")
        assert path.read_text() == "head\none\n"
    disk.full = False
    file.add("two\n")
    file.close()
    assert path.read_text() == "head\none\ntwo\n"


def test_a_tail_comes_back_where_the_next_piece_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o"
    file = GrowingFile(path, "[", overwrite=False, tail="\nlasting]")
    write, sizes = os.write, iter([3])

    def once(number: int, data: memoryview) -> int:
        for size in sizes:
            return write(number, data[:size])
        monkeypatch.undo()  # what was there before needs no room
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", once)
    with pytest.raises(OutputError):
        file.add("\nended,", "\nlasting]")
    assert path.read_text() == "[\nlasting]"
    file.add("\nended", "]")
    file.close()
    assert path.read_text() == "[\nended]"


@pytest.mark.parametrize("head", ["", "head\n"])
def test_a_file_that_nothing_went_into_is_taken_away(
    head: str, tmp_path: Path, disk: FullDisk
) -> None:
    """Or a full disk would be tried with a new file every time, and each would stay."""
    path = tmp_path / "o"
    file = GrowingFile(path, head, overwrite=False)
    disk.full = True
    with pytest.raises(OutputError):
        file.add("row\n")
    file.close()
    assert not path.exists()


def test_a_file_without_rows_stays_where_nothing_went_wrong(tmp_path: Path) -> None:
    GrowingFile(tmp_path / "o", "", overwrite=False).close()
    assert (tmp_path / "o").read_text() == ""


def test_a_file_that_can_not_be_begun_is_not_left_behind(tmp_path: Path, disk: FullDisk) -> None:
    disk.full = True
    with pytest.raises(OutputError):
        GrowingFile(tmp_path / "o", "head\n", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "o").write_text("precious")
    with pytest.raises(OutputPathError, match="exists"):
        GrowingFile(tmp_path / "o", "head\n", overwrite=False)
    GrowingFile(tmp_path / "o", "new\n", overwrite=True).close()
    assert (tmp_path / "o").read_text() == "new\n"


def test_devices_and_pipes_take_pieces_without_tails(tmp_path: Path) -> None:
    file = GrowingFile(Path("/dev/null"), "head", overwrite=False)
    file.add("row")
    file.close()
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OutputError, match=r"/dev/full: can't write: No space left"):
        GrowingFile(Path("/dev/full"), "head", overwrite=False)


def test_bytes_of_names_that_are_no_text(tmp_path: Path) -> None:
    GrowingFile(tmp_path / "o", "caf\udce9", overwrite=False).close()
    assert (tmp_path / "o").read_bytes() == b"caf?"
