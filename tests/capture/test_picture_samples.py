from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from streamcls.capture import picture_samples
from streamcls.capture.file import FileSource
from streamcls.capture.picture_samples import Distinct, spread_frames, spread_pictures
from streamcls.errors import SourceNotFoundError


def test_frames_are_spread_over_the_whole_recording(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("spread.mkv", "-c:v", "ffv1", source="testsrc=size=64x48:rate=25:duration=4")
    found = list(spread_frames(clip, 10))
    source = FileSource(clip, camera="c")
    expected = [
        source.retrieve().bgr() for number, _ in enumerate(source.grab()) if number % 10 == 0
    ]
    assert len(found) == 10
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, right)


def test_a_short_recording_gives_all_its_frames(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("short.mkv", "-c:v", "ffv1", source="testsrc=size=64x48:rate=25:duration=0.2")
    assert len(list(spread_frames(clip, 100))) == 5


def test_of_a_long_recording_only_key_frames_are_decoded(
    make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_samples, "_SEEK_FRAMES", 5)
    source = "testsrc=size=64x48:rate=25:duration=8"
    clip = make_clip("long.mp4", "-c:v", "libx264", "-g", "25", source=source)
    found = list(spread_frames(clip, 16))  # two wanted times fall between two key frames
    assert len(found) == 8
    opened = FileSource(clip, camera="c")
    keys = [opened.retrieve().bgr() for number, _ in enumerate(opened.grab()) if number % 25 == 0]
    for one, right in zip(found, keys, strict=True):
        np.testing.assert_array_equal(one, right)


def test_turned_recordings_are_turned_either_way(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = videos / "decord_video_270.mov"
    (first, *_) = spread_frames(clip, 3)
    monkeypatch.setattr(picture_samples, "_SEEK_FRAMES", 0)
    (sought, *_) = spread_frames(clip, 1)
    np.testing.assert_array_equal(first, sought)


def test_no_such_recording(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        list(spread_frames(tmp_path / "none.mp4", 3))


def test_pictures_are_spread_over_the_folder(tmp_path: Path) -> None:
    for number in range(10):
        PillowImage.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "5.png").write_bytes(b"broken")
    found = [(file.name, int(image[0, 0, 2])) for file, image in spread_pictures(tmp_path, 4)]
    assert found == [("0.png", 0), ("2.png", 2), ("7.png", 7)]
    assert len(list(spread_pictures(tmp_path, 100))) == 9


def test_what_differs_by_noise_alone_is_the_same_picture() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (90, 120, 3), np.uint8)
    noisy = np.clip(first.astype(int) + rng.integers(-3, 4, first.shape), 0, 255).astype(np.uint8)
    known = Distinct()
    assert known.is_new(first)
    assert not known.is_new(noisy)
    assert known.is_new(255 - first)
    assert not known.is_new(first)
