"""What needs no RTSP server; those tests are in tests/integration."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamcls.capture.connection import Shot
from streamcls.capture.early_h264 import UnfitError
from streamcls.capture.network_address import NetworkAddress
from streamcls.capture.network_stream import NetworkStream, _lost
from streamcls.errors import SignalLostError, SourceError
from streamcls.media import av
from streamcls.records import as_bgr
from tests.capture.http_server import HOST, SECRET, Server

MakeClip = Callable[..., Path]
SOURCE = "testsrc2=size=160x120:rate=25:duration=2"


def opened(url: str, *, timeout_s: float = 5.0, read_s: float = 5.0) -> NetworkStream:
    return NetworkStream(NetworkAddress(url, "tcp", timeout_s, read_s))


def refusal(url: str, *, timeout_s: float = 5.0) -> SourceError:
    """What opening, or else reading it to its end, raises."""
    with pytest.raises(SourceError) as raised, closing(opened(url, timeout_s=timeout_s)) as stream:
        for _ in stream.shots():
            pass
    assert SECRET not in str(raised.value)
    assert "://" not in str(raised.value)
    assert "\n" not in str(raised.value)
    return raised.value


def lost(url: str, *, timeout_s: float = 5.0) -> tuple[str, bool]:
    """Its words, and whether trying again soon is of no use."""
    error = refusal(url, timeout_s=timeout_s)
    assert isinstance(error, SignalLostError)
    return str(error), error.hold


def shots(url: str, *, read_s: float = 5.0) -> tuple[list[Shot], str]:
    """All of them, and how it ended."""
    found: list[Shot] = []
    with closing(opened(url, read_s=read_s)) as stream:
        with pytest.raises(SignalLostError) as raised:
            found.extend(stream.shots())
        return found, str(raised.value)


# -- what FFmpeg's errors become

ERRORS = [
    kind
    for name, kind in sorted(vars(av.error).items())
    if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError) and name[0].isupper()
]


def ffmpeg_error(kind: type[Exception], text: str = "Something went wrong") -> Exception:
    url = f"rtsp://anna:{SECRET}@h/cam"
    return kind(5, text, url, (16, "rtsp", f"no answer from {url}"))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_no_error_says_the_address_or_its_password(kind: type[Exception]) -> None:
    error = ffmpeg_error(kind)
    assert SECRET in str(error)
    said = str(_lost(error, 3))
    assert said
    assert SECRET not in said
    assert "://" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("kind", "said", "hold"),
    [
        ("HTTPUnauthorizedError", "wrong user or password (401)", True),
        ("HTTPForbiddenError", "the server refuses access (403)", True),
        ("HTTPNotFoundError", "the server has no such stream (404)", True),
        ("ExitError", "no answer for 2.5 s", False),
        ("TimeoutError", "no answer for 2.5 s", False),
        ("ConnectionRefusedError", "connection refused; nothing listens there", False),
        ("ProtocolNotFoundError", "Something went wrong", True),
        ("DecoderNotFoundError", "Something went wrong", True),
        ("InvalidDataError", "what it sends is no video stream, or damaged", False),
        ("EOFError", "the stream ended", False),
        ("HTTPServerError", "Something went wrong", False),
        ("HTTPBadRequestError", "Something went wrong", False),
        ("ConnectionResetError", "Something went wrong", False),
        ("BrokenPipeError", "Something went wrong", False),
        ("OSError", "Something went wrong", False),
        ("UnknownError", "Something went wrong", False),
    ],
)
def test_each_error_says_what_is_wrong_and_whether_to_hold(
    kind: str, said: str, hold: bool
) -> None:
    found = _lost(ffmpeg_error(getattr(av.error, kind)), 2.5)
    assert (str(found), found.hold) == (said, hold)


def test_errors_that_are_not_ffmpegs() -> None:
    assert str(_lost(TimeoutError("timed out"), 4)) == "no answer for 4 s"
    assert str(_lost(OSError(113, "No route to host"), 4)) == "No route to host"
    assert str(_lost(OSError(), 4)) == "OSError"


def test_ffmpegs_word_for_most_things_is_put_plainly() -> None:
    error = ffmpeg_error(av.error.OSError, "Input/output error")
    assert str(_lost(error, 1)) == "can't be reached, or hung up; are host and port right?"


# -- how it is opened


def asked(monkeypatch: pytest.MonkeyPatch, address: NetworkAddress) -> dict[str, Any]:
    """How FFmpeg is called."""
    calls: list[dict[str, Any]] = []

    def refuse(url: str, **given: Any) -> None:
        assert url == address.url
        calls.append(given)
        raise av.error.ConnectionRefusedError(111, "Connection refused", url)

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(SignalLostError, match="connection refused"):
        NetworkStream(address)
    return calls[0]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
def test_rtsp_is_asked_for_by_the_transport_chosen(
    monkeypatch: pytest.MonkeyPatch, scheme: str, transport: str, early: bool
) -> None:
    address = NetworkAddress(f"{scheme}://h/cam", transport, 10.5, 5.5, early)
    given = asked(monkeypatch, address)
    assert given["options"]["rtsp_transport"] == transport
    assert given["options"]["allowed_media_types"] == "video"
    assert ("noparse" in given["options"].get("fflags", "")) is early
    assert given["timeout"] == (10.5, 5.5)


@pytest.mark.parametrize("url", ["http://h/rtsp://x", "https://h/", "udp://h:1", "rtmp://h/x"])
def test_others_get_no_options_of_rtsp(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    given = asked(monkeypatch, NetworkAddress(url, "tcp", 10.5, 5.5))
    assert given["options"] == {}
    assert given["timeout"] == (10.5, 5.5)


def test_an_address_does_not_show_its_password() -> None:
    address = NetworkAddress(f"rtsp://anna:{SECRET}@h/cam", "tcp", 10, 5)
    assert SECRET not in repr(address)


# -- nobody there


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "tcp"])
def test_a_closed_port_refuses_at_once(closed_port: int, scheme: str) -> None:
    said = lost(f"{scheme}://anna:{SECRET}@{HOST}:{closed_port}/cam", timeout_s=60)
    assert said == ("connection refused; nothing listens there", False)


def test_a_port_that_there_can_not_be() -> None:
    assert lost(f"http://anna:{SECRET}@{HOST}:99999/cam") == ("Invalid argument", False)


@contextmanager
def silent() -> Iterator[int]:
    """A port that accepts whoever comes, and says nothing until they hang up."""
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(5)

        def listen() -> None:
            with suppress(TimeoutError):
                caller, _ = server.accept()
                with caller:
                    caller.settimeout(5)
                    while caller.recv(4096):
                        pass

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(10)


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "tcp"])
def test_a_server_that_stays_silent(scheme: str) -> None:
    with silent() as port:
        said = lost(f"{scheme}://anna:{SECRET}@{HOST}:{port}/cam", timeout_s=0.2)
    assert said == ("no answer for 0.2 s", False)


# -- somebody there


@pytest.mark.parametrize(
    ("status", "said", "hold"),
    [
        (401, "wrong user or password (401)", True),
        (403, "the server refuses access (403)", True),
        (404, "the server has no such stream (404)", True),
        (500, "Server returned 5XX Server Error reply", False),
        (503, "Server returned 5XX Server Error reply", False),
    ],
)
def test_refused(server: Server, status: int, said: str, hold: bool) -> None:
    assert lost(server.put("cam", status)) == (said, hold)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body><h1>Log in</h1></body></html>\n" * 20,
        b"hello\n",
        b"",
        bytes(range(256)) * 100,
    ],
    ids=["HTML", "text", "nothing", "bytes"],
)
def test_what_is_no_video_may_be_one_later(server: Server, body: bytes) -> None:
    assert lost(server.put("cam", body)) == ("what it sends is no video stream, or damaged", False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", []),
        ("a.mp4", ["-movflags", "faststart"]),
        ("a.mkv", []),
        ("a.avi", []),
    ],
)
def test_a_recording_is_none_for_ever(
    server: Server, make_clip: MakeClip, name: str, options: list[str]
) -> None:
    clip = make_clip(name, *options, source=SOURCE)
    error = refusal(server.put(name, clip.read_bytes()))
    assert not isinstance(error, SignalLostError)
    assert str(error) == ("a recording of 2.0 s, not a live stream; download it and give the file")


def test_sound_only(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.ts", "-c:a", "mp2", source="sine=duration=2")
    assert lost(server.put("a.ts", clip.read_bytes())) == ("a stream without video", True)


def test_a_transport_stream_has_the_senders_times(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.ts", "-c:v", "libx264", "-bf", "0", source=SOURCE)
    found, end = shots(server.put("a.ts", clip.read_bytes()))
    assert end == "the stream ended"
    assert len(found) == 50
    assert {shot.fault for shot in found} == {None}
    times_s = [shot.media_s for shot in found if shot.media_s is not None]
    assert times_s == pytest.approx([times_s[0] + i / 25 for i in range(50)])
    for shot in found:
        assert shot.picture is not None
        image = as_bgr(shot.picture)
        assert image.shape == (120, 160, 3)
        assert image.flags.c_contiguous
        assert not image.flags.writeable


def test_jpegs_have_no_times_of_their_own(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.mpjpeg", "-f", "mpjpeg", source=SOURCE)
    url = server.put("a.mpjpeg", clip.read_bytes())
    with closing(opened(url)) as stream:
        assert stream.description == "mjpeg 160x120, read through PyAV"
        found = [shot for shot, _ in zip(stream.shots(), range(20), strict=False)]
    assert [(shot.media_s, shot.fault) for shot in found] == [(None, None)] * 20
    assert all(shot.began_ns in (None, shot.arrived_ns) for shot in found)


def test_pictures_are_those_that_were_sent(server: Server, make_clip: MakeClip) -> None:
    source = "color=c=0xC02040:size=160x120:rate=25:duration=1"
    clip = make_clip("red.ts", "-c:v", "libx264", source=source)
    picture = shots(server.put("red.ts", clip.read_bytes()))[0][0].picture
    image = None if picture is None else as_bgr(picture)
    assert image is not None
    assert image.mean(axis=(0, 1)) == pytest.approx([0x40, 0x20, 0xC0], abs=3)


def test_it_goes_silent_in_the_middle(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.ts", "-c:v", "libx264", "-g", "10", source=SOURCE)
    data = clip.read_bytes()
    url = server.put("a.ts", data[: len(data) // 2], cut=True)
    found, end = shots(url, read_s=0.3)
    assert 10 < len(found) < 40
    assert end in ("no answer for 0.3 s", "no data for 0.3 s")


def test_lost_data_is_damage_until_the_next_key_frame(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.ts", "-c:v", "libx264", "-g", "10", "-bf", "0", source=SOURCE)
    data, packet = clip.read_bytes(), 188
    begin = len(data) // packet // 2 * packet
    hole = data[:begin] + data[begin + 8 * packet :]
    faults = [shot.fault for shot in shots(server.put("a.ts", hole))[0]]
    first = faults.index("corrupt")
    damaged = faults.count("corrupt")
    assert set(faults) == {None, "corrupt"}
    assert 1 <= damaged <= 20
    assert faults[first : first + damaged] == ["corrupt"] * damaged  # in one piece
    assert faults[-1] is None


def test_a_damaged_jpeg_is_undecodable_and_the_next_one_is_fine(
    server: Server, make_clip: MakeClip
) -> None:
    clip = make_clip("a.mpjpeg", "-f", "mpjpeg", source=SOURCE)
    data = bytearray(clip.read_bytes())
    begin = data.index(b"\xff\xd8", len(data) // 2)
    data[begin : begin + 700] = bytes(700)
    found, _ = shots(server.put("a.mpjpeg", bytes(data)))
    assert [shot.fault for shot in found].count("undecodable") == 1
    assert [shot.fault for shot in found if shot.picture is not None] == [None] * 49


def test_closed_twice(server: Server, make_clip: MakeClip) -> None:
    clip = make_clip("a.ts", "-c:v", "libx264", source=SOURCE)
    stream = opened(server.put("a.ts", clip.read_bytes()))
    stream.close()
    stream.close()


# -- what the decoder says, frame by frame

Type = av.video.frame.PictureType


@dataclass
class FakeFrame:
    pts: int
    key_frame: bool = False
    pict_type: Type = Type.P
    is_corrupt: bool = False
    time_base: Fraction = Fraction(1, 1000)


@dataclass
class FakePacket:
    """A packet `after_s` the one before, and what the decoder gives for it; None is an error."""

    frames: list[FakeFrame] | None
    after_s: float = 0.04
    pts: int | None = None
    time_base: Fraction = Fraction(1, 1000)
    size: int = 1000

    def decode(self) -> list[FakeFrame]:
        if self.frames is None:
            raise av.error.InvalidDataError(1, "Invalid data")
        return self.frames


class FakeContainer:
    """What `av.open` gives, and the clock that its packets move."""

    duration: int | None = None

    def __init__(self, packets: list[FakePacket], *, container: str, codec: str) -> None:
        self.format = SimpleNamespace(name=container)
        context = SimpleNamespace(
            width=0, thread_count=0, codec=SimpleNamespace(canonical_name=codec)
        )
        self.video = [SimpleNamespace(codec_context=context)]
        self.streams = self
        self.packets = packets
        self.now_ns = 10**9
        self.closed = 0

    def demux(self, stream: object) -> Iterator[FakePacket]:
        assert stream is self.video[0]
        for packet in self.packets:
            self.now_ns += round(packet.after_s * 1e9)
            yield packet

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def monotonic_ns(self) -> int:
        return self.now_ns

    def close(self) -> None:
        self.closed += 1


Fake = Callable[..., tuple[NetworkStream, FakeContainer]]


@pytest.fixture
def on_clock_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeContainer], None]:
    def patch(clock: FakeContainer) -> None:
        monkeypatch.setattr("streamcls.clock.time", clock)
        monkeypatch.setattr(
            "streamcls.capture.decode.to_bgr", lambda *_: np.zeros((4, 6, 3), np.uint8)
        )

    return patch


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, on_clock_of: Callable[[FakeContainer], None]) -> Fake:
    """A stream of packets that FFmpeg's parser made."""

    def make(
        *packets: FakePacket, container: str = "rtsp", codec: str = "h264"
    ) -> tuple[NetworkStream, FakeContainer]:
        made = FakeContainer(list(packets), container=container, codec=codec)
        monkeypatch.setattr(av, "open", lambda *_, **__: made)
        on_clock_of(made)
        return NetworkStream(NetworkAddress("rtsp://h/cam", "tcp", 5, 5, early=False)), made

    return make


def seen(stream: NetworkStream) -> list[Shot]:
    found: list[Shot] = []
    with pytest.raises(SignalLostError, match="the stream ended"):
        found.extend(stream.shots())
    return found


def frames(*kinds: str) -> list[FakePacket]:
    """P, I (stands alone but is no formal key frame), K (a key frame), with ! for corrupt; or x."""
    made = []
    for i, kind in enumerate(kinds):
        frame = FakeFrame(
            pts=40 * i,
            key_frame=kind[0] == "K",
            pict_type={"P": Type.P, "I": Type.I}.get(kind[0], Type.NONE),
            is_corrupt=kind.endswith("!"),
        )
        made.append(FakePacket(None if kind == "x" else [frame], pts=40 * i))
    return made


@pytest.mark.parametrize(
    ("kinds", "faults"),
    [
        ("K P P", [None] * 3),
        ("I P K P", [None] * 4),
        ("P P! P K P", ["incomplete"] * 3 + [None] * 2),
        ("P! K! P K", ["incomplete"] * 3 + [None]),
        ("K P P! P P I P", [None] * 2 + ["corrupt"] * 3 + [None] * 2),
        ("K K! P K", [None, "corrupt", "corrupt", None]),
        ("K x P P K P", [None, "undecodable", "corrupt", "corrupt", None, None]),
        ("x P K", ["undecodable", "incomplete", None]),
    ],
)
def test_only_whole_pictures_are_good(fake: Fake, kinds: str, faults: list[str | None]) -> None:
    stream, _ = fake(*frames(*kinds.split()))
    found = seen(stream)
    assert [shot.fault for shot in found] == faults
    assert [shot.picture is None for shot in found] == [fault == "undecodable" for fault in faults]


@pytest.mark.parametrize(
    ("container", "expected_s"),
    [("rtsp", 0.04), ("mpegts", 0.04), ("flv", 0.04), ("mpjpeg", None), ("hls", None)],
)
def test_whose_times_can_be_trusted(fake: Fake, container: str, expected_s: float | None) -> None:
    stream, _ = fake(*frames("K", "P", "x"), container=container)
    assert [shot.media_s for shot in seen(stream)][1] == expected_s


def test_a_packet_that_can_not_be_decoded_has_its_time_too(fake: Fake) -> None:
    stream, _ = fake(*frames("K", "P", "x"))
    assert seen(stream)[2].media_s == 0.08


def test_a_frame_without_a_time(fake: Fake) -> None:
    packets = frames("K", "x")
    packets[1].pts = None
    assert seen(fake(*packets)[0])[1].media_s is None


@pytest.mark.parametrize(
    ("container", "codec", "waits"),
    [
        ("rtsp", "h264", True),
        ("rtsp", "hevc", True),
        ("mpegts", "mpeg2video", True),
        ("rtsp", "mjpeg", False),
        ("flv", "h264", False),
    ],
)
def test_where_ffmpeg_waits_for_the_next_frame_a_frame_began_when_the_last_one_came(
    fake: Fake, container: str, codec: str, waits: bool
) -> None:
    stream, _ = fake(*frames("K", "P", "P"), container=container, codec=codec)
    found = seen(stream)
    assert [shot.arrived_ns for shot in found] == [1_040_000_000, 1_080_000_000, 1_120_000_000]
    began_ns = [shot.began_ns or shot.arrived_ns for shot in found]
    assert began_ns == [
        shot.arrived_ns - 40_000_000 * (waits and i > 0) for i, shot in enumerate(found)
    ]


def test_frames_that_are_shown_in_another_order_keep_when_they_began(fake: Fake) -> None:
    shown: list[tuple[int, list[FakeFrame]]] = [
        (0, [FakeFrame(0, key_frame=True)]),
        (80, []),  # the decoder holds it back until the one before it is out
        (40, [FakeFrame(40)]),
        (120, [FakeFrame(80)]),
    ]
    stream, _ = fake(*[FakePacket(given, pts=pts) for pts, given in shown])
    began = [(shot.media_s, shot.began_ns) for shot in seen(stream)]
    assert began[1:] == [(0.04, 1_080_000_000), (0.08, 1_040_000_000)]


def test_a_packet_that_comes_too_late_ends_it(fake: Fake) -> None:
    packets = frames("K", "P", "P")
    packets[2].after_s = 5.1
    stream, _ = fake(*packets)
    found = stream.shots()
    next(found)
    next(found)
    with pytest.raises(SignalLostError, match=r"^no data for 5 s$"):
        next(found)


def test_a_reader_that_takes_its_time_is_not_the_sources_silence(fake: Fake) -> None:
    stream, made = fake(*frames("K", "P", "P"))
    found = stream.shots()
    for _ in range(3):
        assert next(found).fault is None
        made.now_ns += 60 * 10**9


def test_what_breaks_while_reading_is_a_loss(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, made = fake()

    def demux(_: object) -> Iterator[FakePacket]:
        yield frames("K")[0]
        raise ffmpeg_error(av.error.ConnectionResetError, "Connection reset by peer")

    monkeypatch.setattr(made, "demux", demux)
    found = stream.shots()
    next(found)
    with pytest.raises(SignalLostError, match=r"^Connection reset by peer$"):
        next(found)


def test_an_empty_packet_is_no_frame(fake: Fake) -> None:
    packets = frames("K", "x", "P")
    packets[1].size = 0  # FFmpeg's demuxer ends with one
    assert [shot.fault for shot in seen(fake(*packets)[0])] == [None, None]


@pytest.mark.parametrize("container", ["matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"])
def test_what_has_no_length_is_live_whatever_it_comes_in(fake: Fake, container: str) -> None:
    assert len(seen(fake(*frames("K", "P"), container=container)[0])) == 2


def test_video_that_nobody_can_decode_is_hung_up(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = fake()
    made.video[0].codec_context = None
    with pytest.raises(SignalLostError, match="no decoder for its video") as raised:
        opened("rtsp://h/cam")
    assert raised.value.hold
    assert made.closed == 1


def test_the_decoder_has_one_thread(fake: Fake) -> None:
    _, made = fake()
    assert made.video[0].codec_context.thread_count == 1


def test_before_its_first_picture_the_size_is_not_known(fake: Fake) -> None:
    assert fake()[0].description == "h264, read through PyAV"


def test_close_hangs_up(fake: Fake) -> None:
    stream, made = fake()
    stream.close()
    assert made.closed == 1


# -- decoding early, or with FFmpeg's parser


class Cameras:
    """Containers that `av.open` gives in turn, and the options it was asked with."""

    def __init__(self, *made: FakeContainer) -> None:
        self.left = list(made)
        self.options: list[dict[str, str]] = []

    def open(self, _url: str, *, options: dict[str, str], **_: Any) -> FakeContainer:
        self.options.append(options)
        return self.left.pop(0)

    @property
    def parsed(self) -> list[bool]:
        return ["noparse" not in options.get("fflags", "") for options in self.options]


class FakeEarly:
    """Gives the frames of each packet; after `fits` of them it finds out that it can't."""

    fits = 10**6

    def __init__(self, _stream: object) -> None:
        self.left = self.fits

    def decode(self, packet: FakePacket, arrived_ns: int) -> Iterator[tuple[FakeFrame | None, int]]:
        if not self.left:
            raise UnfitError("more than one slice")
        self.left -= 1
        if packet.frames is None:
            yield None, arrived_ns
            return
        for frame in packet.frames:
            yield frame, arrived_ns - 5


@pytest.fixture
def early(
    monkeypatch: pytest.MonkeyPatch, on_clock_of: Callable[[FakeContainer], None]
) -> Callable[..., Cameras]:
    def make(*made: FakeContainer, fits: int = 10**6) -> Cameras:
        cameras = Cameras(*made)
        monkeypatch.setattr(av, "open", cameras.open)
        monkeypatch.setattr(FakeEarly, "fits", fits)
        monkeypatch.setattr("streamcls.capture.network_stream.EarlyDecoder", FakeEarly)
        on_clock_of(made[0])
        return cameras

    return make


def container(*kinds: str, codec: str = "h264") -> FakeContainer:
    return FakeContainer(frames(*kinds), container="rtsp", codec=codec)


def rtsp() -> NetworkAddress:
    return NetworkAddress("rtsp://h/cam", "tcp", 5, 5)


def test_h264_over_rtsp_is_decoded_early(early: Callable[..., Cameras]) -> None:
    cameras = early(container("K", "P", "x"), container("K"))
    address = rtsp()
    found = seen(NetworkStream(address))
    assert [shot.fault for shot in found] == [None, None, "undecodable"]
    assert found[1].began_ns == found[1].arrived_ns - 5
    NetworkStream(address)
    assert cameras.parsed == [False, False]


def test_other_codecs_are_opened_again_with_the_parser_and_from_then_on_at_once(
    early: Callable[..., Cameras],
) -> None:
    first, second, third = (container("K", codec="hevc") for _ in range(3))
    cameras, address = early(first, second, third), rtsp()
    stream = NetworkStream(address)
    assert cameras.parsed == [False, True]
    assert (first.closed, second.closed) == (1, 0)
    stream.close()
    assert second.closed == 1
    NetworkStream(address)
    assert cameras.parsed == [False, True, True]


def test_a_stream_that_does_not_fit_goes_on_with_the_parser(
    early: Callable[..., Cameras],
) -> None:
    first, second = container("K", "P", "P"), container("P", "K", "P", "P")
    cameras, address = early(first, second, container("K"), fits=2), rtsp()
    stream = NetworkStream(address)
    found = stream.shots()
    faults = [next(found).fault for _ in range(2)]
    second.now_ns = first.now_ns
    with pytest.raises(SignalLostError, match="the stream ended"):
        faults.extend(shot.fault for shot in found)
    assert faults == [None, None, "incomplete", None, None, None]
    assert first.closed == 1
    stream.close()
    assert second.closed == 1
    NetworkStream(address)
    assert cameras.parsed == [False, True, True]


def test_only_rtsp_is_decoded_early(early: Callable[..., Cameras]) -> None:
    made = FakeContainer(frames("K"), container="mpegts", codec="h264")
    cameras = early(made)
    address = NetworkAddress("http://h/cam.ts", "tcp", 5, 5)
    assert seen(NetworkStream(address))[0].began_ns != made.now_ns - 5
    assert cameras.options == [{}]
