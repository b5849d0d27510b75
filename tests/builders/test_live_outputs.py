from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from streamcls.builders.live import LiveRun, build_live
from streamcls.builders.live_outputs import LiveOutput, Recorder, live_outputs, live_sinks
from streamcls.builders.outputs import asked_outputs, check_outputs, run_facts
from streamcls.config.options import from_options
from streamcls.config.settings import CaptureSettings, Settings
from streamcls.errors import OutputError, OutputPathError
from streamcls.metrics import Metrics
from streamcls.protocols import Pictured, Refreshed, Sink
from streamcls.runtime.stop import Stop
from streamcls.sinks.collect import Collector
from streamcls.sinks.recovering import Recovering
from streamcls.sinks.retention import Retention
from streamcls.sinks.rotation import Rotating
from streamcls.sinks.snapshots import Snapshots
from streamcls.sinks.stats import StatsFile
from tests.builders.fake import Fake
from tests.fakes import event, prediction, result

NAMES = {
    "csv": "a.csv",
    "jsonl": "a.jsonl",
    "video": "a.mp4",
    "events": "b.json",
    "stats": "s.json",
    "snapshots": "pictures",
}


def settings_of(folder: Path, **given: object) -> Settings:
    places = {name: str(folder / file) for name, file in NAMES.items()}
    chosen = from_options({"source": "sim://", **places, **given})
    return chosen.model_copy(update={"capture": CaptureSettings(folder=folder / "kept")})


def run_of(settings: Settings) -> LiveRun:
    fake: Any = Fake()
    return build_live(settings, stop=Stop(), metrics=Metrics(), progress=False, classifier=fake)


def outputs_of(settings: Settings) -> dict[str, LiveOutput]:
    facts = run_facts(settings, run_of(settings))
    return {one.name: one for one in live_outputs(settings, facts)}


@pytest.fixture
def close() -> Iterator[list[Sink]]:
    """What is put in is closed in the end."""
    opened: list[Sink] = []
    yield opened
    for sink in opened:
        sink.close()


def test_live_outputs_rotate_where_they_can(tmp_path: Path, close: list[Sink]) -> None:
    settings = settings_of(tmp_path, rotate="90s")
    assert set(asked_outputs(settings)) == set(NAMES)
    sinks = dict(live_sinks(settings, run_facts(settings, run_of(settings))))
    close += sinks.values()
    rotating = {name for name, sink in sinks.items() if isinstance(sink, Rotating)}
    assert rotating == {"csv", "jsonl", "events", "video"}
    assert all(vars(sinks[name])["_seconds"] == 90 for name in rotating)
    assert {name for name, sink in sinks.items() if sink.every_frame} == {"video"}
    stats = sinks["stats"]
    assert isinstance(stats, StatsFile)
    assert stats.refresh_s == 10
    assert isinstance(sinks["snapshots"], Snapshots)
    assert isinstance(sinks["capture"], Collector)


def test_each_says_of_itself_what_its_sink_is(tmp_path: Path, close: list[Sink]) -> None:
    found = outputs_of(settings_of(tmp_path))
    for one in found.values():
        sink = one.open()
        close.append(sink)
        assert one.every_frame == sink.every_frame
        assert one.pictured == isinstance(sink, Pictured)
        assert one.recovers != isinstance(sink, Refreshed)
    assert {name for name, one in found.items() if one.pictured} == {"snapshots", "capture"}
    assert {name for name, one in found.items() if one.of_events} == {"events"}


def test_standard_output_is_one_file_for_ever(tmp_path: Path) -> None:
    found = outputs_of(settings_of(tmp_path, jsonl="-", rotate="1h", keep="1d"))
    assert not found["jsonl"].recovers
    assert found["csv"].recovers


def test_events_of_a_live_run_are_there_from_the_start_under_their_name(
    tmp_path: Path, close: list[Sink]
) -> None:
    settings = settings_of(tmp_path, events=str(tmp_path / "b-%Y.json"))
    close.append(outputs_of(settings)["events"].open())
    (path,) = tmp_path.glob("b-*.json")
    assert path.name == f"b-{datetime.now():%Y}.json"


def test_old_files_of_each_are_known_by_its_own_name(tmp_path: Path, close: list[Sink]) -> None:
    found = outputs_of(settings_of(tmp_path, keep="1d", keep_size="1GB"))
    for name, own in (("csv", "a-20260501-123005.csv"), ("events", "b-20260501-123005-2.json")):
        sink = found[name].open()
        close.append(sink)
        retention = vars(sink)["_retention"]
        assert isinstance(retention, Retention)
        known = vars(retention)
        assert known["_folder"] == tmp_path
        assert (known["_max_age_s"], known["_max_bytes"]) == (86400, 10**9)
        assert known["_names"].fullmatch(own)
    snapshots = vars(found["snapshots"].open())
    assert (snapshots["_keep_s"], snapshots["_keep_bytes"]) == (86400, 10**9)
    assert vars(outputs_of(settings_of(tmp_path))["csv"].open())["_retention"] is None


def test_what_a_person_records_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(tmp_path, keep="1d")
    run = run_of(settings)
    with run.pipeline:
        recorder = Recorder(run, run_facts(settings, run))
        name = recorder.toggle()
        assert name is not None
        assert name.endswith(".mp4")
        assert vars(recorder)["_facts"].keep_s is None
        assert recorder.toggle() is None


# -- {camera}


def test_the_cameras_name_stands_in_places(tmp_path: Path, close: list[Sink]) -> None:
    (tmp_path / "hall 2").mkdir()
    (tmp_path / "hall_2").mkdir()
    places = {
        "camera": "hall 2",
        "csv": str(tmp_path / "{camera}" / "{camera}.csv"),
        "snapshots": str(tmp_path / "{camera}-pictures"),
        "events": str(tmp_path / "{camera}.json"),
    }
    settings = settings_of(tmp_path, **places)
    check_outputs(settings, live=True)
    found = outputs_of(settings)
    close += [found[name].open() for name in ("csv", "events", "snapshots", "capture")]
    close[0].write(result(raw=prediction()))
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*hall_2*")}
    assert made >= {"hall_2/hall_2.csv", "hall_2.json", "hall_2-pictures", "kept/hall_2"}


def test_the_name_that_is_checked_is_the_cameras(tmp_path: Path) -> None:
    (tmp_path / "door.csv").touch()
    settings = settings_of(tmp_path, camera="door", csv=str(tmp_path / "{camera}.csv"))
    with pytest.raises(OutputPathError, match=r"--csv .*/door\.csv: exists"):
        check_outputs(settings, live=True)
    settings = settings_of(tmp_path, camera="door", csv=str(tmp_path / "{camera}" / "a.csv"))
    with pytest.raises(OutputPathError, match=r"there is no folder .*/door; create it first"):
        check_outputs(settings, live=True)


def test_folders_are_checked_before_the_run(tmp_path: Path) -> None:
    check_outputs(settings_of(tmp_path), live=True)
    (tmp_path / "pictures").touch()
    with pytest.raises(OutputPathError, match=r"--snapshots .*/pictures: is a file"):
        check_outputs(settings_of(tmp_path), live=True)
    (tmp_path / "pictures").unlink()
    (tmp_path / "kept").touch()
    with pytest.raises(OutputPathError, match=r"capture\.folder .*/kept: is a file"):
        check_outputs(settings_of(tmp_path), live=True)


# -- opened anew


@pytest.mark.parametrize("rotate", [None, "1h"])
@pytest.mark.parametrize("name", ["csv", "jsonl", "events"])
def test_when_opened_anew_the_file_is_a_new_one(
    name: str, rotate: str | None, tmp_path: Path
) -> None:
    one = outputs_of(settings_of(tmp_path, rotate=rotate))[name]
    for _ in range(3):
        with closing(one.open()) as sink:
            sink.event(event())
            sink.write(result(raw=prediction()))
    assert len(list(tmp_path.iterdir())) == 3


def test_what_can_be_opened_anew_is(tmp_path: Path, close: list[Sink]) -> None:
    failed: list[OutputError | OutputPathError] = []
    found = outputs_of(settings_of(tmp_path))
    sinks = {
        name: one.recovering(failed=failed.append, recovered=failed.clear, lost=lambda _: None)
        for name, one in found.items()
    }
    close += sinks.values()
    recovering = {name for name, sink in sinks.items() if isinstance(sink, Recovering)}
    assert recovering == set(found) - {"stats"}
    assert all(isinstance(sinks[n], Pictured) == one.pictured for n, one in found.items())
    assert all(sinks[n].every_frame == one.every_frame for n, one in found.items())
