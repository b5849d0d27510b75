from pathlib import Path

import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.protocols import Pictured, Sink
from streamcls.records import Event, Result
from streamcls.sinks.csv_log import CsvLog
from streamcls.sinks.recovering import PicturedRecovering, Recovering
from streamcls.sinks.rotation import Rotating
from tests.fakes import ListSink, event, prediction, result
from tests.sinks.full_disk import FullDisk

FULL = OutputError("o.csv: can't write: No space left on device")


class Disk:
    """Where sinks are opened, in a time that stands still but where the test moves it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.opening: Exception | None = None
        self.writing: Exception | None = None
        self.closing: Exception | None = None
        self.opened: list[_Sink] = []
        self.told: list[str] = []
        self.lost = 0
        monkeypatch.setattr("streamcls.clock.now_s", lambda: self.now_s)

    def open(self) -> Sink:
        if self.opening is not None:
            raise self.opening
        self.opened.append(_Sink(self))
        return self.opened[-1]

    def sink(self, *, of_events: bool = False, retry_s: float = 10.0) -> Recovering:
        return Recovering(
            self.open,
            every_frame=False,
            of_events=of_events,
            failed=lambda error: self.told.append(str(error)),
            recovered=lambda: self.told.append("recovered"),
            lost=self._count,
            retry_s=retry_s,
        )

    def _count(self, count: int) -> None:
        self.lost += count

    @property
    def written(self) -> list[list[int]]:
        return [[one.frame.index for one in sink.results] for sink in self.opened]


class _Sink(ListSink):
    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self._disk = disk

    def write(self, result: Result) -> None:
        if self._disk.writing is not None:
            raise self._disk.writing
        super().write(result)

    def event(self, event: Event) -> None:
        if self._disk.writing is not None:
            raise self._disk.writing
        super().event(event)

    def close(self) -> None:
        super().close()
        if self._disk.closing is not None:
            raise self._disk.closing


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_where_nothing_fails_it_is_the_sink(disk: Disk) -> None:
    sink = disk.sink()
    sink.event(event())
    sink.write(result(0))
    sink.close()
    sink.close()
    assert disk.written == [[0]]
    assert disk.opened[0].events
    assert disk.opened[0].closed == 1
    assert (disk.told, disk.lost) == ([], 0)


def test_a_sink_that_fails_is_closed_and_another_is_opened_later(disk: Disk) -> None:
    sink = disk.sink()
    sink.write(result(0))
    disk.writing = FULL
    sink.write(result(1))
    assert disk.opened[0].closed == 1
    for index in (2, 3):
        disk.now_s += 4.9
        sink.write(result(index))
    assert len(disk.opened) == 1
    disk.writing = None
    disk.now_s = 10.0
    sink.write(result(4))
    sink.write(result(5))
    sink.close()
    assert disk.written == [[0], [4, 5]]
    assert disk.told == [str(FULL), "recovered"]
    assert disk.lost == 3


@pytest.mark.parametrize("where", ["opening", "writing"])
def test_it_is_said_once_however_long_it_lasts(where: str, disk: Disk) -> None:
    setattr(disk, where, FULL)
    sink = disk.sink()
    for index in range(100):
        disk.now_s = index * 5.0
        sink.write(result(index))
    assert disk.told == [str(FULL)]
    assert disk.lost == 100
    assert len(disk.opened) == (50 if where == "writing" else 0)
    setattr(disk, where, None)
    disk.now_s = 1000.0
    sink.write(result(100))
    sink.close()
    assert disk.told == [str(FULL), "recovered"]


def test_it_says_so_again_when_it_fails_again(disk: Disk) -> None:
    sink = disk.sink()
    for number in range(3):
        disk.writing = FULL
        sink.write(result(0))
        disk.writing = None
        disk.now_s += 10.0
        sink.write(result(number))
    assert disk.told == [str(FULL), "recovered"] * 3


def test_what_a_broken_sink_says_in_closing_is_the_same_trouble(disk: Disk) -> None:
    sink = disk.sink()
    disk.writing, disk.closing = FULL, OutputError("o.csv: can't write, either")
    sink.write(result(0))
    assert disk.told == [str(FULL)]
    disk.writing = None
    disk.now_s = 10.0
    sink.write(result(1))
    with pytest.raises(OutputError, match="either"):
        sink.close()
    sink.close()


def test_an_event_that_a_file_of_results_ignores_shows_nothing(disk: Disk) -> None:
    """Or it would be said to work, and to have failed, with each event."""
    disk.opening = FULL
    sink = disk.sink()
    sink.event(event())
    assert disk.lost == 0
    disk.opening = None
    disk.now_s = 10.0
    sink.event(event())
    assert disk.told == [str(FULL)]
    sink.write(result(0))
    assert disk.told == [str(FULL), "recovered"]


def test_of_files_of_events_the_events_count(disk: Disk) -> None:
    disk.opening = FULL
    sink = disk.sink(of_events=True)
    sink.write(result(0))
    sink.event(event())
    assert disk.lost == 1
    disk.opening = None
    disk.now_s = 10.0
    sink.write(result(1))
    assert disk.told == [str(FULL)]
    sink.event(event())
    assert disk.told == [str(FULL), "recovered"]


def test_a_place_that_can_not_be_right_is_raised_while_nothing_was_written(disk: Disk) -> None:
    wrong = OutputPathError("o.csv: exists")
    disk.opening = wrong
    with pytest.raises(OutputPathError, match="exists"):
        disk.sink()
    disk.opening = None
    sink = disk.sink()
    disk.writing = wrong  # as of a file that only the first result opens
    with pytest.raises(OutputPathError, match="exists"):
        sink.write(result(0))
    disk.writing = None
    sink.write(result(1))
    disk.writing = wrong
    sink.write(result(2))
    assert disk.told == ["o.csv: exists"]


def test_mistakes_are_not_taken_for_a_full_disk(disk: Disk) -> None:
    sink = disk.sink()
    disk.writing = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        sink.write(result(0))
    disk.writing = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        sink.write(result(0))


def test_closed_it_opens_nothing_more(disk: Disk) -> None:
    sink = disk.sink()
    sink.close()
    disk.now_s = 1e9
    sink.write(result(0))
    assert len(disk.opened) == 1


@pytest.mark.parametrize("every_frame", [False, True])
def test_it_wants_what_its_sink_wants(every_frame: bool, disk: Disk) -> None:
    for around in (Recovering, PicturedRecovering):
        sink = around(
            disk.open,
            every_frame=every_frame,
            failed=lambda _: None,
            recovered=lambda: None,
            lost=lambda _: None,
        )
        assert sink.every_frame == every_frame
        assert isinstance(sink, Pictured) == (around is PicturedRecovering)


def test_rows_go_on_in_a_new_file(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = FullDisk(monkeypatch)

    def open_() -> Sink:
        return Rotating(
            tmp_path / "o.csv", lambda path, _: CsvLog(path, 1), every_frame=False, seconds=3600
        )

    disk.open = open_  # type: ignore[method-assign]
    sink = disk.sink()
    for index in range(6):
        full.full = index in (2, 3)
        disk.now_s = index * 10.0
        sink.write(result(index, raw=prediction()))
    sink.close()
    texts = sorted(path.read_text() for path in tmp_path.iterdir())
    assert [[line.split(",")[1] for line in text.splitlines()] for text in texts] == [
        ["frame", "0", "1"],
        ["frame", "4", "5"],
    ]
    assert disk.lost == 2
