from collections.abc import Callable
from pathlib import Path

from streamcls.capture.inspect import inspect


def test_a_constant_rate_and_what_is_in_the_file(videos: Path) -> None:
    found = inspect(videos / "torchcodec_nasa_13013.mp4")
    assert found.rate is not None
    assert not found.rate.variable
    assert abs(found.rate.real_fps - 25) < 1e-6
    assert found.probe.codec == "h264"
    assert [s.kind for s in found.probe.streams].count("video") == 2
    assert found.opencv == "yes"


def test_a_variable_rate(videos: Path) -> None:
    found = inspect(videos / "drewnoakes_FLIR_Thermal.mp4")
    assert found.rate is not None
    assert found.rate.variable
    assert round(found.rate.longest_ms, 1) == 1996.7


def test_rounding_to_milliseconds_is_no_variable_rate(videos: Path) -> None:
    found = inspect(videos / "decord_flipping_a_pancake.mkv")
    assert found.rate is not None
    assert not found.rate.variable


def test_rotation_turns_the_size(videos: Path) -> None:
    found = inspect(videos / "drewnoakes_ftyp3gp5.mp4").probe
    assert (found.coded_width, found.coded_height) == (1280, 720)
    assert (found.width, found.height) == (720, 1280)
    assert found.rotation == 270


def test_what_opencv_can_not_read(videos: Path, make_clip: Callable[..., Path]) -> None:
    assert "reads no frame" in inspect(videos / "torchcodec_av1_video.mkv").opencv
    interlaced = make_clip("interlaced.mp4", "-c:v", "libx264", "-flags", "+ilme+ildct")
    assert "interlaced" in inspect(interlaced).opencv


def test_a_file_without_times(make_clip: Callable[..., Path]) -> None:
    assert inspect(make_clip("raw.h264", "-c:v", "libx264")).rate is None
