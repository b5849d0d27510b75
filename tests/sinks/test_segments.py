import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.records import Event
from streamcls.sinks.segments import SegmentLog
from tests.fakes import event
from tests.sinks.full_disk import FullDisk


def as_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_json(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text())
    assert isinstance(found, list)
    return found


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {".csv": as_csv, ".json": as_json}


@pytest.mark.parametrize("ending", READERS)
def test_at_every_moment_the_file_is_whole_and_says_what_is_open(
    ending: str, tmp_path: Path
) -> None:
    """What a crash leaves behind at any point can be read."""
    path = tmp_path / f"o{ending}"
    read = READERS[ending]
    log = SegmentLog(path, 0.0)
    assert read(path) == []
    log.event(event("cat", start_s=0.0, end_s=None))
    assert [(r["label"], r["end_s"] or None) for r in read(path)] == [("cat", None)]
    log.event(event("cat", start_s=0.0, end_s=1.5))
    assert [(r["label"], float(r["end_s"])) for r in read(path)] == [("cat", 1.5)]
    log.event(event("dog", start_s=1.5, end_s=None))
    assert [(r["label"], bool(r["end_s"])) for r in read(path)] == [("cat", True), ("dog", False)]
    log.event(event("dog", start_s=1.5, end_s=2.0))
    log.close()
    assert [(r["label"], float(r["end_s"])) for r in read(path)] == [("cat", 1.5), ("dog", 2.0)]


def test_nothing_is_left_of_a_longer_text_before(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    log = SegmentLog(path, 0.0)
    long = Event("label", "cam", "cat", 0.0, None, 0.123456, 0.123456, 12345)
    log.event(long)
    log.event(replace(long, end_s=1.0, mean_prob=0.5, peak_prob=0.5, peak_frame=1))
    log.close()
    (found,) = as_json(path)
    assert found["end_s"] == 1.0


def test_open_segments_of_several_cameras_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    log = SegmentLog(path, 0.0)
    log.event(event("cat", camera="one", end_s=None))
    log.event(event("cat", camera="two", end_s=None))
    log.event(event("cat", camera="one", end_s=3.0))
    assert [(r["camera"], r["end_s"]) for r in as_json(path)] == [("one", 3.0), ("two", None)]
    log.close()


def test_csv_columns_are_as_promised(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    log = SegmentLog(path, 0.0)
    log.event(event('a "b", c', start_s=0.04, end_s=1.0))
    log.close()
    assert path.read_bytes().decode() == (
        "kind,camera,label,start_s,end_s,mean_prob,peak_prob,peak_frame,reason\n"
        'label,cam,"a ""b"", c",0.040000,1.000000,0.800000,0.900000,3,\n'
    )


def test_vtt_is_on_the_players_time_line(tmp_path: Path) -> None:
    """Players show the begin of the media as 0, also where its times start at 1.4 s."""
    path = tmp_path / "o.vtt"
    log = SegmentLog(path, 1.4)
    log.event(event("cat", start_s=1.4, end_s=None))
    log.event(event("cat", start_s=1.4, end_s=2.0))
    log.event(event("a < b & c", start_s=3661.4, end_s=3662.9005))
    log.close()
    assert path.read_text() == (
        "WEBVTT\n"
        "\n00:00:00.000 --> 00:00:00.600\ncat\n"
        "\n01:01:00.000 --> 01:01:01.500\na &lt; b &amp; c\n"
    )


def test_the_ending_says_the_format(tmp_path: Path) -> None:
    SegmentLog(tmp_path / "o.JSON", 0.0).close()
    with pytest.raises(OutputPathError, match=r"\.csv, \.json, \.jsonl or \.vtt"):
        SegmentLog(tmp_path / "o.txt", 0.0)


def test_a_full_disk_is_said_with_the_name(tmp_path: Path) -> None:
    (tmp_path / "o.csv").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"o\.csv: can't write: No space left"):
        SegmentLog(tmp_path / "o.csv", 0.0)


# -- JSON Lines


def as_lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_have_what_is_over_and_only_grow(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    log = SegmentLog(path, 0.0)
    text = ""
    for number in range(3):
        log.event(event("cat", start_s=float(number), end_s=None))
        assert path.read_text() == text
        log.event(event("cat", start_s=float(number), end_s=number + 0.5))
        assert path.read_text().startswith(text)
        text = path.read_text()
    log.close()
    assert [one["end_s"] for one in as_lines(path)] == [0.5, 1.5, 2.5]


# -- live sources

LIVE_READERS = READERS | {".jsonl": as_lines}


@pytest.mark.parametrize("ending", LIVE_READERS)
def test_live_segments_say_when_they_were_by_the_calendar(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"o{ending}"
    log = SegmentLog(path, 0.0, live=True)
    began = replace(event("cat", end_s=None), start_utc=1_700_000_000.5)
    log.event(began)
    log.event(replace(began, end_s=1.0, end_utc=1_700_000_001.5))
    log.event(event("dog", start_s=1.0, end_s=2.0))
    log.close()
    rows = LIVE_READERS[ending](path)
    assert list(rows[0])[-2:] == ["start_utc", "end_utc"]
    said = [(row["start_utc"] or None, row["end_utc"] or None) for row in rows]
    assert said == [("2023-11-14T22:13:20.500Z", "2023-11-14T22:13:21.500Z"), (None, None)]


@pytest.mark.parametrize("ending", LIVE_READERS)
def test_a_live_file_that_is_closed_leaves_what_lasts_to_the_next_one(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"o{ending}"
    log = SegmentLog(path, 0.0, live=True)
    log.event(event("dog", end_s=1.0))
    log.event(event("cat", start_s=1.0, end_s=None))
    log.close()
    log.close()
    assert [row["label"] for row in LIVE_READERS[ending](path)] == ["dog"]


# -- a full disk


@pytest.mark.parametrize("ending", LIVE_READERS)
def test_what_has_no_room_leaves_the_file_as_it_was(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"o{ending}"
    log, disk = SegmentLog(path, 0.0), FullDisk(monkeypatch)
    log.event(event("cat", end_s=None))
    disk.full = True
    with pytest.raises(OutputError):
        log.event(event("cat", end_s=1.0))
    LIVE_READERS[ending](path)
    disk.full = False
    log.event(event("dog", start_s=1.0, end_s=2.0))
    log.event(event("cat", end_s=1.0))
    log.close()
    assert {row["label"]: float(row["end_s"]) for row in LIVE_READERS[ending](path)} == {
        "dog": 2.0,
        "cat": 1.0,
    }
