"""What a look at a whole settings file finds, with a classifier that costs nothing."""

import threading
from pathlib import Path
from typing import Any

import pytest

from streamcls.builders import look as look_module
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.errors import SettingsError
from streamcls.plant import check as check_module
from streamcls.plant.check import Capacity, Found, Report, check
from streamcls.plant.model import Asked, SharedModel
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns
from tests.builders.fake import Fake

pytestmark = pytest.mark.alone


class Failing(Fake):
    """Has a bug."""

    def classify(self, images: Any) -> Any:
        raise RuntimeError("the engine broke")


class Checks:
    """Checks texts; looks are short."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.classifier: Any = Fake()
        self.stop = Stop()
        monkeypatch.setattr("streamcls.plant.check.load_shared", self._load)
        monkeypatch.setattr(check_module, "_MEASURE_S", 0.05)
        for module in (look_module, check_module):
            monkeypatch.setattr(module, "LOOK_S", 0.3)

    def _load(self, asked: Asked, stop: Stop, *, progress: bool) -> SharedModel:
        turns = Turns(self.classifier, stop, workers=2, room=1, newest=True)
        return SharedModel(asked, self.classifier, turns, 2)

    def __call__(self, text: str) -> Report:
        file = self.folder / "line.yaml"
        file.write_text(text.replace("FOLDER", str(self.folder)))
        settings = read_settings(file, {})
        assert isinstance(settings, PlantSettings)
        return check(settings, file, self.stop, progress=False)


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checks:
    return Checks(tmp_path, monkeypatch)


def camera(name: str, more: str = "", script: str = "fps=20&size=64x48") -> str:
    return f'  - {{camera: {name}, source: "sim://?{script}"{more}}}\n'


def test_cameras_that_give_pictures_are_well(checks: Checks) -> None:
    report = checks(f"cameras:\n{camera('a')}{camera('b', ', sample: {fps: 2}')}")
    a, b = report.cameras
    assert (a.name, b.name) == ("a", "b")
    assert (a.error, b.error) == ("", "")
    assert a.seen is not None and a.seen.sizes == ("64x48",)
    assert a.asked == pytest.approx(a.seen.fps)
    assert b.asked == 2
    assert report.others == []


def test_a_dead_camera_has_its_reason_and_counts_with_what_the_settings_say(
    checks: Checks,
) -> None:
    dead = camera("dead", ", sample: {fps: 3}", "drop=0&drop_for=999")
    report = checks(f"cameras:\n{dead}{camera('a', ', sample: {fps: 2}')}")
    found, other = report.cameras
    assert found.seen is None
    assert found.error and "given up" not in found.error
    assert not found.error.startswith("dead:")  # the table has the name already
    assert other.error == ""
    assert report.capacity.asked == 5
    assert not report.is_ok


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        (", sample: {every: 4}", 5.0),
        (", sample: {fps: 3}", 3.0),
        (", sample: {fps: 3}, regions: {x: [0, 0, 0.5, 1], y: [0.5, 0, 0.5, 1]}", 6.0),
        (", sample: {fps: 500}", 20.0),  # no more than come
    ],
)
def test_labels_that_are_asked_for(checks: Checks, more: str, asked: float) -> None:
    report = checks(f"cameras:\n{camera('a', more)}")
    (found,) = report.cameras
    assert found.seen is not None
    assert found.asked == pytest.approx(asked * (found.seen.fps / 20 if asked in (5, 20) else 1))
    assert report.capacity.asked == found.asked


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (", regions: {lane: [0, 0, 64, 48]}", ""),
        (
            ", regions: {lane: [0, 0, 65, 48]}",
            "region lane reaches beyond the picture of 64x48",
        ),
        (
            ", rotation: 90, regions: {lane: [0, 0, 64, 48]}",
            "region lane reaches beyond the picture of 48x64",
        ),
        (", rotation: 90, regions: {lane: [0, 0, 48, 64]}", ""),
    ],
)
def test_regions_have_to_be_within_the_turned_picture(
    checks: Checks, more: str, error: str
) -> None:
    (found,) = checks(f"cameras:\n{camera('a', more)}").cameras
    assert found.error == error


def test_folders_are_written_to_and_left_as_they_were(checks: Checks) -> None:
    report = checks(
        "defaults: {outputs: {csv: FOLDER/nowhere/o.csv, snapshots: FOLDER/made/s}}\n"
        f"cameras:\n{camera('a')}"
    )
    folders = [one for one in report.others if one.what.startswith("folder")]
    nowhere, made = sorted(folders, key=lambda one: not one.error)
    assert nowhere.what == f"folder {checks.folder}/nowhere"
    assert nowhere.error == "can't be written: No such file or directory"
    assert (made.what, made.error) == (f"folder {checks.folder}/made/s", "")
    assert list((checks.folder / "made" / "s").iterdir()) == []
    assert not report.is_ok


def test_a_label_that_the_model_has_not_is_told(checks: Checks) -> None:
    with pytest.raises(SettingsError, match="the model has no label 'kat'"):
        checks(f"cameras:\n{camera('a', ', postprocess: {deny: [kat]}')}")


def test_a_classifier_that_fails_is_no_finding(checks: Checks) -> None:
    checks.classifier = Failing()
    with pytest.raises(RuntimeError, match="the engine broke"):
        checks(f"cameras:\n{camera('a')}")


def test_a_signal_before_it_measures_is_not_waited_out(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves its mark only, as the handler does; each wait for an answer took a minute."""

    def signalled(_: PlantSettings) -> list[Found]:
        checks.stop.signal = 15
        return []

    monkeypatch.setattr(check_module, "_receivers", signalled)
    report: list[Report] = []
    checking = threading.Thread(
        target=lambda: report.append(checks(f"cameras:\n{camera('a')}")), daemon=True
    )
    checking.start()
    checking.join(20)
    assert report


def capacity(**values: float) -> Capacity:
    usual: dict[str, Any] = {"asked": 1, "can": 10, "reading": 0.1, "needed": 1, "cpus": 2}
    return Capacity(**(usual | values))


@pytest.mark.parametrize(
    ("needed", "cpus", "holds"), [(1.6, 2, True), (1.61, 2, False), (0.8, 1, True)]
)
def test_a_fifth_of_the_cpus_has_to_be_left(needed: float, cpus: int, holds: bool) -> None:
    assert capacity(needed=needed, cpus=cpus).holds is holds
    assert Report([], [], capacity(needed=needed, cpus=cpus)).is_ok is holds


def test_what_is_needed_is_reading_and_the_share_of_what_it_can(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "_measure", lambda *_: 8.0)
    found = checks(f"cameras:\n{camera('a', ', sample: {fps: 2}')}").capacity
    assert (found.asked, found.can, found.cpus) == (2, 8, 2)
    assert found.needed == pytest.approx(found.reading + 2 * 2 / 8)


def test_a_recording_is_no_camera(checks: Checks, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    with pytest.raises(SettingsError, match="a: a recording"):
        checks(f"cameras:\n  - {{camera: a, source: {clip}}}")


def test_two_cameras_with_the_same_file_are_found(checks: Checks) -> None:
    same = "defaults: {outputs: {csv: FOLDER/o.csv, rotate: 1h}}\n"
    report = checks(f"{same}cameras:\n{camera('a')}\n{camera('b')}")
    assert any("is a's, too" in one.error for one in report.others)
