"""What every source and every connection promises, over all kinds that there are."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from streamcls.builders.source import KINDS
from streamcls.capture.connection import Connection, Shot
from streamcls.capture.kind import Address, Live, Reach, Recorded
from streamcls.errors import SignalLostError, SourceError, SourceNotFoundError
from streamcls.protocols import Source
from streamcls.records import Image, Picture, as_bgr
from tests.capture.fake_camera import Device, Machine, colour
from tests.capture.http_server import SECRET, Server

MakeClip = Callable[..., Path]
SHOTS = 5
REACH = Reach("tcp", 5.0, 5.0, wait=lambda _: False)

# -- recorded

# By the kind's module: recordings of it, as ffmpeg makes them.
RECORDINGS = {
    "file": [
        ("a.mp4", "-c:v", "libx264"),
        ("a.mkv", "-c:v", "ffv1"),
        ("a.webm", "-c:v", "libvpx"),
        ("a.avi", "-c:v", "mjpeg"),
    ],
}


def of_kind(module: str) -> object:
    return importlib.import_module(f"streamcls.capture.{module}").SOURCE


def recorded(module: str) -> Recorded:
    found = of_kind(module)
    assert isinstance(found, Recorded)
    return found


def opened(module: str, path: Path) -> Source:
    return recorded(module).open(path, camera="cam", start_s=None, duration_s=None)


@pytest.fixture(
    params=[(kind, made) for kind, all_ in RECORDINGS.items() for made in all_], ids=str
)
def recording(request: pytest.FixtureRequest, make_clip: MakeClip) -> tuple[str, Path]:
    """A kind's module, and a recording of it."""
    kind, (name, *options) = request.param
    return kind, make_clip(name, *options, source="testsrc2=size=64x48:rate=25:duration=1")


def test_no_kind_is_left_out() -> None:
    assert set(RECORDINGS) == {kind.module for kind in KINDS if not kind.live}
    assert set(NOT_THERE) == {kind.module for kind in KINDS if kind.live}


def bgr(picture: Picture) -> Image:
    return picture if isinstance(picture, np.ndarray) else picture.bgr()


def good(image: Image) -> bool:
    """As records hold pictures."""
    shape = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    return shape and image.flags.c_contiguous and not image.flags.writeable


def test_frames_come_in_order_with_times_and_pictures(recording: tuple[str, Path]) -> None:
    source = opened(*recording)
    info, found = source.info, []
    assert info.camera == "cam"
    assert info.description
    for grabbed in source.grab():
        found.append(grabbed)
        if grabbed.fault is None:
            picture = source.retrieve()
            assert bgr(picture).shape == (info.height, info.width, 3)
            assert good(bgr(picture))
            planes = None if isinstance(picture, np.ndarray) else picture.planes()
            assert planes is None or planes.y.shape == (info.height, info.width)
    source.close()
    source.close()
    assert [one.index for one in found] == list(range(25))
    assert all(a.pts_s < b.pts_s and a.captured_ns <= b.captured_ns for a, b in pairwise(found))
    assert all(one.duration_s > 0 for one in found)
    assert {one.time_source for one in found} <= {"container", "estimated"}


def test_a_picture_is_the_callers_to_keep(recording: tuple[str, Path]) -> None:
    source = opened(*recording)
    kept = [(source.retrieve(), bgr(source.retrieve()).copy()) for _ in source.grab()]
    source.close()
    assert all((bgr(picture) == before).all() for picture, before in kept)


def test_it_is_described_for_people(recording: tuple[str, Path]) -> None:
    kind, path = recording
    rows = recorded(kind).describe(path)
    assert rows
    assert all(name and text for name, text in rows)


@pytest.mark.parametrize("kind", RECORDINGS)
def test_what_is_not_there_is_an_error_at_once(kind: str, tmp_path: Path) -> None:
    with pytest.raises((SourceNotFoundError, SourceError)):
        opened(kind, tmp_path / "nothing")


# -- live

# By the kind's module: an address where nothing is.
NOT_THERE = {
    "simulated": "sim://?drop=0",
    "network_stream": "rtsp://127.0.0.1:9/cam",
    "webcam": "7",
}


@pytest.fixture(params=NOT_THERE)
def live(
    request: pytest.FixtureRequest, server: Server, machine: Machine, make_clip: MakeClip
) -> tuple[Live, str]:
    """A kind of live source, and the address of one that is there."""
    clip = make_clip("live.ts", "-c:v", "libx264", source="testsrc2=size=64x48:rate=25:duration=1")
    machine.devices[0] = Device([colour(number) for number in range(SHOTS)])
    addresses = {
        "simulated": "sim://?fps=200&size=64x48",
        "network_stream": server.put("live.ts", clip.read_bytes()),
        "webcam": "0",
    }
    found = of_kind(request.param)
    assert isinstance(found, Live)
    return found, addresses[request.param]


@pytest.fixture
def connection(live: tuple[Live, str]) -> Iterator[Connection]:
    kind, address = live
    with closing(kind.connector(Address(address, address), REACH)()) as made:
        yield made


def shots(connection: Connection) -> list[Shot]:
    return list(islice(connection.shots(), SHOTS))


def test_shots_have_arrived_and_have_pictures(connection: Connection) -> None:
    found = shots(connection)
    assert len(found) == SHOTS
    assert all(a.arrived_ns <= b.arrived_ns for a, b in pairwise(found))
    assert all(one.began_ns is None or one.began_ns <= one.arrived_ns for one in found)
    for one in found:
        assert one.fault is None
        assert one.picture is not None
        image = as_bgr(one.picture)
        assert image.shape == (48, 64, 3)
        assert good(image)


def test_a_connection_is_described_and_closes_twice(connection: Connection) -> None:
    assert connection.description
    shots(connection)
    connection.close()
    connection.close()


def test_a_camera_has_a_name_without_secrets(live: tuple[Live, str]) -> None:
    kind, address = live
    name = kind.camera(Address(address, address))
    assert name
    assert SECRET not in name
    assert "/" not in name


@pytest.mark.parametrize(("kind", "address"), NOT_THERE.items())
def test_what_is_not_there_is_a_loss(kind: str, address: str, machine: Machine) -> None:
    found = of_kind(kind)
    assert isinstance(found, Live)
    connect = found.connector(
        Address(address, address), REACH
    )  # which says nothing of whether it is there
    with pytest.raises(SignalLostError):
        connect()
