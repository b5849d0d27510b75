"""Recorded files against ffprobe, which shares no code with the reader but FFmpeg's formats."""

import hashlib
import json
import random
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamcls.capture.file import FileSource
from streamcls.errors import SourceError, SourceNotFoundError
from streamcls.media import cv2
from streamcls.records import Grabbed, Image

REAL = [
    "decord_flipping_a_pancake.mkv",
    "decord_video_270.mov",
    "drewnoakes_100_0306.AVI",
    "drewnoakes_FLIR_Thermal.mp4",
    "drewnoakes_ftyp3gp5.mp4",
    "drewnoakes_uuid540.mp4",
    "imageio_cockatoo.mp4",
    "mdn_flower.webm",
    "mdn_friday.mp4",
    "torchcodec_av1_video.mkv",
    "torchcodec_h265_10bits.mp4",
    "torchcodec_nasa_13013.mp4",
]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
MADE: dict[str, tuple[str, ...]] = {
    "b-frames.mp4": (*H264, "-bf", "3"),
    "starts-late.ts": H264,
    "flash.flv": H264,
    "fragmented.mp4": (*H264, "-movflags", "frag_keyframe+empty_moov"),
    "gap.mp4": (*H264, "-vf", "setpts='if(gt(N,20),PTS+1.5/TB,PTS)'", "-vsync", "vfr"),
    "hidden-frames.webm": ("-c:v", "libvpx-vp9", "-auto-alt-ref", "1", "-lag-in-frames", "16"),
    "lossless.mkv": ("-c:v", "ffv1"),
    "old.avi": ("-c:v", "mpeg4", "-bf", "0"),
    "prores.mov": ("-c:v", "prores"),
    "animation.gif": (),
}


def read(path: Path, **options: float) -> tuple[list[Grabbed], list[Image]]:
    source = FileSource(path, camera="cam", **options)
    grabbed, images = [], []
    for one in source.grab():
        grabbed.append(one)
        if one.fault is None:
            images.append(source.retrieve().bgr())
    source.close()
    return grabbed, images


def ffprobe_times(ffprobe: str, path: Path) -> list[str]:
    shown = ["-show_entries", "frame=pts_time", "-of", "json"]
    command = [ffprobe, "-v", "error", "-select_streams", "V:0", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [frame["pts_time"] for frame in json.loads(done.stdout)["frames"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_times_of_real_clips_are_those_of_ffprobe(name: str, videos: Path, ffprobe: str) -> None:
    grabbed, _ = read(videos / name)
    assert [f"{g.pts_s:.6f}" for g in grabbed] == ffprobe_times(ffprobe, videos / name)
    assert [g.index for g in grabbed] == list(range(len(grabbed)))
    assert {g.time_source for g in grabbed} == {"container"}


@pytest.mark.parametrize("name", MADE)
def test_times_of_made_clips_are_those_of_ffprobe(
    name: str, make_clip: Callable[..., Path], ffprobe: str
) -> None:
    path = make_clip(name, *MADE[name])
    grabbed, _ = read(path)
    assert [f"{g.pts_s:.6f}" for g in grabbed] == ffprobe_times(ffprobe, path)
    assert {g.time_source for g in grabbed} == {"container"}


@pytest.mark.parametrize("name", ["raw.h264", "b-frames.avi"])
def test_without_times_in_the_file_they_are_estimated_and_say_so(
    name: str, make_clip: Callable[..., Path]
) -> None:
    """AVI stores no times, and what FFmpeg makes up for reordered frames is out of order."""
    grabbed, _ = read(make_clip(name, *H264, "-bf", "3"))
    assert [g.pts_s for g in grabbed] == pytest.approx([i / 25 for i in range(50)])
    assert {g.time_source for g in grabbed} == {"estimated"}


@pytest.mark.parametrize(
    "name", ["imageio_cockatoo.mp4", "drewnoakes_ftyp3gp5.mp4", "mdn_flower.webm"]
)
def test_pictures_are_those_of_opencv(name: str, videos: Path) -> None:
    """Same colours, same rotation."""
    _, images = read(videos / name, duration_s=0.2)
    capture = cv2.VideoCapture(str(videos / name))
    for image in images:
        _, expected = capture.read()
        np.testing.assert_array_equal(image, expected)
    capture.release()


def test_interlaced_video_has_its_pictures(make_clip: Callable[..., Path]) -> None:
    """OpenCV 5.0 says ok=True here and fills in nothing; if it no longer does, mend the docs."""
    path = make_clip("interlaced.mp4", *H264, "-flags", "+ilme+ildct")
    _, images = read(path)
    _, progressive = read(make_clip("progressive.mp4", *H264))
    differences = [
        np.abs(a.astype(int) - b).mean() for a, b in zip(images, progressive, strict=True)
    ]
    assert max(differences) < 5
    capture = cv2.VideoCapture(str(path))
    ok, unfilled = capture.read()
    capture.release()
    assert ok
    assert np.abs(unfilled.astype(int) - images[0]).mean() > 50


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("odd.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv444p"), (241, 321, 3)),
        ("grey.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray"), (241, 321, 3)),
        ("alpha.mov", ("-c:v", "png", "-pix_fmt", "rgba"), (241, 321, 3)),
        ("deep.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le"), (241, 321, 3)),
    ],
)
def test_odd_pixel_formats_become_plain_bgr(
    name: str, options: tuple[str, ...], shape: tuple[int, ...], make_clip: Callable[..., Path]
) -> None:
    clip = make_clip(name, *options, source="smptebars=size=321x241:rate=5:duration=1")
    _, images = read(clip)
    for image in images:
        assert image.shape == shape
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert not image.flags.writeable
    # smptebars: the third bar from the left is cyan, the sixth red (grey for grey).
    blue, green, red = images[0][60, 321 * 5 // 14].astype(int)
    assert (blue > 150 and green > 150 and red < 60) or "grey" in name


def test_one_pixel(make_clip: Callable[..., Path]) -> None:
    crop = ("-vf", "format=bgr0,crop=1:1:exact=1", "-c:v", "ffv1")
    clip = make_clip("one.mkv", *crop, source="color=red:size=2x2:rate=5:duration=1")
    _, images = read(clip)
    assert [image.shape for image in images] == [(1, 1, 3)] * 5


def test_start_and_duration_are_media_time_and_keep_the_index(videos: Path) -> None:
    whole, _ = read(videos / "drewnoakes_FLIR_Thermal.mp4")
    part, images = read(videos / "drewnoakes_FLIR_Thermal.mp4", start_s=3.0, duration_s=2.0)
    expected = [(g.index, g.pts_s) for g in whole if 3.0 <= g.pts_s < 5.0]
    assert [(g.index, g.pts_s) for g in part] == expected
    assert len(images) == len(expected) > 5


def test_a_duration_without_a_start_counts_from_the_first_frame(
    make_clip: Callable[..., Path],
) -> None:
    part, _ = read(make_clip("starts-late.ts", *H264), duration_s=1.0)
    assert len(part) == 25
    assert part[0].pts_s > 1


def test_a_start_behind_the_end_is_said(videos: Path) -> None:
    with pytest.raises(SourceError, match=r"no frame at or after 100 s; it ends at 1\.001 s"):
        read(videos / "drewnoakes_uuid540.mp4", start_s=100.0)


def test_a_corrupted_file_keeps_its_good_frames_and_tells_of_the_others(videos: Path) -> None:
    """OpenCV ends after 28 frames of this one without a word."""
    grabbed, images = read(videos / "decord_corrupted.mp4")
    assert len(grabbed) == 50
    assert [g.fault for g in grabbed if g.fault] == ["undecodable", "corrupt"]
    assert len(images) == 48


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mdn_bug_video_640.mp4", "decord_flipping_a_pancake.mkv", "mdn_flower.webm"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_damaged_file_gives_the_same_frames_every_time(
    name: str, seed: int, videos: Path, tmp_path: Path
) -> None:
    """FFmpeg's threaded decoders patch up damage differently from run to run."""
    damaged = bytearray((videos / name).read_bytes())
    rng = random.Random(seed)
    for _ in range(30):
        damaged[rng.randrange(len(damaged) // 4, len(damaged) * 3 // 4)] ^= 1 << rng.randrange(8)
    path = tmp_path / name
    path.write_bytes(damaged)
    found = set()
    for _ in range(3):
        grabbed, images = read(path)
        pixels = hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest()
        found.add((tuple((g.pts_s, g.fault) for g in grabbed), pixels))
    assert len(found) == 1
    faults = [fault for _, fault in found.pop()[0] if fault]
    assert faults or name.endswith(".webm")  # VP8 can't tell


def test_a_recording_that_was_cut_off_says_where(
    videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (videos / "mdn_flower.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    grabbed, _ = read(path)
    assert 50 < len(grabbed) < 130
    assert "though it says 5.0 s; cut off" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [("half.mkv", "though it says 4.0 s"), ("half.webm", "though it says"), ("half.avi", "frames")],
)
def test_so_do_those_that_state_no_number_of_frames_or_no_length(
    name: str,
    says: str,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    coding = ("-c:v", "libvpx" if name.endswith("webm") else "mpeg4")
    clip = make_clip(name, *coding, source="testsrc2=size=320x240:rate=25:duration=4")
    read(clip)
    assert caplog.text == ""
    whole = clip.read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    read(tmp_path / name)
    assert f"{says}" in caplog.text
    assert "cut off" in caplog.text


def test_a_whole_file_is_not_said_to_be_cut_off(
    videos: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    read(videos / "drewnoakes_FLIR_Thermal.mp4")
    read(make_clip("longer-sound.mkv", "-f", "lavfi", "-i", "sine=d=5", *H264))
    assert caplog.text == ""


def test_a_rate_that_is_stated_twice_as_high(make_clip: Callable[..., Path]) -> None:
    """H.264 in AVI, whose average rate FFmpeg takes for 50."""
    clip = make_clip("copied.mp4", *H264, source="testsrc2=size=320x240:rate=25:duration=4")
    avi = clip.with_name("copied.avi")
    if not avi.exists():
        command = ["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", str(avi)]
        subprocess.run(command, check=True)
    grabbed, _ = read(avi)
    assert len(grabbed) == 100
    assert grabbed[-1].pts_s + grabbed[-1].duration_s == pytest.approx(4, abs=0.1)


def test_times_that_are_all_the_same_are_none(make_clip: Callable[..., Path]) -> None:
    grabbed, _ = read(make_clip("zero.mkv", "-c:v", "mjpeg", "-bsf:v", "setts=ts=0"))
    assert {one.time_source for one in grabbed} == {"estimated"}
    assert [one.pts_s for one in grabbed[:3]] == pytest.approx([0, 0.04, 0.08])


def test_times_that_are_the_same_are_times_too(
    make_clip: Callable[..., Path], ffprobe: str
) -> None:
    """Matroska's ticks of 1 ms are coarser than 2,000 frames a second."""
    clip = make_clip(
        "fast.mkv", "-c:v", "mjpeg", source="testsrc=size=64x48:rate=2000:duration=0.1"
    )
    grabbed, _ = read(clip)
    assert {one.time_source for one in grabbed} == {"container"}
    assert [f"{one.pts_s:.6f}" for one in grabbed] == ffprobe_times(ffprobe, clip)


def test_other_video_streams_are_named(videos: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    read(videos / "torchcodec_nasa_13013.mp4", duration_s=0.1)
    assert "stream 3 is another video (h264), not used" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("empty.mp4", b"", SourceError, "the file is empty"),
        ("text.mp4", b"hello, this is no video\n" * 100, SourceError, "not a video file"),
        ("notes.txt", b"hello, this is no video\n" * 100, SourceError, "a text file, not a video"),
        ("cut.mp4", b"\x00\x00\x00\x20ftypisom" + bytes(5000), SourceError, "without its index"),
    ],
)
def test_files_that_are_no_video(
    name: str, content: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read(tmp_path / name)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no such file"):
        read(tmp_path / "missing.mp4")
    with pytest.raises(SourceNotFoundError, match="a folder"):
        read(tmp_path)
    with pytest.raises(SourceNotFoundError, match="not a file"):
        read(Path("/dev/null"))


def test_sound_alone_is_no_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    sound = make_clip("sound.mp4", source="sine=440:duration=1")
    with pytest.raises(SourceError, match="no video in it, only audio"):
        read(sound)


def test_a_cover_picture_is_no_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    cv2.imwrite(str(cover), np.zeros((8, 8, 3), np.uint8))
    extra = (
        "-i",
        str(cover),
        "-map",
        "0",
        "-map",
        "1",
        "-disposition:v",
        "attached_pic",
        "-c:v",
        "png",
    )
    song = make_clip("song.mp3", *extra, source="sine=440:duration=1")
    with pytest.raises(SourceError, match="only a cover picture and audio"):
        read(song)


def test_a_picture_is_sent_to_classify(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(SourceError, match="a picture; use: streamcls classify"):
        read(path)


@pytest.mark.parametrize("name", ["späße 日本.mkv", "a b%03d.mkv", "http:x.mkv", "-v.mkv"])
def test_any_file_name_will_do(name: str, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    plain = make_clip("plain.mkv", "-c:v", "ffv1", source="testsrc2=size=32x32:rate=5:duration=1")
    path = tmp_path / name
    path.write_bytes(plain.read_bytes())
    assert len(read(path)[0]) == 5


def test_a_playlist_can_not_reach_out(tmp_path: Path) -> None:
    """A file that names addresses must not make the program connect to them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path = tmp_path / "list.m3u8"
        path.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(SourceError):
            read(path)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()
