import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamcls.errors import OutputError
from streamcls.media import cv2
from streamcls.records import NO_IMAGE, Event, Image, Result
from streamcls.sinks.collect import Collector, dhash
from tests.fakes import event, prediction, result

NOW_S = 1_700_000_000.0
SURE, UNSURE = prediction(0.9, 0.08, 0.02), prediction(0.4, 0.35, 0.25)
_NOISE = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamcls.clock.epoch_s", lambda: NOW_S + 100)


def picture() -> Image:
    """Like no other."""
    small = _NOISE.integers(0, 256, (8, 9, 3), np.uint8)
    return np.asarray(cv2.resize(small, (90, 80), interpolation=cv2.INTER_NEAREST), np.uint8)


def live(
    at_s: float, *, sure: bool = True, image: Image | None = None, events: tuple[Event, ...] = ()
) -> Result:
    one = result(
        round(at_s * 10),
        pts_s=at_s,
        raw=SURE if sure else UNSURE,
        image=picture() if image is None else image,
        events=events,
    )
    return replace(one, frame=replace(one.frame, captured_utc=NOW_S + at_s))


def collector(folder: Path, **other: Any) -> Collector:
    wanted: dict[str, Any] = {
        "uncertain": None,
        "changing": False,
        "random_s": None,
        "max_count": 1000,
        "max_size": 10**9,
        "max_age_s": 86400.0,
    }
    return Collector(folder, "cam", **(wanted | other))


def notes(folder: Path) -> list[dict[str, Any]]:
    """What stands beside the pictures, each of which is there."""
    found = sorted((folder / "cam").glob("*.json"))
    assert {path.stem for path in found} == {path.stem for path in (folder / "cam").glob("*.jpg")}
    return [json.loads(path.read_text()) for path in found]


def frames(folder: Path) -> list[int]:
    return [note["frame"] for note in notes(folder)]


def test_a_picture_has_all_beside_it_that_it_takes_to_correct_it(tmp_path: Path) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    sink.write(live(1.5, sure=False))
    sink.close()
    assert sorted(path.name for path in (tmp_path / "cam").iterdir()) == [
        "cam-20231114T221321.500Z-uncertain.jpg",
        "cam-20231114T221321.500Z-uncertain.json",
    ]
    (note,) = notes(tmp_path)
    assert len(note.pop("dhash")) == 16
    assert note == {
        "camera": "cam",
        "captured_utc": "2023-11-14T22:13:21.500Z",
        "reason": "uncertain",
        "frame": 15,
        "width": 90,
        "height": 80,
        "top": [
            {"label": "cat", "prob": 0.4},
            {"label": "dog", "prob": 0.35},
            {"label": "bird", "prob": 0.25},
        ],
        "steady_label": "cat",
        "steady_prob": 0.9,
        "label": None,
    }


def test_the_picture_is_the_one_that_was_classified(tmp_path: Path) -> None:
    image = np.full((80, 90, 3), (20, 90, 200), np.uint8)
    collector(tmp_path, uncertain=0.5).write(live(0, sure=False, image=image))
    (path,) = tmp_path.rglob("*.jpg")
    kept = cv2.imread(str(path))
    assert kept is not None
    assert np.abs(kept.astype(int) - image).max() <= 3


def test_only_what_the_model_is_not_sure_of(tmp_path: Path) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    for number in range(10):
        sink.write(live(number * 2.0, sure=number % 3 != 0))
    assert frames(tmp_path) == [0, 60, 120, 180]


def test_a_stretch_of_doubt_gives_a_picture_a_second(tmp_path: Path) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    for number in range(50):
        sink.write(live(number / 10, sure=False))
    assert frames(tmp_path) == [0, 10, 20, 30, 40]


def test_where_the_steady_label_changes(tmp_path: Path) -> None:
    sink = collector(tmp_path, changing=True)
    began, ended = event("cat", end_s=None), event("cat", end_s=0.3)
    state = replace(event("black"), kind="state")
    for number, events in enumerate([(), (began,), (), (ended,), (ended, began), (state,)]):
        sink.write(live(number / 10, events=events))
    assert frames(tmp_path) == [1, 3, 4]
    assert {note["reason"] for note in notes(tmp_path)} == {"changing"}


def test_at_random_one_in_about_so_long(tmp_path: Path) -> None:
    chances: Iterator[float] = iter([1 - np.exp(-1), 1 - np.exp(-0.5), 0.0, 1 - np.exp(-9)])
    sink = collector(tmp_path, random_s=10.0, chance=lambda: next(chances))
    for number in range(300):
        sink.write(live(number / 10))
    assert frames(tmp_path) == [100, 150, 151]
    assert {note["reason"] for note in notes(tmp_path)} == {"random"}


def test_the_waits_are_as_long_as_asked_for_on_average(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    sink = collector(tmp_path, random_s=1.0, chance=chance.random, max_count=10_000)
    image = [picture() for _ in range(40)]
    reasons = [sink._reason(live(n / 100, image=image[n % 40])) for n in range(40_000)]
    assert 360 <= reasons.count("random") <= 440


def test_nothing_without_an_answer_or_a_picture(tmp_path: Path) -> None:
    sink = collector(tmp_path, uncertain=1.0, changing=True, random_s=1e-9)
    one = live(0, sure=False)
    sink.write(replace(one, frame=replace(one.frame, image=NO_IMAGE)))
    sink.write(replace(one, raw=None))
    assert notes(tmp_path) == []


# -- what looks the same


def test_alike_pictures_are_kept_once(tmp_path: Path) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    image = picture()
    brighter = np.asarray(np.clip(image.astype(int) + 3, 0, 255), np.uint8)
    sink.write(live(0, sure=False, image=image))
    sink.write(live(2, sure=False, image=image))
    sink.write(live(4, sure=False, image=brighter))
    sink.write(live(6, sure=False))
    assert frames(tmp_path) == [0, 60]
    again = collector(tmp_path, uncertain=0.5)  # a later run knows them
    again.write(live(8, sure=False, image=image))
    again.write(live(10, sure=False))
    assert frames(tmp_path) == [0, 60, 100]


def test_a_hash_says_where_brightness_rises() -> None:
    rising = np.repeat(np.arange(9, dtype=np.uint8) * 20, 3).reshape(1, 9, 3)
    image = np.repeat(rising, 8, axis=0)
    assert dhash(np.ascontiguousarray(image)) == 2**64 - 1
    assert dhash(np.ascontiguousarray(image[:, ::-1])) == 0
    assert dhash(np.asarray(cv2.resize(image, (900, 800)), np.uint8)) == 2**64 - 1


def test_six_bits_are_alike_and_seven_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    for at_s, hashed in ((0, 0), (2, 0b111111), (4, 0b1111111), (6, 0b1111111 << 50)):
        monkeypatch.setattr("streamcls.sinks.collect.dhash", lambda _, hashed=hashed: hashed)
        sink.write(live(at_s, sure=False))
    assert frames(tmp_path) == [0, 40, 60]


# -- how much is kept


def doubts(sink: Collector, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        sink.write(live(number * 2.0, sure=False))


def test_the_oldest_go_when_there_are_too_many_those_of_earlier_runs_too(tmp_path: Path) -> None:
    doubts(collector(tmp_path, uncertain=0.5, max_count=3), 5)
    assert frames(tmp_path) == [40, 60, 80]
    doubts(collector(tmp_path, uncertain=0.5, max_count=4), 3, first=5)
    assert frames(tmp_path) == [80, 100, 120, 140]
    collector(tmp_path, max_count=1)
    assert frames(tmp_path) == [140]


def test_the_oldest_go_when_they_are_too_large_together(tmp_path: Path) -> None:
    doubts(collector(tmp_path, uncertain=0.5), 1)
    one = sum(path.stat().st_size for path in (tmp_path / "cam").iterdir())
    doubts(collector(tmp_path, uncertain=0.5, max_size=round(one * 3.5)), 9, first=1)
    assert frames(tmp_path) == [140, 160, 180]


def test_what_is_too_old_goes_also_while_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = collector(tmp_path, uncertain=0.5, max_age_s=1000.0)
    doubts(sink, 3)
    monkeypatch.setattr("streamcls.clock.epoch_s", lambda: NOW_S + 1003)
    sink.write(live(1003))
    assert frames(tmp_path) == [40]


def test_what_somebody_gave_a_label_stays(tmp_path: Path) -> None:
    doubts(collector(tmp_path, uncertain=0.5), 4)
    labelled, broken = sorted((tmp_path / "cam").glob("*.json"))[:2]
    labelled.write_text(json.dumps({**json.loads(labelled.read_text()), "label": "dog"}))
    broken.write_text(broken.read_text().replace("null", "dog"))
    collector(tmp_path, max_count=1)
    assert len(list((tmp_path / "cam").glob("*.jpg"))) == 3
    assert json.loads(labelled.read_text())["label"] == "dog"
    assert broken.exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    folder.mkdir()
    others = ["notes.txt", "cam.jpg", "cam-20231399T221320.500Z-random.jpg", "x.json"]
    for name in others:
        (folder / name).touch()
    doubts(collector(tmp_path, uncertain=0.5, max_count=1), 2)
    assert {path.name for path in folder.iterdir()} > set(others)


def test_a_picture_that_a_crash_left_alone_goes_in_time(tmp_path: Path) -> None:
    doubts(collector(tmp_path, uncertain=0.5), 3)
    first, *_ = sorted((tmp_path / "cam").glob("*.json"))
    first.unlink()
    half = tmp_path / "cam" / ".cam-20231114T221320.500Z-random.jpg.77.part"
    half.touch()
    os.utime(half, (1000, 1000))
    collector(tmp_path, max_count=2)
    assert frames(tmp_path) == [20, 40]
    assert not half.exists()


def test_the_folder_is_not_looked_through_for_each_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = collector(tmp_path, uncertain=0.5, max_count=2)

    def never(_path: Path, *_: object) -> Iterator[Path]:
        raise AssertionError("the folder is listed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", never)
        patch.setattr(Path, "glob", never)
        doubts(sink, 5)
    assert frames(tmp_path) == [60, 80]


# -- a full disk


@pytest.mark.parametrize("ending", [".jpg", ".json"])
def test_a_full_disk_leaves_no_half_of_a_pair_and_it_goes_on_later(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = collector(tmp_path, uncertain=0.5)
    doubts(sink, 1)
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        if ending not in path.name:
            return write(path, data)
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    image = picture()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(OutputError, match=rf"{ending}: can't write: No space left on device"):
            sink.write(live(2, sure=False, image=image))
        assert len(list((tmp_path / "cam").iterdir())) == 2
    sink.write(live(4, sure=False, image=image))
    assert frames(tmp_path) == [0, 40]


def test_a_disk_that_is_full_is_told_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        collector(tmp_path)


def test_what_can_not_be_deleted_is_said_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sink = collector(tmp_path, uncertain=0.5, max_count=1)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix != ".part":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    doubts(sink, 4)
    assert frames(tmp_path) == [0, 20, 40, 60]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}/cam/cam-20231114T221320.000Z-uncertain.jpg: can't be deleted: "
        "Operation not permitted"
    ]
