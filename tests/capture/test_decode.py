"""Decoded frames: as planes and as BGR they are the same picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamcls.capture.decode import DecodedFrame
from streamcls.capture.file import FileSource
from tests.inference.pictures import exact_bgr


def first(path: Path) -> DecodedFrame:
    source = FileSource(path, camera="c")
    next(one for one in source.grab() if one.fault is None)
    return source.retrieve()


def assert_same_picture(frame: DecodedFrame) -> None:
    """Within what FFmpeg's fast conversion is off by, and chroma between its samples."""
    planes = frame.planes()
    assert planes is not None
    bgr, exact = frame.bgr(), exact_bgr(planes)
    assert bgr.shape == exact.shape
    difference = np.abs(bgr.astype(int) - exact)
    assert difference.mean() < 2.5


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-pix_fmt", "yuv422p"),
        ("-pix_fmt", "yuv444p"),
        ("-pix_fmt", "yuvj420p", "-color_range", "pc"),
        ("-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"),
        ("-vf", "scale=out_color_matrix=bt2020", "-colorspace", "bt2020nc"),
        ("-vf", "scale=out_range=full", "-color_range", "pc"),
    ],
    ids=" ".join,
)
def test_planes_and_bgr_are_the_same_picture(
    make_clip: Callable[..., Path], options: tuple[str, ...]
) -> None:
    source = "smptebars=size=320x240:rate=5:duration=0.4"
    assert_same_picture(first(make_clip("c.mp4", "-c:v", "libx264", *options, source=source)))


@pytest.mark.parametrize(
    "name", ["decord_video_0.mov", "decord_video_180.mov", "decord_video_270.mov"]
)
def test_turned_frames_are_turned_either_way(videos: Path, name: str) -> None:
    assert_same_picture(first(videos / name))


@pytest.mark.parametrize(
    "name",
    [
        "intel_bottle-detection.mp4",
        "torchcodec_av1_video.mkv",
        "mdn_flower.webm",
        "drewnoakes_100_0306.AVI",
    ],
)
def test_real_clips(videos: Path, name: str) -> None:
    assert_same_picture(first(videos / name))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("c.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le")),
        ("c.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
        ("c.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray")),
    ],
)
def test_what_is_no_planes_of_8_bits_is_bgr_only(
    make_clip: Callable[..., Path], name: str, options: tuple[str, ...]
) -> None:
    frame = first(make_clip(name, *options))
    assert frame.planes() is None
    assert frame.bgr().shape == (240, 320, 3)


def test_a_frame_stays_what_it_is_while_others_are_decoded(videos: Path) -> None:
    source = FileSource(videos / "intel_bottle-detection.mp4", camera="c")
    grabbed = source.grab()
    next(grabbed)
    frame = source.retrieve()
    planes = frame.planes()
    assert planes is not None
    before = planes.y.copy()
    for _ in zip(range(60), grabbed, strict=False):
        pass
    np.testing.assert_array_equal(planes.y, before)
    assert frame.bgr().flags.writeable is False
    source.close()
