"""What every sink must do, run over all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streamcls.cli.report import EventLines, Progress, SegmentTable
from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.sinks.collect import Collector
from streamcls.sinks.csv_log import CsvLog
from streamcls.sinks.json_lines import JsonLines
from streamcls.sinks.recovering import Recovering
from streamcls.sinks.rotation import Rotating
from streamcls.sinks.segments import SegmentLog
from streamcls.sinks.snapshots import Snapshots
from streamcls.sinks.stats import StatsFile
from streamcls.sinks.video import VideoSink
from tests.fakes import event, info, prediction, result


def rotating_csv(folder: Path, *, size: int | None) -> Sink:
    return Rotating(
        folder / "out.csv", lambda path, _: CsvLog(path, 3), every_frame=False, size=size
    )


def collector(folder: Path) -> Sink:
    return Collector(
        folder,
        "cam",
        uncertain=1.0,
        changing=True,
        random_s=1.0,
        max_count=2,
        max_size=10**6,
        max_age_s=60.0,
    )


def ignore(*_: object) -> None:
    pass


SINKS: dict[str, Callable[[Path], Sink]] = {
    "csv": lambda folder: CsvLog(folder / "out.csv", 3),
    "segments.csv": lambda folder: SegmentLog(folder / "out.csv", 0.0),
    "segments.json": lambda folder: SegmentLog(folder / "out.json", 0.0),
    "segments.jsonl": lambda folder: SegmentLog(folder / "out.jsonl", 0.0),
    "segments, live": lambda folder: SegmentLog(folder / "out.json", 0.0, live=True),
    "segments, rotating": lambda folder: Rotating(
        folder / "out.json",
        lambda path, _: SegmentLog(path, 0.0, live=True),
        every_frame=False,
        of_events=True,
        size=1,
    ),
    "json lines": lambda folder: JsonLines(folder / "out.jsonl", 3, live=True),
    "snapshots": lambda folder: Snapshots(folder / "pictures", keep_s=60.0),
    "collect": collector,
    "csv, recovering": lambda folder: Recovering(
        lambda: rotating_csv(folder, size=1),
        every_frame=False,
        failed=ignore,
        recovered=ignore,
        lost=ignore,
    ),
    "segments.vtt": lambda folder: SegmentLog(folder / "out.vtt", 0.0),
    "stats": lambda folder: StatsFile(folder / "out.json", Metrics(), backend="b", model="m"),
    "video": lambda folder: VideoSink(
        folder / "out.mp4", info(), lambda *_: None, start_s=0.0, threads=1
    ),
    "csv, rotating": lambda folder: rotating_csv(folder, size=None),
    "csv, a file for each row": lambda folder: rotating_csv(folder, size=1),
    "video, rotating": lambda folder: Rotating(
        folder / "out.mp4",
        lambda path, _: VideoSink(path, info(), lambda *_: None, start_s=0.0, threads=1),
        every_frame=True,
        size=1,
    ),
    "table": lambda _: SegmentTable(),
    "lines": lambda _: EventLines(),
    "progress": lambda _: Progress(None, Metrics(), shown=False),
}


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Sink:
    return SINKS[request.param](tmp_path)


def test_it_takes_frames_and_events_and_closes_twice(sink: Sink) -> None:
    sink.event(event(end_s=None))
    for index in range(3):
        sink.write(result(index, raw=prediction()))
    if sink.every_frame:
        sink.write(result(3))
    sink.event(event(end_s=0.4))
    sink.close()
    sink.close()


def test_it_closes_without_having_got_anything(sink: Sink) -> None:
    sink.close()
    sink.close()


def test_it_leaves_the_picture_as_it_was(sink: Sink) -> None:
    one = result(0, raw=prediction())
    one.frame.image.flags.writeable = False
    sink.write(one)
    assert one.frame.image.max() == 0
    sink.close()
