"""A disk that is really full: a small file system in memory, which only root may mount."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamcls.builders.live_outputs import live_outputs
from streamcls.config.options import from_options
from streamcls.config.settings import CaptureSettings
from streamcls.media import av, cv2
from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import Event
from streamcls.sinks.fonts import Typeface
from streamcls.sinks.output import RunFacts
from tests.fakes import LABELS, event, prediction, result

NOW_S = 1_700_000_000.0
_NOISE = np.random.default_rng(0)


class Line:
    """All outputs of a camera, each opened anew when it fails, in a time that the test moves on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **given: object) -> None:
        self.folder = folder
        self.now_s = 0.0
        self.index = 0
        self.failed: list[str] = []
        self.recovered: list[str] = []
        self.lost: dict[str, int] = {}
        monkeypatch.setattr("streamcls.clock.now_s", lambda: self.now_s)
        monkeypatch.setattr("streamcls.clock.epoch_s", lambda: NOW_S + self.now_s)
        names = {"csv": "a.csv", "jsonl": "a.jsonl", "events": "e.json", "video": "v.mp4"}
        places = {name: str(folder / file) for name, file in names.items()}
        chosen = from_options(
            {"source": "sim://", **places, "snapshots": str(folder / "pictures"), **given}
        )
        chosen = chosen.model_copy(update={"capture": CaptureSettings(folder=folder / "kept")})
        facts = RunFacts(
            info=None,
            zero_s=0.0,
            top_k=2,
            threads=1,
            overwrite=False,
            metrics=Metrics(),
            model="m",
            backend="b",
            typeface=lambda: Typeface(None, LABELS),
            camera="cam",
            keep_s=chosen.outputs.keep,
            keep_bytes=chosen.outputs.keep_size,
        )
        outputs = live_outputs(chosen, facts)
        self.sinks = {one.name: self._open(one) for one in outputs}

    def _open(self, one: Any) -> Sink:
        def lose(count: int) -> None:
            self.lost[one.name] = self.lost.get(one.name, 0) + count

        sink: Sink = one.recovering(
            failed=lambda error: self.failed.append(one.name),
            recovered=lambda: self.recovered.append(one.name),
            lost=lose,
        )
        return sink

    def run(self, seconds: int) -> None:
        """A frame and a segment each second."""
        for _ in range(seconds):
            self.now_s += 1.0
            self.index += 1
            at_s = self.now_s
            began = event(f"label {self.index}", start_s=at_s, end_s=None)
            ended = event(f"label {self.index - 1}", start_s=at_s - 1, end_s=at_s)
            self._tell((ended, began) if self.index > 1 else (began,))

    def _tell(self, events: tuple[Event, ...]) -> None:
        small = _NOISE.integers(0, 256, (16, 18, 3), np.uint8)
        image = np.asarray(cv2.resize(small, (54, 48), interpolation=cv2.INTER_NEAREST), np.uint8)
        one = result(
            self.index,
            pts_s=self.now_s,
            raw=prediction(0.4, 0.35, 0.25),
            image=image,
            events=events,
        )
        frame = replace(one.frame, captured_utc=NOW_S + self.now_s, time_source="monotonic")
        for sink in self.sinks.values():
            for each in events:
                sink.event(each)
            sink.write(replace(one, frame=frame))

    def close(self) -> None:
        for sink in self.sinks.values():
            sink.close()


@pytest.fixture
def line(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    made = Line(small_disk, monkeypatch)
    yield made
    made.close()


def fill(folder: Path) -> Path:
    """Leaves no room at all."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 65536
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return ballast


def rows_of(path: Path) -> list[list[str]]:
    text = path.read_text()
    assert text.endswith("\n")
    header, *rows = csv.reader(text.splitlines())
    assert all(len(row) == len(header) for row in rows)
    return rows


def objects_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def frames_of(line: Line) -> dict[str, set[int]]:
    """What each output has of which frames; reads every byte of every file."""
    found: dict[str, set[int]] = {name: set() for name in line.sinks}
    for path in line.folder.glob("a*.csv"):
        found["csv"] |= {int(row[1]) for row in rows_of(path)}
    for path in line.folder.glob("a*.jsonl"):
        found["jsonl"] |= {one["frame"] for one in objects_of(path)}
    for path in line.folder.glob("e*.json"):
        rows = json.loads(path.read_text())
        found["events"] |= {int(row["label"].split()[1]) for row in rows if row["end_s"]}
    for path in (line.folder / "pictures").iterdir():
        whole(path)
        found["snapshots"].add(int(path.stem.split("_")[-1]))
    kept = line.folder / "kept" / "cam"
    assert {path.stem for path in kept.glob("*.jpg")} == {p.stem for p in kept.glob("*.json")}
    for path in kept.glob("*.json"):
        whole(path.with_suffix(".jpg"))
        found["capture"].add(json.loads(path.read_text())["frame"])
    assert not list(line.folder.rglob("*.part"))
    return found


def pictures_of(folder: Path) -> int:
    """How many there are in all videos, which must be closed."""
    count = 0
    for path in folder.glob("v*.mp4"):
        with av.open(str(path), "r") as container:
            count += len(list(container.decode(video=0)))
    return count


def whole(path: Path) -> None:
    assert path.read_bytes().endswith(b"\xff\xd9"), path
    assert cv2.imread(str(path)) is not None


def test_a_full_disk_tears_nothing_and_all_goes_on_when_there_is_room(line: Line) -> None:
    line.run(5)
    before = frames_of(line)
    assert before["csv"] == before["jsonl"] == before["snapshots"] == set(range(1, 6))
    assert before["events"] == set(range(1, 5))
    assert line.failed == []

    ballast = fill(line.folder)
    for _ in range(30):  # looked at all the while
        line.run(3)
        frames_of(line)
    assert sorted(line.failed) == sorted(line.sinks)  # each once
    assert line.recovered == []
    during = frames_of(line)
    assert max(during["csv"]) < 60  # what was left in the last block of a file
    assert len(list(line.folder.iterdir())) <= 10  # no file for each try

    ballast.unlink()
    line.run(30)
    assert sorted(line.recovered) == sorted(line.sinks)
    line.close()
    after = frames_of(line)
    back = set(range(106, 126))
    for name in ("csv", "jsonl", "snapshots", "capture"):
        assert after[name] >= before[name] | back, name
        assert line.lost[name] >= 60
    assert after["events"] >= before["events"] | set(range(106, 125))
    assert 20 <= pictures_of(line.folder) <= 125 - line.lost["video"]
    assert len(list(line.folder.glob("a*.csv"))) == 2


def test_a_disk_that_fills_up_by_itself(line: Line) -> None:
    """By the outputs themselves, so that each is cut wherever it happens to be."""
    while not line.failed:
        line.run(1)
        assert line.index < 2000
    for _ in range(20):
        line.run(5)
        frames_of(line)
    line.close()
    assert pictures_of(line.folder)


def test_what_is_kept_makes_room(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits that fit the disk, it is never full."""
    line = Line(small_disk, monkeypatch, rotate="5kB", keep_size="20kB", keep="1h")
    for name in ("capture", "video"):  # the first has its own limits, the second grows by more
        line.sinks.pop(name).close()
    line.run(1500)
    line.close()
    assert line.failed == []
    for pattern in ("a*.csv", "a*.jsonl", "e*.json"):
        assert 10_000 < sum(path.stat().st_size for path in small_disk.glob(pattern)) < 40_000
    assert sum(path.stat().st_size for path in (small_disk / "pictures").iterdir()) < 40_000
