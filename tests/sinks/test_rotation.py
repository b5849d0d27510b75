import csv
import json
import re
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.media import av
from streamcls.protocols import Sink
from streamcls.records import Result
from streamcls.sinks.csv_log import CsvLog, header
from streamcls.sinks.retention import Retention
from streamcls.sinks.rotation import Rotating, file_name, stamped
from streamcls.sinks.segments import SegmentLog
from streamcls.sinks.video import VideoSink
from tests.fakes import ListSink, event, info, prediction, result

NOW = datetime(2026, 5, 1, 12, 30, 5)


class Clock:
    """Time stands still but where the test moves it on; by the clock on the wall it is NOW."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return 5000.0 + self.passed_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW.timestamp() + self.passed_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("streamcls.clock.time", made)
    monkeypatch.setattr("streamcls.clock.datetime", made)
    return made


class File(ListSink):
    """A sink that writes ten bytes for each result into a file of its own."""

    def __init__(self, path: Path, first: Result | None) -> None:
        super().__init__()
        self.path, self.first = path, first
        self.path.touch()

    def write(self, result: Result) -> None:
        assert not self.closed
        super().write(result)
        with self.path.open("ab") as file:
            file.write(b"x" * 10)


class Made:
    """A rotating sink, and the files that it opened."""

    def __init__(self, path: Path, *, seconds: float | None = None, size: int | None = None):
        self.files: list[File] = []
        self.sink = Rotating(path, self._open, every_frame=False, seconds=seconds, size=size)
        self._next = 0

    def _open(self, path: Path, first: Result | None) -> File:
        assert all(file.closed == 1 for file in self.files), "the last one is still open"
        self.files.append(File(path, first))
        return self.files[-1]

    def write(self, count: int = 1) -> None:
        for _ in range(count):
            self.sink.write(result(self._next))
            self._next += 1

    @property
    def names(self) -> list[str]:
        return [file.path.name for file in self.files]

    @property
    def contents(self) -> list[list[int]]:
        return [[one.frame.index for one in file.results] for file in self.files]


def test_nothing_is_opened_before_the_first_result(tmp_path: Path) -> None:
    made = Made(tmp_path / "o.csv", seconds=60)
    made.sink.event(event())
    assert made.files == []
    made.write()
    assert made.files[0].first is made.files[0].results[0]


def test_by_time(tmp_path: Path, clock: Clock) -> None:
    made = Made(tmp_path / "o-%H%M%S.csv", seconds=3600)
    made.write(3)
    clock.passed_s = 3599.9
    made.write()
    clock.passed_s = 3600.0
    made.write(2)
    clock.passed_s = 7200.5
    made.write()
    made.sink.close()
    assert made.contents == [[0, 1, 2, 3], [4, 5], [6]]
    assert made.names == ["o-123005.csv", "o-133005.csv", "o-143005.csv"]
    assert [file.closed for file in made.files] == [1, 1, 1]


def test_the_time_of_a_file_begins_with_its_first_result(tmp_path: Path, clock: Clock) -> None:
    """After a night without signal there is no row of empty files."""
    made = Made(tmp_path / "o-%H%M%S.csv", seconds=60)
    clock.passed_s = 1000.0
    made.write()
    clock.passed_s = 1059.0
    made.write()
    clock.passed_s = 9000.0
    made.write()
    clock.passed_s = 9059.0
    made.write()
    assert made.contents == [[0, 1], [2, 3]]


def test_by_size(tmp_path: Path) -> None:
    made = Made(tmp_path / "o.csv", size=30)
    made.write(8)
    made.sink.close()
    assert made.contents == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [file.path.stat().st_size for file in made.files] == [30, 30, 20]
    assert len(set(made.names)) == 3


def test_by_time_or_size_whichever_comes_first(tmp_path: Path, clock: Clock) -> None:
    made = Made(tmp_path / "o.csv", seconds=60, size=30)
    made.write(4)
    clock.passed_s = 60.0
    made.write(2)
    made.sink.close()
    assert made.contents == [[0, 1, 2], [3], [4, 5]]


def test_names_in_the_same_second_are_numbered(tmp_path: Path, clock: Clock) -> None:
    made = Made(tmp_path / "belt-%Y%m%d-%H%M%S.csv", size=10)
    made.write(3)
    assert made.names == [
        "belt-20260501-123005.csv",
        "belt-20260501-123005-1.csv",
        "belt-20260501-123005-2.csv",
    ]


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "o-1230.csv").write_text("precious")
    made = Made(tmp_path / "o-%H%M.csv", seconds=60)
    made.write()
    assert made.names == ["o-1230-1.csv"]
    assert (tmp_path / "o-1230.csv").read_text() == "precious"


def test_a_name_without_fields_gets_a_stamp(tmp_path: Path, clock: Clock) -> None:
    made = Made(tmp_path / "o.csv", seconds=60)
    made.write()
    assert made.names == ["o-20260501-123005.csv"]


def test_without_rotation_the_name_stays(tmp_path: Path, clock: Clock) -> None:
    made = Made(tmp_path / "o.csv")
    made.write()
    clock.passed_s = 1e9
    made.write(1000)
    made.sink.close()
    assert made.names == ["o.csv"]
    assert len(made.contents[0]) == 1001


def test_fields_are_filled_in_without_rotation_too(tmp_path: Path, clock: Clock) -> None:
    """Whether such a file is overwritten is up to whoever opens it."""
    (tmp_path / "o-12.csv").write_text("there")
    made = Made(tmp_path / "o-%H.csv")
    made.write()
    assert made.names == ["o-12.csv"]


def test_fields_in_a_folder_stay() -> None:
    assert file_name(Path("%H/o.csv"), NOW, changing=False) == Path("%H/o.csv")
    assert file_name(Path("%H/%M.csv"), NOW, changing=False) == Path("%H/30.csv")


def test_names_with_several_dots(tmp_path: Path) -> None:
    assert file_name(tmp_path / "a.b.csv", NOW, changing=True).name == "a.b-20260501-123005.csv"
    (tmp_path / "a.12.csv").touch()
    assert file_name(tmp_path / "a.%H.csv", NOW, changing=True).name == "a.12-1.csv"


def test_events_go_to_the_file_that_is_open(tmp_path: Path) -> None:
    made = Made(tmp_path / "o.csv", size=20)
    first, second = event("first"), event("second")
    made.write(2)
    made.sink.event(first)
    made.write()
    made.sink.event(second)
    assert [file.events for file in made.files] == [[first], [second]]


@pytest.mark.parametrize("every_frame", [False, True])
def test_it_wants_what_its_files_want(every_frame: bool) -> None:
    assert Rotating(Path("o"), File, every_frame=every_frame).every_frame == every_frame


def test_it_closes_twice_also_when_nothing_was_opened(tmp_path: Path) -> None:
    made = Made(tmp_path / "o.csv", seconds=60)
    made.sink.close()
    made.write()
    made.sink.close()
    made.sink.close()
    assert made.files[0].closed >= 1


def test_a_file_that_can_not_be_opened_is_said(tmp_path: Path) -> None:
    sink = Rotating(tmp_path / "no" / "o.csv", _csv, every_frame=False, size=1)
    with pytest.raises(OutputError, match=r"no/o-.*\.csv: can't write"):
        sink.write(result())
    sink.close()


def test_an_existing_file_without_rotation_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("precious")
    sink = Rotating(tmp_path / "o.csv", _csv, every_frame=False)
    with pytest.raises(OutputPathError, match="exists"):
        sink.write(result())
    sink.close()
    assert (tmp_path / "o.csv").read_text() == "precious"


def test_a_file_that_somebody_took_away_does_no_harm(tmp_path: Path) -> None:
    """Whoever cleans the folder up while the run goes on gets a new file, or a clear error."""
    sink = Rotating(tmp_path / "o.csv", _csv, every_frame=False, size=10_000)
    try:
        sink.write(result(0, raw=prediction()))
        (found,) = tmp_path.iterdir()
        found.unlink()
        sink.write(result(1, raw=prediction()))
    except OutputError as error:
        assert str(found) in str(error)
    finally:
        sink.close()


# -- real files


def _csv(path: Path, _first: Result | None) -> Sink:
    return CsvLog(path, 2)


def test_each_csv_file_is_complete_with_its_header(tmp_path: Path, clock: Clock) -> None:
    sink = Rotating(tmp_path / "o-%H%M.csv", _csv, every_frame=False, seconds=60)
    for index in range(9):
        clock.passed_s = index * 20.0
        sink.write(result(index, raw=prediction()))
        if index == 3:  # the first one is finished while the second is written
            assert _frames(tmp_path / "o-1230.csv") == ["0", "1", "2"]
    sink.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["o-1230.csv", "o-1231.csv", "o-1232.csv"]
    assert [_frames(tmp_path / name) for name in names] == [
        ["0", "1", "2"],
        ["3", "4", "5"],
        ["6", "7", "8"],
    ]


def _frames(path: Path) -> list[str]:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == header(2)
    return [row[1] for row in rows[1:]]


def test_csv_files_by_size_lose_no_row(tmp_path: Path) -> None:
    sink = Rotating(tmp_path / "o.csv", _csv, every_frame=False, size=500)
    for index in range(100):
        sink.write(result(index, raw=prediction()))
    sink.close()
    files = sorted(tmp_path.iterdir(), key=lambda path: int(_frames(path)[0]))
    assert len(files) > 10
    assert [row for path in files for row in _frames(path)] == [str(i) for i in range(100)]
    assert all(500 <= path.stat().st_size < 600 for path in files[:-1])


def test_each_video_begins_at_zero_and_plays_to_its_end(tmp_path: Path, clock: Clock) -> None:
    def open_(path: Path, first: Result | None) -> Sink:
        assert first is not None
        about = replace(info(width=64, height=48), path=path, start_s=first.frame.pts_s)
        return VideoSink(path, about, lambda *_: None, start_s=None, threads=1)

    sink = Rotating(tmp_path / "o-%H%M%S.mp4", open_, every_frame=True, seconds=1.0)
    for index in range(30):  # 100 s after the run began, 10 a second
        clock.passed_s = index / 10 + 1e-6
        image = np.full((48, 64, 3), index * 8, np.uint8)
        sink.write(result(index, pts_s=100 + index / 10, image=image))
        if index == 15:
            assert len(_pictures(tmp_path / "o-123005.mp4")) == 10
    sink.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["o-123005.mp4", "o-123006.mp4", "o-123007.mp4"]
    for number, name in enumerate(names):
        pictures = _pictures(tmp_path / name)
        assert [at for at, _ in pictures] == pytest.approx([i / 10 for i in range(10)], abs=1e-3)
        levels = [level for _, level in pictures]
        expected = [(number * 10 + i) * 8 for i in range(10)]
        assert levels == pytest.approx(expected, abs=5)


def _pictures(path: Path) -> list[tuple[float, float]]:
    """Time and brightness of each."""
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), float(frame.to_ndarray(format="gray").mean()))
            for frame in container.decode(video=0)
        ]


def test_videos_by_size(tmp_path: Path) -> None:
    """Fragments go to the disk each half second, so a file may be so much longer than asked for."""

    def open_(path: Path, first: Result | None) -> Sink:
        assert first is not None
        about = replace(info(width=320, height=240), path=path, start_s=first.frame.pts_s)
        return VideoSink(path, about, lambda *_: None, start_s=None, threads=1)

    noise = np.random.default_rng(0)
    sink = Rotating(tmp_path / "o.mp4", open_, every_frame=True, size=300_000)
    for index in range(40):
        image = noise.integers(0, 256, (240, 320, 3), np.uint8)
        sink.write(result(index, image=image))
    sink.close()
    files = list(tmp_path.iterdir())
    assert len(files) > 2
    assert sum(len(_pictures(path)) for path in files) == 40
    assert sum(path.stat().st_size >= 300_000 for path in files) >= len(files) - 1


def test_a_moment_is_taken_from_the_real_clocks(tmp_path: Path) -> None:
    """What the other tests put in their place."""
    opened: list[Path] = []

    def open_(path: Path, _first: Result | None) -> Sink:
        opened.append(path)
        return ListSink()

    before, begun_s = datetime.now().replace(microsecond=0), time.monotonic()
    sink = Rotating(tmp_path / "%Y%m%d%H%M%S.csv", open_, every_frame=False, seconds=1e-9)
    sink.write(result())
    sink.write(result())
    assert len(opened) == 2
    named = datetime.strptime(opened[0].stem, "%Y%m%d%H%M%S")
    assert 0 <= (named - before).total_seconds() <= time.monotonic() - begun_s + 1


@pytest.mark.parametrize(
    ("camera", "name"), [("hall/2", "hall_2"), ("50%done", "50_done"), ("10.0.0.7", "10.0.0.7")]
)
def test_a_camera_gives_its_name_to_files_whatever_stands_in_it(camera: str, name: str) -> None:
    made = stamped(camera, ".png", datetime(2026, 5, 1, 12, 30))
    assert made == Path(f"{name}-20260501-123000.png")


# -- files of events


class Segments:
    """A rotating sink of events, and what its files got."""

    def __init__(self, path: Path, *, seconds: float | None = None, retention: Any = None):
        self.files: list[File] = []
        self.sink = Rotating(
            path,
            self._open,
            every_frame=False,
            of_events=True,
            seconds=seconds,
            retention=retention,
        )

    def _open(self, path: Path, first: Result | None) -> File:
        assert first is None
        assert all(file.closed == 1 for file in self.files), "the last one is still open"
        self.files.append(File(path, first))
        return self.files[-1]

    @property
    def told(self) -> list[list[tuple[str, float | None]]]:
        return [[(one.label, one.end_s) for one in file.events] for file in self.files]


def test_a_file_of_events_is_there_from_the_start(tmp_path: Path, clock: Clock) -> None:
    made = Segments(tmp_path / "o.json")
    assert (tmp_path / "o.json").exists()
    clock.passed_s = 1e9
    made.sink.event(event())
    made.sink.close()
    assert len(made.files) == 1


def test_an_event_opens_the_next_file_and_a_result_does_not(tmp_path: Path, clock: Clock) -> None:
    made = Segments(tmp_path / "o-%H%M.json", seconds=60)
    clock.passed_s = 60.0
    made.sink.write(result())
    assert len(made.files) == 1
    made.sink.event(event("cat"))
    assert [file.path.name for file in made.files] == ["o-1230.json", "o-1231.json"]
    assert made.told == [[], [("cat", 1.0)]]
    assert made.files[0].results == made.files[1].results == []


def test_a_segment_that_began_in_an_earlier_file_ends_in_the_one_that_is_open(
    tmp_path: Path, clock: Clock
) -> None:
    """Each file is told what lasts, so it can say so; two files later, too."""
    made = Segments(tmp_path / "o.json", seconds=60)
    made.sink.event(event("cat", start_s=1.0, end_s=None))
    made.sink.event(event("dog", camera="other", start_s=1.0, end_s=None))
    clock.passed_s = 60.0
    made.sink.event(event("dog", camera="other", start_s=1.0, end_s=2.0))
    clock.passed_s = 120.0
    made.sink.event(event("cat", start_s=1.0, end_s=3.0))
    clock.passed_s = 180.0
    made.sink.event(event("bird", start_s=3.0, end_s=None))
    assert made.told == [
        [("cat", None), ("dog", None)],
        [("cat", None), ("dog", None), ("dog", 2.0)],
        [("cat", None), ("cat", 3.0)],
        [("bird", None)],
    ]


def test_every_segment_stands_in_one_file_of_those_that_are_left(
    tmp_path: Path, clock: Clock
) -> None:
    def open_(path: Path, _first: Result | None) -> Sink:
        return SegmentLog(path, 0.0, live=True)

    sink = Rotating(tmp_path / "o.json", open_, every_frame=False, of_events=True, seconds=60)
    for number in range(5):
        clock.passed_s = number * 60.0
        at_s = float(number)
        sink.event(event(f"label {number}", start_s=at_s, end_s=None))
        if number:
            sink.event(event(f"label {number - 1}", start_s=at_s - 1, end_s=at_s))
    sink.close()
    files = [json.loads(path.read_text()) for path in sorted(tmp_path.iterdir())]
    rows = [(row["label"], row["end_s"]) for rows in files for row in rows]
    assert rows == [(f"label {number}", number + 1.0) for number in range(4)]
    assert len(files) == 5


# -- old files


def test_old_files_go_when_a_new_one_begins_and_once_a_minute(tmp_path: Path, clock: Clock) -> None:
    class Looks(Retention):
        def __init__(self) -> None:
            super().__init__(tmp_path, re.compile("none"))
            self.current: list[str | None] = []

        def clear(self, current: Path | None = None) -> None:
            super().clear(current)
            self.current.append(None if current is None else current.name)

    looks = Looks()
    made = Segments(tmp_path / "o-%H%M.json", seconds=3600, retention=looks)
    assert looks.current == [None]
    for number in range(1, 180):
        clock.passed_s = number * 1.0
        made.sink.write(result())
    assert looks.current[1:] == ["o-1230.json"] * 2
    clock.passed_s = 3600.0
    made.sink.event(event())
    assert looks.current[3:] == [None]


def test_the_file_after_a_failure_is_a_new_one_where_none_is_ever_full(
    tmp_path: Path, clock: Clock
) -> None:
    sink = Rotating(tmp_path / "o.csv", _csv, every_frame=False, new=True)
    sink.write(result(raw=prediction()))
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["o-20260501-123005.csv"]


def test_a_disk_that_is_gone_is_an_output_that_failed(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: Path) -> bool:
        raise OSError(5, "Input/output error")

    sink = Rotating(tmp_path / "o.csv", _csv, every_frame=False, seconds=60)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", broken)
        with pytest.raises(OutputError, match=r"o\.csv: can't write: Input/output error"):
            sink.write(result(raw=prediction()))
    sink.close()
