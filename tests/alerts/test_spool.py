import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.alerts import spool as spool_module
from streamcls.alerts.message import Message
from streamcls.alerts.spool import Spool
from streamcls.errors import OutputError, OutputPathError
from tests.alerts.made import message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts" / "mqtt.spool"


def taken(spool: Spool) -> Iterator[Message]:
    """Everything in it, each taken out when the next one is asked for."""
    while entry := spool.first():
        yield entry.message
        spool.done(entry)


def ids(spool: Spool) -> list[str]:
    return [one.id if one.type != "gap" else f"gap of {one.lost}" for one in taken(spool)]


def test_messages_come_out_in_order_and_whole(path: Path) -> None:
    with Spool(path) as spool:
        for number in (1, 2, 3):
            spool.append(message(number))
        assert spool.counts().waiting == 3
        assert list(taken(spool)) == [message(1), message(2), message(3)]
        assert spool.counts().waiting == spool.counts().bytes == 0


def test_the_first_stays_until_it_is_done(path: Path) -> None:
    with Spool(path) as spool:
        spool.append(message(1))
        spool.append(message(2))
        first = spool.first()
        assert first is not None
        assert spool.first() is first
        spool.done(first)
        spool.done(first)  # which takes nothing else out
        assert ids(spool) == ["run-2"]


def test_it_goes_on_after_a_restart(path: Path) -> None:
    with Spool(path) as spool:
        for number in (1, 2, 3):
            spool.append(message(number))
        entry = spool.first()
        assert entry is not None
        spool.done(entry)
    with Spool(path) as spool:
        spool.append(message(4))
        assert ids(spool) == ["run-2", "run-3", "run-4"]


def test_it_survives_kill_9(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from streamcls.alerts.spool import Spool;"
        "from tests.alerts.made import message; spool = Spool(Path(sys.argv[1]));"
        "[spool.append(message(n)) for n in (1, 2, 3)]; spool.done(spool.first());"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9
    with Spool(path) as spool:
        assert ids(spool) == ["run-2", "run-3"]


def test_too_many_make_a_gap_in_the_place_of_the_oldest(path: Path) -> None:
    with Spool(path, max_messages=3) as spool:
        for number in range(1, 9):
            spool.append(message(number))
        gap, *rest = list(taken(spool))
        assert (gap.type, gap.lost) == ("gap", 5)
        assert (gap.start_utc, gap.end_utc) == (message(1).time_utc, message(5).time_utc)
        assert [one.id for one in rest] == ["run-6", "run-7", "run-8"]
        assert spool.counts().lost == 5


def test_what_is_on_its_way_is_not_let_go(path: Path) -> None:
    with Spool(path, max_messages=2) as spool:
        spool.append(message(1))
        assert spool.first() is not None
        for number in range(2, 6):
            spool.append(message(number))
        assert ids(spool) == ["run-1", "gap of 3", "run-5"]


def test_gaps_merge_also_with_those_of_an_earlier_run(path: Path) -> None:
    for first in (1, 4):
        with Spool(path, max_messages=2) as spool:
            for number in range(first, first + 3):
                spool.append(message(number))
    with Spool(path, max_messages=2) as spool:
        assert ids(spool) == ["gap of 4", "run-5", "run-6"]


def test_bytes_are_bounded(path: Path) -> None:
    size = len(message(1).to_json())
    with Spool(path, max_bytes=2 * size) as spool:
        for number in range(1, 6):
            spool.append(message(number))
        assert spool.counts().bytes == 2 * size
        assert ids(spool) == ["gap of 3", "run-4", "run-5"]


def test_what_is_too_old_goes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(clock, "epoch_s", lambda: now_s)
    with Spool(path, max_age_s=60) as spool:
        spool.append(message(1))
        now_s += 50
        spool.append(message(2))
        now_s += 20
        assert ids(spool) == ["gap of 1", "run-2"]


def test_several_threads_append(path: Path) -> None:
    with Spool(path) as spool, ThreadPoolExecutor(4) as threads:
        runs = ("a", "b", "c", "d")

        def append(run: str) -> None:
            for number in range(1, 11):
                spool.append(message(number, run=run))

        list(threads.map(append, runs))
        came = ids(spool)
        assert len(came) == 40
        for run in runs:
            assert [one for one in came if one[0] == run] == [f"{run}-{n}" for n in range(1, 11)]


def test_who_waits_is_woken(path: Path) -> None:
    with Spool(path) as spool, ThreadPoolExecutor(1) as threads:
        wakers: list[Callable[[], None]] = [lambda: spool.append(message(1)), spool.wake]
        for wake in wakers:
            spool.first()
            begun = threading.Event()

            def wait(begun: threading.Event = begun) -> None:
                begun.set()
                spool.wait(60)

            waits = threads.submit(wait)
            assert begun.wait(10)
            wake()
            waits.result(10)


def test_a_second_owner_is_refused(path: Path) -> None:
    with Spool(path), pytest.raises(OutputPathError, match="another process has this spool"):
        Spool(path)
    Spool(path).close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputPathError) as said:
        Spool(tmp_path / "file" / "mqtt.spool")
    assert "no place for a spool" in str(said.value)
    assert "\n" not in str(said.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputPathError, match="no place for a spool"):
        Spool(tmp_path / "folder")


def _scribble(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 100])


def _overwrite(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[5000:9000] = b"\xff" * 4000
    path.write_bytes(whole)


def _replace(path: Path) -> None:
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE messages (something)")
    other.close()


@pytest.mark.parametrize("damage", [_scribble, _tear, _overwrite, _replace])
def test_a_damaged_file_is_set_aside(
    path: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Spool(path) as spool:
        for number in range(1, 40):
            spool.append(message(number))
    damage(path)
    for _ in range(2):  # an earlier one that was set aside is no obstacle
        with Spool(path) as spool:
            spool.append(message(40))
        assert path.with_name("mqtt.spool.damaged").exists()
    with Spool(path) as spool:
        assert ids(spool) == ["gap of None", "run-40", "run-40"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is damaged" in caplog.text


def test_damage_while_it_is_open_costs_what_waited_and_no_more(path: Path) -> None:
    with Spool(path) as spool:
        spool.append(message(1))
        entry = spool.first()
        assert entry is not None
        _sql(spool, "DROP TABLE messages")
        spool.append(message(2))
        spool.done(entry)
        assert ids(spool) == ["gap of None", "run-2"]


def _sql(spool: Spool, command: str) -> int:
    db = spool._file._db
    assert db is not None
    found = db.execute(command).fetchone()
    return int(found[0]) if found else 0


def _fill(spool: Spool) -> None:
    """As a full disk: SQLite says so when the file is to grow."""
    _sql(spool, f"PRAGMA max_page_count={_sql(spool, 'PRAGMA page_count')}")


def _make_room(spool: Spool) -> None:
    _sql(spool, "PRAGMA max_page_count=100000")


def test_a_full_disk_loses_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streamcls")
    with Spool(path) as spool:
        _fill(spool)
        for number in range(1, 41):
            spool.append(message(number))
        assert spool.counts().in_memory
        assert spool.counts().waiting == 40
        entry = spool.first()
        assert entry is not None
        spool.done(entry)
        _make_room(spool)
        spool.append(message(41))
        assert spool.counts().in_memory == 0
    with Spool(path) as spool:
        assert ids(spool) == [f"run-{number}" for number in range(2, 42)]
    full, room = (record.getMessage() for record in caplog.records)
    assert "database or disk is full" in full
    assert "takes messages again" in room


def test_a_full_disk_is_no_reason_not_to_deliver(path: Path) -> None:
    with Spool(path) as spool:
        _fill(spool)
        for number in range(1, 41):
            spool.append(message(number))
        assert ids(spool) == [f"run-{number}" for number in range(1, 41)]
        assert spool.counts().waiting == 0


def test_memory_is_bounded_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_IN_MEMORY", 5)
    with Spool(path) as spool:
        _fill(spool)
        numbers = iter(range(1, 1000))
        while not spool.counts().in_memory:
            spool.append(message(next(numbers)))
        first = next(numbers)
        for number in range(first, first + 10):
            spool.append(message(number))
        lost = spool.counts().lost
        assert lost == 7
        _make_room(spool)
        came = ids(spool)
    gap = came.index("gap of 7")
    assert came[gap - 1] == f"run-{first - 2}"
    assert came[gap + 1 :] == [f"run-{number}" for number in range(first + 6, first + 10)]


def test_a_row_of_another_version_is_a_gap(path: Path) -> None:
    with Spool(path) as spool:
        spool.append(message(1))
        spool.append(message(2))
        _sql(spool, "UPDATE messages SET body = '{}' WHERE seq = 1")
        assert ids(spool) == ["gap of 1", "run-2"]


def test_closed_is_closed(path: Path) -> None:
    spool = Spool(path)
    spool.append(message(1))
    entry = spool.first()
    assert entry is not None
    spool.close()
    spool.close()
    spool.done(entry)
    assert spool.counts().waiting == 1
    with pytest.raises(OutputError, match="closed"):
        spool.append(message(2))
    spool.wait(60)
    with Spool(path) as spool:
        assert ids(spool) == ["run-1"]
