"""The files of a live run, as a user gets them: parted, with pictures, and after `kill -9`."""

import csv
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamcls.media import cv2

Start = Callable[..., subprocess.Popen[str]]
PATIENCE_S = 60.0
SETTINGS = """
source: "sim://?fps=30&size=320x240"
camera: belt 1
model: {name: demo}
outputs:
  csv: "{camera}.csv"
  jsonl: "{camera}.jsonl"
  events: "{camera}.json"
  snapshots: pictures
  rotate: 1s
capture: {folder: kept, random: 100ms}
"""


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def whole(path: Path) -> bool:
    return path.read_bytes().endswith(b"\xff\xd9") and cv2.imread(str(path)) is not None


def check(folder: Path, *, ended: bool) -> None:
    """Every file can be read to its last byte, and they say the same."""
    rows = []
    for path in sorted(folder.glob("belt_1-*.csv")):
        with path.open(newline="") as file:
            rows += list(csv.DictReader(file))
    assert all(row["steady_prob"] for row in rows)
    objects = [one for path in sorted(folder.glob("belt_1-*.jsonl")) for one in lines(path)]
    frames = [one["frame"] for one in objects]
    assert frames == sorted(set(frames))
    same = zip(rows, objects, strict=False)
    assert all(int(row["frame"]) == one["frame"] for row, one in same)
    assert abs(len(rows) - len(objects)) <= 2
    segments = [
        one for path in folder.glob("belt_1-*.json") for one in json.loads(path.read_text())
    ]
    if ended:
        assert all(one["end_s"] is not None for one in segments)
        keys = [(one["kind"], one["start_s"], one["label"]) for one in segments]
        assert len(keys) == len(set(keys))
    assert all(whole(path) for path in (folder / "pictures").glob("*.jpg"))
    kept = folder / "kept" / "belt_1"
    assert all(whole(note.with_suffix(".jpg")) for note in kept.glob("*.json"))
    assert all(lines_of["label"] is None for lines_of in map(_note, kept.glob("*.json")))


def _note(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_a_run_leaves_files_that_are_complete(
    process: Start, converted_demo: None, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(SETTINGS)
    child = process("run", "--config", "s.yaml", "--duration", 4)
    out, err = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, out) == (0, ""), err
    check(tmp_path, ended=True)
    for ending in ("csv", "jsonl", "json"):
        assert len(list(tmp_path.glob(f"belt_1-*.{ending}"))) >= 2, ending
    began = [
        one["label"]
        for path in tmp_path.glob("belt_1-*.json")
        for one in json.loads(path.read_text())
        if one["kind"] == "label"
    ]
    assert len(list((tmp_path / "pictures").iterdir())) == len(began)
    assert list((tmp_path / "kept" / "belt_1").glob("*.json"))
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.77])
def test_after_kill_nine_every_file_can_be_read(
    after_s: float, process: Start, converted_demo: None, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(SETTINGS)
    child = process("run", "--config", "s.yaml")
    until = time.monotonic() + PATIENCE_S
    while len(list(tmp_path.glob("belt_1-*.csv"))) < 2:
        assert time.monotonic() < until
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)
    time.sleep(after_s)  # somewhere in its work; wherever it is, the outcome is the same
    child.kill()
    child.communicate()
    check(tmp_path, ended=False)
