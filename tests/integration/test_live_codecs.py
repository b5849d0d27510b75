"""How real streams are decoded: early where that can be, and never a made-up picture."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from streamcls.capture.early_h264 import EarlyDecoder, UnfitError
from streamcls.capture.live import LiveSource, Retries, Trust
from streamcls.capture.network_address import NetworkAddress
from streamcls.capture.network_stream import NetworkStream
from streamcls.media import av
from streamcls.records import LiveFrame
from tests.integration.rtsp import RtspServer

pytestmark = pytest.mark.alone

Start = Callable[..., RtspServer]
FPS = 15


def source(address: NetworkAddress) -> LiveSource:
    return LiveSource(
        lambda: NetworkStream(address),
        camera="cam",
        retries=Retries(most=0),
        trust=Trust(frozen_after_s=10, max_delay_s=0.5),
        wait=lambda _: False,
    )


def held_ms(frame: LiveFrame) -> float:
    return (time.monotonic_ns() - frame.captured_ns) / 1e6


@pytest.mark.parametrize(
    ("codec", "transport", "early"),
    [
        ("h264", "tcp", True),
        ("h264", "udp", True),
        ("h264-slices", "tcp", False),
        ("h264-reordered", "tcp", False),
        ("h265", "tcp", False),
        ("mjpeg", "tcp", False),
    ],
)
def test_each_kind_of_stream_gives_good_frames(
    rtsp_server: Start, codec: str, transport: str, early: bool
) -> None:
    server = rtsp_server(codec=codec, fps=FPS)
    address = NetworkAddress(server.url, transport, 10, 5)
    faults: Counter[str | None] = Counter()
    held = []
    for frame in source(address).watch():
        assert isinstance(frame, LiveFrame)
        faults[frame.fault] += 1
        held.append(held_ms(frame))
        if faults[None] == 3 * FPS:
            break
    assert faults.total() - faults[None] <= 5, faults  # at the start, until the right way is found
    assert address.early is early
    if early:  # not one frame interval later, as FFmpeg's parser makes it
        assert np.median(held) < 1000 / FPS / 2


def test_after_a_lost_packet_no_more_is_trusted_than_with_ffmpegs_parser(
    rtsp_server: Start,
) -> None:
    """What the decoder makes good without a word can't be told either way."""
    server = rtsp_server(fps=FPS)
    stream = NetworkStream(NetworkAddress(server.url, "tcp", 10, 5))
    pieces: Pieces = []
    for packet, _ in stream._packets():
        pieces.append((packet.pts, bytes(packet)))
        if len({pts for pts, _ in pieces}) > 4 * FPS:
            break
    clean = early(stream, pieces)
    assert len(clean) > 3 * FPS
    chance = random.Random(1)
    withheld = []
    for _ in range(25):
        at = chance.randrange(len(pieces) // 4, len(pieces) // 2)
        left = pieces[:at] + pieces[at + 1 :]
        found, by_parser = early(stream, left), parsed(stream, left)
        assert wrong(found, clean) <= wrong(by_parser, clean)
        withheld.append(len(clean.keys() - found.keys()))
    stream.close()
    assert 0 < np.mean(withheld) <= FPS  # up to the next key frame, and no further


Pieces = list[tuple[int | None, bytes]]
Pictures = dict[int | None, Any]


def wrong(found: Pictures, clean: Pictures) -> set[int | None]:
    """Times of pictures that are trusted and not as they were sent."""
    return {
        pts for pts in found.keys() & clean.keys() if not np.array_equal(found[pts], clean[pts])
    }


def early(stream: NetworkStream, pieces: Pieces) -> Pictures:
    """The pictures that would get a label."""
    decoder = EarlyDecoder(stream._stream)
    return trusted(
        frame
        for pts, data in pieces
        for frame, _ in decoder.decode(Piece(pts, data), 1)  # type: ignore[arg-type]
    )


def parsed(stream: NetworkStream, pieces: Pieces) -> Pictures:
    """The same with whole pictures, as FFmpeg's parser puts them together."""
    codec = av.VideoCodecContext.create("h264", "r")
    codec.extradata = stream._stream.codec_context.extradata
    codec.thread_count = 1

    def frames() -> Iterator[Any]:
        for pts, group in groupby(pieces, key=lambda piece: piece[0]):
            packet = av.Packet(b"".join(data for _, data in group))
            packet.pts = pts
            try:
                yield from codec.decode(packet)
            except av.error.FFmpegError:
                yield None

    return trusted(frames())


def trusted(frames: Iterable[Any]) -> Pictures:
    found, whole = {}, False
    for frame in frames:
        if frame is None or frame.is_corrupt:
            whole = False
        elif frame.key_frame:
            whole = True
        if frame is not None and whole:
            found[frame.pts] = frame.to_ndarray(format="bgr24")[::4, ::4]
    return found


class Piece:
    """A packet of a recording."""

    def __init__(self, pts: int | None, data: bytes) -> None:
        self.pts = pts
        self._data = data

    def __bytes__(self) -> bytes:
        return self._data


@pytest.mark.parametrize("parts", [2, 3])
def test_packets_that_are_not_filled_up_are_told_soon(rtsp_server: Start, parts: int) -> None:
    """Each picture in equal parts: their ends can't be seen."""
    server = rtsp_server(fps=FPS)
    stream = NetworkStream(NetworkAddress(server.url, "tcp", 10, 5))
    units: dict[int | None, bytes] = {}
    for packet, _ in stream._packets():
        units[packet.pts] = units.get(packet.pts, b"") + bytes(packet)
        if len(units) > 5 * FPS:
            break
    even: Pieces = []
    for pts, data in units.items():
        size = -(-len(data) // parts)
        even += [(pts, data[at : at + size]) for at in range(0, len(data), size)]
    with pytest.raises(UnfitError):
        early(stream, even)
    stream.close()
