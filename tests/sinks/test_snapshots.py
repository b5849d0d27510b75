import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.media import cv2
from streamcls.records import NO_IMAGE, Result
from streamcls.sinks.snapshots import OUTPUT, Snapshots
from tests.fakes import event, prediction, result

NOW_S = 1_700_000_000.5


def live(index: int = 0, *, camera: str = "cam", level: int = 90, utc_s: float = NOW_S) -> Result:
    image = np.full((24, 32, 3), level, np.uint8)
    one = result(index, raw=prediction(), image=image)
    return replace(one, frame=replace(one.frame, camera=camera, captured_utc=utc_s))


def level(path: Path) -> float:
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape == (24, 32, 3)
    return float(image.mean())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_segment_gives_the_picture_of_its_first_frame(tmp_path: Path) -> None:
    sink = Snapshots(tmp_path)
    sink.write(live(0, level=10))
    sink.event(event("cat", end_s=None))
    sink.write(live(1, level=50))
    sink.write(live(2, level=70))
    sink.event(event("cat", end_s=0.3))
    sink.event(event("dog", start_s=0.3, end_s=None))
    sink.write(live(3, level=90, utc_s=NOW_S + 1))
    sink.event(event("dog", start_s=0.3, end_s=0.4))
    sink.write(live(4, level=110))
    sink.close()
    assert names(tmp_path) == [
        "cam-20231114T221320.500Z-cat.jpg",
        "cam-20231114T221321.500Z-dog.jpg",
    ]
    assert [round(level(tmp_path / name)) for name in names(tmp_path)] == [50, 90]


def test_a_frame_without_its_picture_leaves_it_to_the_next(tmp_path: Path) -> None:
    sink = Snapshots(tmp_path)
    sink.event(event("cat", end_s=None))
    without = live(0)
    sink.write(replace(without, frame=replace(without.frame, image=NO_IMAGE)))
    sink.write(live(1, level=50))
    assert [round(level(path)) for path in tmp_path.iterdir()] == [50]


def test_a_segment_that_is_over_before_its_picture_comes_gives_none(tmp_path: Path) -> None:
    sink = Snapshots(tmp_path)
    sink.event(event("cat", end_s=None))
    sink.event(event("cat", end_s=0.1))
    sink.write(live(1))
    assert names(tmp_path) == []


def test_states_give_none(tmp_path: Path) -> None:
    sink = Snapshots(tmp_path)
    sink.event(replace(event("black", end_s=None), kind="state"))
    sink.write(live())
    assert names(tmp_path) == []


def test_cameras_and_regions_do_not_mix(tmp_path: Path) -> None:
    sink = Snapshots(tmp_path)
    sink.event(event("cat", camera="belt/left", end_s=None))
    sink.event(event("dog", camera="belt/right", end_s=None))
    sink.write(live(camera="belt/right", level=50))
    sink.write(live(camera="belt/left", level=90))
    assert names(tmp_path) == [
        "belt_left-20231114T221320.500Z-cat.jpg",
        "belt_right-20231114T221320.500Z-dog.jpg",
    ]


@pytest.mark.parametrize("label", ["../../a", "a/b:c", "水 \n", "x" * 300, ""])
def test_any_label_gives_a_name(label: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    sink = Snapshots(folder)
    for _ in range(2):  # at the same time by a clock that was put back
        sink.event(event(label, end_s=None))
        sink.write(live())
    assert len(names(folder)) == 2
    assert names(tmp_path) == ["pictures"]


def test_old_pictures_go_those_of_other_cameras_stay(tmp_path: Path) -> None:
    for camera in ("cam", "cam_2", "belt"):
        path = tmp_path / f"{camera}-20231114T221320.500Z-cat.jpg"
        path.touch()
        os.utime(path, (1000, 1000))
    (tmp_path / "cam-notes.jpg").touch()
    os.utime(tmp_path / "cam-notes.jpg", (1000, 1000))
    sink = Snapshots(tmp_path, keep_s=3600)
    sink.write(live())
    assert names(tmp_path) == [
        "belt-20231114T221320.500Z-cat.jpg",
        "cam-notes.jpg",
        "cam_2-20231114T221320.500Z-cat.jpg",
    ]


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Snapshots(tmp_path)
    sink.write(live(0))
    sink.event(event("cat", end_s=None))
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OutputError, match=r"cat\.jpg: can't write: No space left on device"):
        sink.write(live(1))
    assert names(tmp_path) == []
    with pytest.raises(OutputError, match="No space left"):  # not only when a segment begins
        Snapshots(tmp_path).write(live(2))
    assert names(tmp_path) == []


def test_what_a_crash_left_half_written_is_taken_away(tmp_path: Path) -> None:
    old = tmp_path / ".cam-20231114T221320.500Z-cat.jpg.77.part"
    young = tmp_path / ".belt-20231114T221320.500Z-cat.jpg.77.part"
    other = tmp_path / ".precious.jpg.77.part"
    for path in (old, young, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (1000, 1000))
    Snapshots(tmp_path)
    assert names(tmp_path) == sorted([young.name, other.name])


def test_the_place_must_be_a_folder_or_one_must_be_possible(tmp_path: Path) -> None:
    OUTPUT.check("--snapshots", tmp_path)
    OUTPUT.check("--snapshots", tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(OutputPathError, match=r"--snapshots .*/file: is a file; give a folder"):
        OUTPUT.check("--snapshots", tmp_path / "file")
    with pytest.raises(OutputPathError, match=r"there is no folder .*/no; create it first"):
        OUTPUT.check("--snapshots", tmp_path / "no" / "new")
    with pytest.raises(OutputPathError, match="null byte"):
        OUTPUT.check("--snapshots", tmp_path / "a\0b")
