"""The parts of the tests with live streams: the camera and the bad line do what they say."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streamcls.media import av
from tests.integration.rtsp import HOST, FaultProxy, RtspServer

pytestmark = pytest.mark.alone

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Servers = Callable[..., RtspServer]
Proxies = Callable[[RtspServer], FaultProxy]

# FFmpeg would else look at 5 s of stream before it says what it is.
OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "100000", "probesize": "500000"}


def opened(url: str, read_timeout_s: float = 3) -> "InputContainer":
    return av.open(url, options=OPTIONS, timeout=(5, read_timeout_s))


def pictures(url: str, count: int) -> "list[VideoFrame]":
    with opened(url) as container:
        return list(islice(container.decode(video=0), count))


def sizes(url: str) -> set[tuple[int, int]]:
    return {(frame.width, frame.height) for frame in pictures(url, 3)}


def to_the_end(packets: "Iterator[Packet[VideoStream]]") -> None:
    """Reads on; a lost connection is an end like any other to FFmpeg.

    Packets, not frames: the last may have been cut in the middle, which only its decoder minds.
    """
    for _ in packets:
        pass


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_the_picture_always_changes(rtsp_server: Servers, codec: str) -> None:
    frames = pictures(rtsp_server(size="320x240", codec=codec).url, 12)
    images = [frame.to_ndarray(format="bgr24") for frame in frames]
    assert {image.shape for image in images} == {(240, 320, 3)}
    for image, following in pairwise(images):
        assert np.abs(image.astype(int) - following).mean() > 5
        assert image.std(axis=(0, 1)).min() > 20  # no plain colour


def test_frames_come_at_the_rate_asked_for(rtsp_server: Servers) -> None:
    with opened(rtsp_server(fps=30).url) as container:
        taken_s = [frame.time for frame in islice(container.decode(video=0), 21)]
    steps_s = np.diff(np.array(taken_s[1:], float))  # the first has no time
    assert steps_s.mean() == pytest.approx(1 / 30, rel=0.3)


def test_only_who_has_the_password_gets_in(rtsp_server: Servers) -> None:
    server = rtsp_server(user="viewer", password="a/b:c@d")
    assert sizes(server.url) == {(640, 360)}
    for userinfo in ("viewer:wrong@", ""):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            opened(server.url.replace(server.userinfo, userinfo))


def test_there_is_one_path_only(rtsp_server: Servers) -> None:
    with pytest.raises(av.error.HTTPNotFoundError):
        opened(rtsp_server().url.replace("/cam", "/other"))


def test_it_comes_back_with_another_size(rtsp_server: Servers) -> None:
    server = rtsp_server()
    with opened(server.url) as container:
        packets = container.demux(container.streams.video[0])
        next(packets)
        server.kill()
        to_the_end(packets)
    with pytest.raises(ConnectionRefusedError):
        opened(server.url)
    server.restart(size="320x240")
    assert sizes(server.url) == {(320, 240)}


def test_a_paused_one_is_silent_and_then_goes_on(rtsp_server: Servers) -> None:
    server = rtsp_server()
    with opened(server.url, read_timeout_s=0.5) as container:
        packets = container.demux(container.streams.video[0])
        next(packets)
        server.pause()
        with pytest.raises(av.error.ExitError):
            to_the_end(packets)
    server.resume()
    assert sizes(server.url) == {(640, 360)}
    server.pause()  # and is cleared away like this


def test_a_start_that_fails_says_why(rtsp_server: Servers) -> None:
    first = rtsp_server()
    second = RtspServer()
    second.port = first.port
    with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1:{first.port}"):
        second.start()


def test_a_cut_ends_the_stream(rtsp_server: Servers, proxy: Proxies) -> None:
    line = proxy(rtsp_server())
    with opened(line.url) as container:
        packets = container.demux(container.streams.video[0])
        next(packets)
        line.cut()
        to_the_end(packets)
    assert sizes(line.url) == {(640, 360)}
    assert line.accepted == 2


def test_a_mute_line_times_out(rtsp_server: Servers, proxy: Proxies) -> None:
    line = proxy(rtsp_server())
    with opened(line.url, read_timeout_s=0.5) as container:
        packets = container.demux(container.streams.video[0])
        next(packets)
        line.mute = True
        with pytest.raises(av.error.ExitError):
            to_the_end(packets)


def test_frames_come_later_and_none_is_lost(rtsp_server: Servers, proxy: Proxies) -> None:
    line = proxy(rtsp_server(fps=30))
    came_s, taken_s = [], []
    with opened(line.url) as container:
        for frame in islice(container.decode(video=0), 30):
            came_s.append(time.monotonic())
            taken_s.append(frame.time)
            if len(came_s) == 15:
                line.delay_s = 0.6
    assert np.diff(came_s).max() == pytest.approx(0.6, abs=0.2)
    assert np.diff(np.array(taken_s[1:], float)).max() < 0.2  # the first has no time


@contextmanager
def joined(line: FaultProxy, listener: socket.socket) -> "Iterator[tuple[socket.socket, ...]]":
    """A client and what the server has of it, with the line between them."""
    with socket.create_connection((HOST, line.port), 5) as client, listener.accept()[0] as server:
        server.settimeout(5)
        yield client, server


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(5)
        yield server


@pytest.fixture
def line(listener: socket.socket) -> Iterator[FaultProxy]:
    with closing(FaultProxy(listener.getsockname()[1])) as made:
        yield made


def packet(content: bytes) -> bytes:
    return b"$\0" + len(content).to_bytes(2, "big") + content


def received(end: socket.socket, count: int) -> bytes:
    """So many bytes, or what came before the end."""
    content = b""
    while len(content) < count and (piece := end.recv(count - len(content))):
        content += piece
    return content


def test_what_is_held_back_by_a_mute_line_comes_later(
    line: FaultProxy, listener: socket.socket
) -> None:
    with joined(line, listener) as (client, server):
        line.mute = True
        server.sendall(packet(b"answer"))
        client.sendall(b"question")
        server.shutdown(socket.SHUT_WR)
        for end in (client, server):
            end.settimeout(0.2)
            with pytest.raises(TimeoutError):
                end.recv(1)
            end.settimeout(5)
        line.mute = False
        assert received(client, 100) == packet(b"answer")  # and the end


def test_a_new_connection_over_a_mute_line_waits(line: FaultProxy, listener: socket.socket) -> None:
    line.mute = True
    with socket.create_connection((HOST, line.port), 5) as client:
        client.sendall(b"question")
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
        line.mute = False
        listener.settimeout(5)
        with listener.accept()[0] as server:
            assert received(server, 8) == b"question"


def test_a_cut_is_a_reset_at_both_ends(line: FaultProxy, listener: socket.socket) -> None:
    with joined(line, listener) as ends:
        ends[0].sendall(b"question")
        assert received(ends[1], 8) == b"question"
        line.cut()
        for end in ends:
            with pytest.raises(ConnectionResetError):
                end.recv(1)


def test_a_line_to_nobody_is_reset(line: FaultProxy, listener: socket.socket) -> None:
    listener.close()
    with pytest.raises(ConnectionResetError), socket.create_connection((HOST, line.port)) as client:
        client.recv(1)


def test_refusing_can_be_switched_and_spares_open_connections(
    line: FaultProxy, listener: socket.socket
) -> None:
    with joined(line, listener) as (client, server):
        for _ in range(2):
            line.refuse = True
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((HOST, line.port), 5)
            line.refuse = False
            with joined(line, listener):
                pass
        client.sendall(b"still there")
        assert received(server, 11) == b"still there"
    assert line.accepted == 3


def test_a_delay_keeps_the_order(line: FaultProxy, listener: socket.socket) -> None:
    line.delay_s = 0.3
    with joined(line, listener) as (client, server):
        sent_s = time.monotonic()
        for k in range(50):
            server.sendall(packet(bytes([k])))
        assert received(client, 5) == packet(b"\0")
        assert time.monotonic() - sent_s >= 0.3
        line.delay_s = 0.0
        assert received(client, 5 * 49) == b"".join(packet(bytes([k])) for k in range(1, 50))


def test_a_thin_line_takes_its_time(line: FaultProxy, listener: socket.socket) -> None:
    line.bytes_per_s = 100_000
    with joined(line, listener) as (client, server):
        sent_s = time.monotonic()
        server.sendall(packet(bytes(996)) * 50)
        assert len(received(client, 50_000)) == 50_000
        assert time.monotonic() - sent_s == pytest.approx(0.5, abs=0.1)


def test_corruption_spares_what_holds_the_stream_together(
    line: FaultProxy, listener: socket.socket
) -> None:
    text = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\n$\0\0\1"
    sent = (text + packet(bytes(100)) + packet(b"")) * 100
    may_be_wrong = (bytes(len(text) + 4) + b"\1" * 100 + bytes(4)) * 100
    line.corrupt = 0.1
    with joined(line, listener) as (client, server):
        server.sendall(sent)
        came = received(client, len(sent))
        client.sendall(bytes(1000))
        assert received(server, 1000) == bytes(1000)
    wrong = np.frombuffer(came, np.uint8) != np.frombuffer(sent, np.uint8)
    assert wrong.sum() == pytest.approx(1000, rel=0.2)
    assert not wrong[np.frombuffer(may_be_wrong, np.uint8) == 0].any()


def test_a_fault_of_the_line_itself_is_told(listener: socket.socket) -> None:
    line = FaultProxy(listener.getsockname()[1])
    with pytest.raises(ExceptionGroup), closing(line), joined(line, listener) as (client, server):
        server.sendall(bytes(100_000))  # neither text nor packets
        assert received(client, 4) == bytes(4)
        with pytest.raises(ConnectionResetError):
            received(client, 1)
