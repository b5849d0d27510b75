import json
from dataclasses import replace
from pathlib import Path

import pytest

from streamcls.errors import OutputError
from streamcls.records import Result
from streamcls.sinks.json_lines import JsonLines
from tests.fakes import prediction, result
from tests.sinks.full_disk import FullDisk


def of_a_camera(index: int) -> Result:
    one = result(index, raw=prediction(0.7, 0.2, 0.1))
    frame = replace(one.frame, captured_utc=1_700_000_000.5, time_source="monotonic")
    return replace(one, frame=frame)


def test_lines_of_recordings_are_exactly_as_promised(tmp_path: Path) -> None:
    """They have nothing in them that was measured, so they are the same each time."""
    log = JsonLines(tmp_path / "o.jsonl", 2, live=False)
    log.write(result(7, pts_s=1 / 3, raw=prediction(0.7, 0.2, 0.1)))
    log.write(result(8, pts_s=0.4, raw=prediction(0.1, 0.2, 0.7), steady=None))
    log.close()
    assert (tmp_path / "o.jsonl").read_text() == (
        '{"camera": "cam", "frame": 7, "pts_s": 0.333333, "time_source": "container", '
        '"captured_utc": null, "top": [{"label": "cat", "prob": 0.7}, {"label": "dog", '
        '"prob": 0.2}], "steady_label": "cat", "steady_prob": 0.9, "age_ms": null}\n'
        '{"camera": "cam", "frame": 8, "pts_s": 0.4, "time_source": "container", '
        '"captured_utc": null, "top": [{"label": "bird", "prob": 0.7}, {"label": "dog", '
        '"prob": 0.2}], "steady_label": null, "steady_prob": 0.9, "age_ms": null}\n'
    )


def test_live_lines_say_when_it_was_and_how_old_the_label(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "o.jsonl", 3, live=True)
    log.write(of_a_camera(0))
    log.close()
    (line,) = (tmp_path / "o.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert (found["captured_utc"], found["age_ms"]) == ("2023-11-14T22:13:20.500Z", 6.0)
    assert len(found["top"]) == 3


def test_labels_stay_readable_and_are_one_line(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "o.jsonl", 1, live=False)
    log.write(result(0, raw=prediction(), steady='水 "a"\nb'))
    log.close()
    text = (tmp_path / "o.jsonl").read_text()
    assert text.count("\n") == 1
    assert "水" in text
    assert json.loads(text)["steady_label"] == '水 "a"\nb'


def test_each_line_is_on_the_disk_before_the_next_frame(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "o.jsonl", 3, live=True)
    for index in range(3):
        log.write(of_a_camera(index))
        assert len((tmp_path / "o.jsonl").read_text().splitlines()) == index + 1
    log.close()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, disk = JsonLines(tmp_path / "o.jsonl", 3, live=True), FullDisk(monkeypatch)
    log.write(of_a_camera(0))
    disk.full = True
    with pytest.raises(OutputError, match=r"o\.jsonl: can't write: No space left"):
        log.write(of_a_camera(1))
    log.close()
    lines = (tmp_path / "o.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == [0]
