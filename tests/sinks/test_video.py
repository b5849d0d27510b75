"""The annotated video, read back with ffprobe."""

import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from streamcls.capture.file import FileSource
from streamcls.errors import OutputError, OutputPathError
from streamcls.media import av
from streamcls.records import Image
from streamcls.sinks.video import VideoSink
from tests.fakes import info, prediction, result
from tests.sinks.videos import H264, copy, nothing, probe, times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("drewnoakes_FLIR_Thermal.mp4", "aac"),  # variable frame rate, gaps of up to 2 s
        ("decord_flipping_a_pancake.mkv", "opus"),  # sound begins before the picture
        ("mdn_flower.webm", "aac"),  # from Vorbis; the picture begins at 3 ms
        ("imageio_cockatoo.mp4", "mp3"),
        ("drewnoakes_100_0306.AVI", "aac"),  # from PCM
        ("drewnoakes_ftyp3gp5.mp4", "aac"),  # turned by its metadata
        ("decord_video_0.mov", None),
    ],
)
def test_every_frame_is_at_its_own_time_and_the_sound_is_there(
    name: str, sound: str | None, videos: Path, tmp_path: Path, ffprobe: str
) -> None:
    about = copy(videos / name, tmp_path / "o.mp4")
    assert times(ffprobe, tmp_path / "o.mp4") == pytest.approx(
        times(ffprobe, videos / name), abs=1e-5
    )
    before, after = probe(ffprobe, videos / name), probe(ffprobe, tmp_path / "o.mp4")
    streams = {s["codec_type"]: s for s in after["streams"]}
    assert streams["video"]["codec_name"] == "h264"
    assert streams["video"]["pix_fmt"] == "yuv420p"
    assert (streams["video"]["width"], streams["video"]["height"]) == (about.width, about.height)
    assert (streams["audio"]["codec_name"] if "audio" in streams else None) == sound
    durations = [float(p["format"]["duration"]) for p in (before, after)]
    assert durations[1] == pytest.approx(durations[0], abs=0.07)
    if sound is not None:
        heard = [
            sum(
                len(f) > 0
                for f in p["frames"]
                if p["streams"][f["stream_index"]]["codec_type"] == "audio"
            )
            for p in (before, after)
        ]
        assert heard[1] > 0


def test_a_recording_that_starts_late_begins_at_zero(
    make_clip: Callable[..., Path], tmp_path: Path, ffprobe: str
) -> None:
    copy(make_clip("late.ts", *H264), tmp_path / "o.mp4")
    assert times(ffprobe, tmp_path / "o.mp4")[0] < 0.1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (33, 25), (320, 241), (1920, 1080)])
def test_any_size(width: int, height: int, tmp_path: Path, ffprobe: str) -> None:
    sink = VideoSink(
        tmp_path / "o.mp4", info(width=width, height=height), nothing, start_s=0, threads=1
    )
    image = np.full((height, width, 3), (40, 120, 200), np.uint8)
    for index in range(5):
        sink.write(result(index, raw=prediction(), image=image))
    sink.close()
    found = probe(ffprobe, tmp_path / "o.mp4")
    (stream,) = found["streams"]
    assert (stream["width"], stream["height"]) == (width + width % 2, height + height % 2)
    assert len(found["frames"]) == 5


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255), (0, 0, 0), (30, 120, 220)]
    sink = VideoSink(tmp_path / "o.mp4", info(width=64, height=48), nothing, start_s=0, threads=1)
    for index, colour in enumerate(colours):
        sink.write(result(index, image=np.full((48, 64, 3), colour, np.uint8)))
    sink.close()
    back = FileSource(tmp_path / "o.mp4", camera="c")
    for (_, colour), one in zip(enumerate(colours), back.grab(), strict=True):
        assert one.fault is None
        assert np.abs(back.retrieve().bgr()[20, 30].astype(int) - colour).max() <= 6


def test_pixels_that_are_not_square_stay_so(tmp_path: Path, ffprobe: str) -> None:
    about = replace(info(width=64, height=48), sample_aspect=Fraction(4, 3))
    sink = VideoSink(tmp_path / "o.mp4", about, nothing, start_s=0, threads=1)
    sink.write(result(image=np.zeros((48, 64, 3), np.uint8)))
    sink.close()
    assert probe(ffprobe, tmp_path / "o.mp4")["streams"][0]["sample_aspect_ratio"] == "4:3"


def test_frames_that_change_their_size_are_scaled(tmp_path: Path, ffprobe: str) -> None:
    sink = VideoSink(tmp_path / "o.mp4", info(width=64, height=48), nothing, start_s=0, threads=1)
    for index, shape in enumerate([(48, 64, 3), (96, 128, 3), (24, 32, 3)]):
        sink.write(result(index, image=np.zeros(shape, np.uint8)))
    sink.close()
    assert len(times(ffprobe, tmp_path / "o.mp4")) == 3


def test_the_video_keeps_its_size_when_the_source_changes_its_own(tmp_path: Path) -> None:
    """It is drawn into at the video's size, too."""
    drawn: list[tuple[int, ...]] = []

    def draw(image: Image, _result: object, _fps: float) -> None:
        drawn.append(image.shape)
        image[:4, :4] = 255

    sink = VideoSink(tmp_path / "o.mp4", info(width=64, height=48), draw, start_s=0, threads=1)
    for index, (height, width) in enumerate([(48, 64), (24, 32), (48, 128), (48, 64)]):
        sink.write(result(index, image=np.full((height, width, 3), 120, np.uint8)))
    sink.close()
    assert drawn == [(48, 64, 3)] * 4
    with av.open(str(tmp_path / "o.mp4")) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 4
    for picture in pictures:
        assert picture[:3, :3].mean() > 230
        assert picture[20:28, 8:56].mean() == pytest.approx(120, abs=6)
    wide = pictures[2]
    assert wide[6:10, 8:56].mean() < 12 and wide[38:42, 8:56].mean() < 12
    for picture in (pictures[0], pictures[1], pictures[3]):
        assert picture[6:10, 8:56].mean() == pytest.approx(120, abs=6)


def test_times_that_go_back_are_moved_up(tmp_path: Path, ffprobe: str) -> None:
    sink = VideoSink(tmp_path / "o.mp4", info(), nothing, start_s=0, threads=1)
    for index, pts_s in enumerate([0.0, 0.1, 0.1, 0.05, 0.2]):
        sink.write(result(index, pts_s=pts_s))
    sink.close()
    found = times(ffprobe, tmp_path / "o.mp4")
    assert found == sorted(set(found))
    assert len(found) == 5


def test_recordings_that_were_joined_go_on_without_the_step_back(
    tmp_path: Path, ffprobe: str, caplog: pytest.LogCaptureFixture
) -> None:
    sink = VideoSink(tmp_path / "o.mp4", info(), nothing, start_s=0, threads=1)
    for index in range(40):
        sink.write(result(index, pts_s=index % 20 / 10))
    sink.close()
    assert times(ffprobe, tmp_path / "o.mp4") == pytest.approx([i / 10 for i in range(40)])
    assert "time goes back to 0.000 s in the source" in caplog.text


def test_what_was_written_can_be_read_without_the_end(tmp_path: Path, ffprobe: str) -> None:
    """As after a crash: all but the last second of the media is on the disk at every moment."""
    sink = VideoSink(tmp_path / "o.mp4", info(fps=25), nothing, start_s=0, threads=2)
    still = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    for index in range(100):  # no cuts, after which a fragment would end anyway
        sink.write(result(index, pts_s=index / 25, image=still))
        if index % 10 == 0 and index >= 30:
            (tmp_path / "crashed.mp4").write_bytes((tmp_path / "o.mp4").read_bytes())
            assert times(ffprobe, tmp_path / "crashed.mp4")[-1] >= index / 25 - 1
    sink.close()
    assert len(times(ffprobe, tmp_path / "o.mp4")) == 100


def test_drawing_gets_a_copy_with_the_rate(tmp_path: Path) -> None:
    rates: list[float] = []

    def draw(image: Image, _result: object, fps: float) -> None:
        image[:] = 255
        rates.append(fps)

    sink = VideoSink(tmp_path / "o.mp4", info(fps=10), draw, start_s=0, threads=1)
    for index in range(30):
        one = result(index, pts_s=index / 10 if index < 15 else 1.5 + (index - 15) / 5)
        sink.write(one)
        assert one.frame.image.max() == 0
    sink.close()
    assert rates[:3] == pytest.approx([10, 10, 10])
    assert rates[-1] == pytest.approx(5)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't write: No such file"):
        VideoSink(tmp_path / "no" / "o.mp4", info(), nothing, start_s=0, threads=1)


def test_pictures_that_h264_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the encoder takes no 20000x16 pictures"):
        VideoSink(tmp_path / "o.mp4", info(width=20000, height=16), nothing, start_s=0, threads=1)
    assert not (tmp_path / "o.mp4").exists()


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("precious")
    with pytest.raises(OutputPathError, match="exists"):
        VideoSink(tmp_path / "o.mp4", info(), nothing, start_s=0, threads=1)
    assert (tmp_path / "o.mp4").read_text() == "precious"


def test_a_disk_that_is_full_at_the_very_end_is_said(tmp_path: Path) -> None:
    """FFmpeg itself is silent about its last writes. A limit on file sizes stands for the disk."""

    def write(path: Path) -> VideoSink:
        sink = VideoSink(path, info(), nothing, start_s=0, threads=1)
        for index in range(10):
            sink.write(result(index))
        return sink

    write(tmp_path / "whole.mp4").close()
    size = (tmp_path / "whole.mp4").stat().st_size
    sink = write(tmp_path / "o.mp4")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, hard))
    try:
        with pytest.raises(OutputError, match=r"o\.mp4: can't write: File too large"):
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    sink.close()


def test_a_full_disk_is_said_once_and_close_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").symlink_to("/dev/full")
    sink = VideoSink(tmp_path / "o.mp4", info(width=640, height=480), nothing, start_s=0, threads=1)
    random = np.random.default_rng(0)
    with pytest.raises(OutputError, match=r"o\.mp4: can't write: No space left"):
        for index in range(500):
            image = random.integers(0, 256, (480, 640, 3), dtype=np.uint8)
            sink.write(result(index, image=image))
    sink.close()
