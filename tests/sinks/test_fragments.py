import io
from pathlib import Path

import numpy as np
import pytest

from streamcls.media import av
from streamcls.sinks.fragments import cut_torn
from streamcls.sinks.video import VideoSink
from tests.fakes import info, result


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds in several fragments."""
    path = tmp_path_factory.mktemp("video") / "o.mp4"
    sink = VideoSink(path, info(), lambda *_: None, start_s=0.0, threads=1)
    noise = np.random.default_rng(0)
    for index in range(20):
        sink.write(result(index, image=noise.integers(0, 256, (24, 32, 3), np.uint8)))
    sink.close()
    return path.read_bytes()


def pictures(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as container:
        return len(list(container.decode(video=0)))


def test_wherever_it_is_cut_off_what_is_left_is_whole(video: bytes, tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    found = set()
    for size in range(0, len(video), 97):
        path.write_bytes(video[:size])
        cut_torn(path)
        found.add(pictures(path.read_bytes()) if path.exists() else 0)
    assert 0 in found
    assert len(found) >= 4


def test_what_is_whole_stays_as_it_is_but_for_its_index(video: bytes, tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    path.write_bytes(video)
    cut_torn(path)
    assert video.startswith(path.read_bytes())
    assert pictures(path.read_bytes()) == 20


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\xff" * 100, b"\0\0\0\x08mdat"])
def test_what_is_no_video_is_taken_away(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    path.write_bytes(data)
    cut_torn(path)
    assert not path.exists()
