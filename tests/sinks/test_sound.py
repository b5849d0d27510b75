"""The sound of the annotated video, read back with ffprobe."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamcls.media import av
from tests.sinks.videos import H264, copy, probe, times


def sound(ffprobe: str, path: Path) -> list[tuple[str, float]]:
    """Each packet's hash and time."""
    shown = ["-show_entries", "packet=data_hash,pts_time", "-show_data_hash", "md5", "-of", "json"]
    command = [ffprobe, "-v", "error", "-select_streams", "a:0", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [(p["data_hash"], float(p["pts_time"])) for p in json.loads(done.stdout)["packets"]]


def test_sound_that_was_copied_is_the_same_to_the_bit(
    videos: Path, tmp_path: Path, ffprobe: str
) -> None:
    copy(videos / "drewnoakes_ftyp3gp5.mp4", tmp_path / "o.mp4")
    expected = sound(ffprobe, videos / "drewnoakes_ftyp3gp5.mp4")
    assert [h for h, _ in sound(ffprobe, tmp_path / "o.mp4")] == [h for h, _ in expected]


def test_a_part_begins_at_zero_and_has_its_own_sound_only(
    videos: Path, tmp_path: Path, ffprobe: str
) -> None:
    source = videos / "mdn_friday.mp4"
    copy(source, tmp_path / "o.mp4", start_s=2.0, duration_s=1.5)
    found = times(ffprobe, tmp_path / "o.mp4")
    expected = [t - 2.0 for t in times(ffprobe, source) if 2.0 <= t < 3.5]
    assert found == pytest.approx(expected, abs=1e-5)
    for stream in probe(ffprobe, tmp_path / "o.mp4")["streams"]:
        assert float(stream["duration"]) == pytest.approx(1.5, abs=0.06)
    heard = [h for h, _ in sound(ffprobe, tmp_path / "o.mp4")]
    there = {h: at for h, at in sound(ffprobe, source)}
    assert 1.9 < there[heard[0]] < 2.05
    assert 3.4 < there[heard[-1]] < 3.5


SINE = ("-f", "lavfi", "-i", "sine=d=2")


def sound_of(ffprobe: str, path: Path) -> dict[str, Any]:
    shown = ["-show_entries", "stream=codec_name,channels,duration", "-of", "json"]
    command = [ffprobe, "-v", "error", "-select_streams", "a:0", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    (found,) = json.loads(done.stdout)["streams"]
    assert isinstance(found, dict)
    return found


def test_aac_of_mpeg_ts_is_copied(
    make_clip: Callable[..., Path], tmp_path: Path, ffprobe: str
) -> None:
    """It has a header in each packet, which MP4 doesn't want."""
    clip = make_clip("a.ts", *SINE, *H264, "-ac", "2", "-c:a", "aac")
    copy(clip, tmp_path / "o.mp4")
    found = sound_of(ffprobe, tmp_path / "o.mp4")
    assert found["codec_name"] == "aac"
    assert float(found["duration"]) == pytest.approx(2, abs=0.1)
    assert packets(ffprobe, tmp_path / "o.mp4") == packets(ffprobe, clip, headers=7)
    assert heard(tmp_path / "o.mp4") == heard(clip)


def test_a_damaged_header_costs_its_packet_only(
    make_clip: Callable[..., Path], tmp_path: Path, ffprobe: str, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("a.ts", *SINE, *H264, "-ac", "2", "-c:a", "aac")
    damaged = bytearray(clip.read_bytes())
    header = damaged[damaged.index(b"\xff\xf1") :][:4]  # sync word and what all packets share
    at = [i for i in range(len(damaged)) if damaged[i : i + 4] == header]
    for place in at[5:8]:
        damaged[place + 2] = 0xFF  # no such rate
    (tmp_path / "damaged.ts").write_bytes(damaged)
    copy(tmp_path / "damaged.ts", tmp_path / "o.mp4")
    assert "a packet is damaged" in caplog.text
    assert 70 < len(packets(ffprobe, tmp_path / "o.mp4")) < len(packets(ffprobe, clip))


def heard(path: Path) -> tuple[int, str, bytes]:
    """Rate, layout and the samples of all but the last packets."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))[:80]
        samples = b"".join(frame.to_ndarray().tobytes() for frame in frames)
        return frames[0].sample_rate, frames[0].layout.name, samples


def packets(ffprobe: str, path: Path, *, headers: int = 0) -> list[int]:
    """The sizes of the sound's packets, less that of their headers."""
    shown = ["-select_streams", "a:0", "-show_entries", "packet=size", "-of", "csv=p=0"]
    command = [ffprobe, "-v", "error", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [int(line.strip(",")) - headers for line in done.stdout.split()]


def test_eight_channels_in_an_unusual_order(
    make_clip: Callable[..., Path], tmp_path: Path, ffprobe: str
) -> None:
    """Looking at them ends the process with some versions of PyAV."""
    clip = make_clip("8.mov", *SINE, "-ac", "8", "-c:a", "pcm_s16le", *H264)
    copy(clip, tmp_path / "o.mp4")
    found = sound_of(ffprobe, tmp_path / "o.mp4")
    assert (found["codec_name"], found["channels"]) == ("aac", 2)
    assert float(found["duration"]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("rate", "codec"), [(11025, "aac"), (22050, "mp3")])
def test_mp3_is_copied_where_mp4_takes_it(
    rate: int, codec: str, make_clip: Callable[..., Path], tmp_path: Path, ffprobe: str
) -> None:
    clip = make_clip("m.mkv", *SINE, *H264, "-c:a", "libmp3lame", "-ar", str(rate))
    copy(clip, tmp_path / "o.mp4")
    found = sound_of(ffprobe, tmp_path / "o.mp4")
    assert found["codec_name"] == codec
    assert float(found["duration"]) == pytest.approx(2, abs=0.25)  # whole MP3 frames of 0.1 s


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["aac", "ac3"])
@pytest.mark.parametrize(("seconds", "expected"), [(2, 2), (6, 4)], ids=["shorter", "longer"])
def test_sound_is_not_laid_over_pictures_of_another_recording(
    coding: str,
    seconds: int,
    expected: int,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    ffprobe: str,
) -> None:
    """Not that of the second over the first, nor the other way round."""

    def part(sound_s: int) -> Path:
        sound = ("-f", "lavfi", "-i", f"sine=d={sound_s}")
        return make_clip("part.ts", *sound, *H264, "-c:a", coding, source="testsrc2=d=4")

    first, second = part(seconds), part(4)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    copy(joined, tmp_path / "o.mp4")
    heard_s = float(sound_of(ffprobe, tmp_path / "o.mp4")["duration"])
    assert heard_s == pytest.approx(expected, abs=0.1)
    assert times(ffprobe, tmp_path / "o.mp4")[-1] > 7.9


def test_a_title_that_is_no_text(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    title = ("-metadata", "title=QQQQ")
    clip = make_clip("title.mp4", *SINE, *H264, "-c:a", "aac", *title)
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(clip.read_bytes().replace(b"QQQQ", b"Q\xe9\xff\xfe"))
    copy(odd, tmp_path / "o.mp4")
