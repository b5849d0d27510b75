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
    with pytest.raises(OutputPathError, match=r"\.csv, \.json or \.vtt"):
        SegmentLog(tmp_path / "o.txt", 0.0)


def test_a_full_disk_is_said_with_the_name(tmp_path: Path) -> None:
    (tmp_path / "o.csv").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"o\.csv: can't write: No space left"):
        SegmentLog(tmp_path / "o.csv", 0.0)
