import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from streamcls.sinks.retention import Retention, names_of
from streamcls.sinks.rotation import changing_name, file_name

NOW_S = 1_800_000_000.0


class Clock:
    """Stands still but where the test moves it on."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return 5000.0 + self.passed_s

    def time(self) -> float:
        return NOW_S + self.passed_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("streamcls.clock.time", made)
    return made


def put(folder: Path, name: str, *, age_s: float, size: int = 10) -> Path:
    path = folder / name
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def belts(folder: Path, **limits: float) -> Retention:
    age_s, size = limits.get("age_s"), limits.get("size")
    return Retention(
        folder,
        names_of("belt-%H.csv"),
        max_age_s=age_s,
        max_bytes=None if size is None else int(size),
    )


def test_what_is_too_old_goes(tmp_path: Path, clock: Clock) -> None:
    for hour in range(6):
        put(tmp_path, f"belt-0{hour}.csv", age_s=hour * 3600)
    belts(tmp_path, age_s=3 * 3600 + 1).clear()
    assert left(tmp_path) == [f"belt-0{hour}.csv" for hour in range(4)]


def test_what_is_too_much_goes_oldest_first(tmp_path: Path, clock: Clock) -> None:
    for hour in range(6):
        put(tmp_path, f"belt-0{hour}.csv", age_s=hour * 3600, size=100)
    belts(tmp_path, size=399).clear()
    assert left(tmp_path) == [f"belt-0{hour}.csv" for hour in range(3)]
    belts(tmp_path, size=300).clear()
    assert len(left(tmp_path)) == 3


def test_the_file_being_written_counts_and_stays(tmp_path: Path, clock: Clock) -> None:
    current = put(tmp_path, "belt-00.csv", age_s=9000, size=300)
    put(tmp_path, "belt-01.csv", age_s=8000)
    put(tmp_path, "belt-02.csv", age_s=10)
    belts(tmp_path, age_s=100).clear(current)
    assert left(tmp_path) == ["belt-00.csv", "belt-02.csv"]
    belts(tmp_path, size=100).clear(current)
    assert left(tmp_path) == ["belt-00.csv"]


def test_nothing_else_is_touched(tmp_path: Path, clock: Clock) -> None:
    others = ["belt-0.csv", "belt-000.csv", "belt-00.csv.gz", "xbelt-00.csv", "belt-ab.csv"]
    others += ["belt-00.mp4", "belt-00-0.csv", "belt-00-093005.csv", "belt-00-123005.csv"]
    for name in others:
        put(tmp_path, name, age_s=1e6)
    (tmp_path / "belt-01.csv").mkdir()
    (tmp_path / "belt-02.csv").symlink_to(tmp_path / "xbelt-00.csv")
    below = tmp_path / "below"
    below.mkdir()
    put(below, "belt-00.csv", age_s=1e6)
    put(tmp_path, "belt-00.csv", age_s=1e6)
    put(tmp_path, "belt-00-12.csv", age_s=1e6)
    belts(tmp_path, age_s=1, size=1000).clear()
    assert left(tmp_path) == sorted([*others, "belt-01.csv", "belt-02.csv", "below"])
    assert left(below) == ["belt-00.csv"]


def test_what_can_not_be_deleted_is_said_once_and_costs_no_other(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for hour in range(4):
        put(tmp_path, f"belt-0{hour}.csv", age_s=hour * 3600, size=100)
    unlink = Path.unlink

    def guarded(path: Path, missing_ok: bool = False) -> None:
        if path.name == "belt-03.csv":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", guarded)
    old = belts(tmp_path, size=250)
    for _ in range(3):
        old.clear()
    assert left(tmp_path) == ["belt-00.csv", "belt-01.csv", "belt-03.csv"]
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert said == [
        f"{tmp_path / 'belt-03.csv'}: old files can't be deleted: Operation not permitted"
    ]


def test_a_folder_that_is_gone_ends_nothing(tmp_path: Path, clock: Clock) -> None:
    belts(tmp_path / "no", age_s=1).clear()


def test_it_looks_once_a_minute(tmp_path: Path, clock: Clock) -> None:
    old = belts(tmp_path, age_s=1)
    old.look()
    put(tmp_path, "belt-00.csv", age_s=100)
    clock.passed_s = 59.0
    old.look()
    assert left(tmp_path) == ["belt-00.csv"]
    clock.passed_s = 60.0
    old.look()
    assert left(tmp_path) == []


def test_it_looks_at_once_when_much_has_come(tmp_path: Path, clock: Clock) -> None:
    old = belts(tmp_path, size=1000)
    old.look()
    for hour in range(12):
        put(tmp_path, f"belt-{hour:02}.csv", age_s=100 - hour, size=99)
        old.look(added=99)
    assert 10 <= len(left(tmp_path)) <= 11


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "o.csv",
        "o-%Y%m%d-%H%M%S.csv",
        "a.%H.csv",
        "%A %d %B %p.mp4",
        "%F_%j",
        "100%%-%s.csv",
        "o.%H",
        "o-%-d.%-H.csv",
        "%e.csv",
        "o (1) [a]+%y.csv",
        "50%.csv",
    ],
)
def test_every_name_that_a_run_can_make_is_known(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    known = names_of(changing_name(path))
    for number in range(400):
        now = datetime(2026, 1, 1) + timedelta(days=number * 9.37)
        assert known.fullmatch(file_name(path, now, changing=True).name)
    file_name(path, now, changing=True).touch()
    for _ in range(12):  # in the same second
        made = file_name(path, now, changing=True)
        assert known.fullmatch(made.name)
        made.touch()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("o.csv", "o.csv"),  # of a run without rotation
        ("o.csv", "o-2026.csv"),
        ("o-%Y.csv", "o-left-2026.csv"),
        ("o-%a.csv", "o-left.csv"),
        ("o-%Y%m%d.csv", "o-20260501-123005.csv"),  # of an output that also has the time
    ],
)
def test_names_of_others_are_not_taken_for_its_own(name: str, other: str) -> None:
    assert not names_of(changing_name(Path(name))).fullmatch(other)
