"""A network stream (RTSP, RTSPS, RTMP, HTTP, …), read through PyAV.

Not through OpenCV, which is FFmpeg underneath, too, but says neither why a stream can't be had nor
which pictures the decoder made up, gives no way to pass options to one stream only, and holds a
frame back for each decoder thread.
"""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.capture.connection import Shot
from streamcls.capture.decode import DecodedFrame
from streamcls.capture.early_h264 import EarlyDecoder, TimedFrame, UnfitError
from streamcls.capture.kind import Address, Live, Reach
from streamcls.capture.network_address import NetworkAddress, host_of
from streamcls.errors import SignalLostError, SourceError
from streamcls.media import av
from streamcls.records import Fault

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

# The SDP says what FFmpeg would else look for in 5 s of stream; opens in 0.15 s instead of 0.96.
_RTSP_OPTIONS = {"probesize": "500000", "analyzeduration": "100000", "allowed_media_types": "video"}
_EARLY_OPTIONS = {
    "probesize": "32",
    "analyzeduration": "0",
    "allowed_media_types": "video",
    "fflags": "noparse+nofillin",
}
# Their packets carry the sender's clock. Others (MJPEG over HTTP) get times made up from a rate.
_TIMED_FORMATS = ("rtsp", "mpegts", "flv")
# Here FFmpeg hands a frame over when the next one begins; so that is when this one began.
_WAITING_FORMATS = ("rtsp", "mpegts")
_WAITING_CODECS = ("h264", "hevc", "mpeg4", "mpeg2video")
_REORDERED = 32  # frames that a decoder may hold back at most
_RECORDINGS = ("mov,mp4", "matroska", "avi")


class NetworkStream:
    """One connection to a stream. One decoder thread: each more would hold a frame back."""

    def __init__(self, address: NetworkAddress) -> None:
        """Connects.

        Raises:
            SignalLostError: it can't be had now.
            SourceError: it is no live video.
        """
        self._address = address
        address.early = address.early and address.is_rtsp
        self._open(_EARLY_OPTIONS if address.early else _RTSP_OPTIONS)
        if address.early and self._codec_name != "h264":
            self._open_with_parser()

    def _open(self, rtsp_options: dict[str, str]) -> None:
        at, begun_s = self._address, clock.now_s()
        options = {"rtsp_transport": at.transport, **rtsp_options} if at.is_rtsp else {}
        try:
            self._container: InputContainer = av.open(
                at.url,
                options=options,
                timeout=(at.connect_timeout_s, at.read_timeout_s),
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, OSError) as error:
            # What a time-out comes out as depends on what FFmpeg was waiting for.
            if clock.now_s() - begun_s >= at.connect_timeout_s:
                raise SignalLostError(f"no answer for {at.connect_timeout_s:g} s") from None
            raise _lost(error, at.connect_timeout_s) from None  # its cause holds the password
        try:
            self._stream = self._live_video()
        except BaseException:  # whatever it is, it is raised again
            self._container.close()
            raise
        self._timed = self._container.format.name in _TIMED_FORMATS
        self._codec_name = self._stream.codec_context.codec.canonical_name

    def _open_with_parser(self) -> None:
        """Once more, and from now on always, with FFmpeg's parser."""
        self._address.early = False
        self._container.close()
        self._open(_RTSP_OPTIONS)

    def _decoder(self) -> "EarlyDecoder | ParsedDecoder":
        if self._address.early:
            return EarlyDecoder(self._stream)
        waits = self._container.format.name in _WAITING_FORMATS
        return ParsedDecoder(waits=waits and self._codec_name in _WAITING_CODECS)

    def _live_video(self) -> "VideoStream":
        name = self._container.format.name
        if name.startswith(_RECORDINGS) and self._container.duration:
            length_s = self._container.duration / av.time_base
            raise SourceError(
                f"a recording of {length_s:.1f} s, not a live stream; download it and give the file"
            )
        if not self._container.streams.video:
            raise SignalLostError("a stream without video", hold=True)
        stream = self._container.streams.video[0]
        if stream.codec_context is None:
            raise SignalLostError("no decoder for its video", hold=True)
        stream.codec_context.thread_count = 1
        return stream

    @property
    def description(self) -> str:
        """Codec, size and reader."""
        codec = self._stream.codec_context
        size = f" {codec.width}x{codec.height}" if codec.width else ""
        return f"{self._codec_name}{size}, read through PyAV"

    def shots(self) -> Iterator[Shot]:
        """Every frame; those before the first whole key frame, and after damage, have a fault.

        Raises:
            SignalLostError: lost, ended, or silent for too long.
        """
        try:
            yield from self._shots()
        except UnfitError as error:
            log.info("pictures come a frame later: %s", error)
            self._open_with_parser()
            yield from self._shots()

    def _shots(self) -> Iterator[Shot]:
        decoder = self._decoder()
        whole, seen = False, False  # since the last key frame; ever
        for packet, arrived_ns in self._packets():
            for frame, began_ns in decoder.decode(packet, arrived_ns):
                if frame is None:
                    whole = False
                    yield Shot(None, arrived_ns, self._media_s(packet), "undecodable")
                    continue
                if frame.is_corrupt:
                    whole = False
                elif _stands_alone(frame):
                    whole = seen = True
                fault: Fault | None = None if whole else "corrupt" if seen else "incomplete"
                picture = DecodedFrame(frame, 0)
                yield Shot(picture, arrived_ns, self._media_s(frame), fault, began_ns)

    def _packets(self) -> "Iterator[tuple[Packet[VideoStream], int]]":
        """Every packet and when it was here, until the stream is lost."""
        timeout_s = self._address.read_timeout_s
        arrived_ns = before_ns = clock.now_ns()
        try:
            for packet in self._container.demux(self._stream):
                arrived_ns = clock.now_ns()
                # FFmpeg's demuxer may answer a time-out with what it has of the next frame.
                if arrived_ns - before_ns > timeout_s * 1e9:
                    break
                if packet.size:
                    yield packet, arrived_ns
                before_ns = clock.now_ns()
        except av.error.FFmpegError as error:
            raise _lost(error, timeout_s) from None
        except IndexError:  # PyAV's answer to a packet of a stream that was not there at the start
            raise SignalLostError("it has another stream now, sound maybe") from None
        if arrived_ns - before_ns > timeout_s * 1e9:
            raise SignalLostError(f"no data for {timeout_s:g} s")
        raise SignalLostError("the stream ended")

    def _media_s(self, timed: "Packet[VideoStream] | VideoFrame") -> float | None:
        if not self._timed or timed.pts is None or timed.time_base is None:
            return None
        return float(timed.pts * timed.time_base)

    def close(self) -> None:
        """Hangs up."""
        self._container.close()


class ParsedDecoder:
    """Decodes whole frames as FFmpeg's parser gives them."""

    def __init__(self, *, waits: bool) -> None:
        """`waits` says that a frame comes when the next one begins."""
        self._waits = waits
        self._before_ns: int | None = None
        self._began_ns: dict[int | None, int] = {}  # by the packet's time

    def decode(self, packet: "Packet[VideoStream]", arrived_ns: int) -> Iterator[TimedFrame]:
        """Takes in a packet, and gives the frames that come out; None for one that is lost."""
        before_ns, self._before_ns = self._before_ns, arrived_ns
        if self._waits and before_ns is not None:
            self._began_ns[packet.pts] = before_ns
            while len(self._began_ns) > _REORDERED:
                del self._began_ns[next(iter(self._began_ns))]
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            yield None, arrived_ns
            return
        for frame in frames:
            yield frame, self._began_ns.get(frame.pts, arrived_ns)


def _stands_alone(frame: "VideoFrame") -> bool:
    """Whether it needs no other; some cameras send I pictures that are no formal key frames."""
    return bool(frame.key_frame) or frame.pict_type == av.video.frame.PictureType.I


def _lost(error: Exception, timeout_s: float) -> SignalLostError:
    """What FFmpeg says, for people. Its own text holds the address with the password."""
    errors = av.error
    if isinstance(error, errors.HTTPUnauthorizedError):
        return SignalLostError("wrong user or password (401)", hold=True)
    if isinstance(error, errors.HTTPForbiddenError):
        return SignalLostError("the server refuses access (403)", hold=True)
    if isinstance(error, errors.HTTPNotFoundError):
        return SignalLostError("the server has no such stream (404)", hold=True)
    if isinstance(error, (errors.ExitError, TimeoutError)):
        return SignalLostError(f"no answer for {timeout_s:g} s")
    if isinstance(error, ConnectionRefusedError):
        return SignalLostError("connection refused; nothing listens there")
    if isinstance(error, (errors.ProtocolNotFoundError, errors.DecoderNotFoundError)):
        return SignalLostError(str(error.strerror), hold=True)
    if isinstance(error, errors.InvalidDataError):
        return SignalLostError("what it sends is no video stream, or damaged")
    if isinstance(error, errors.EOFError):
        return SignalLostError("the stream ended")
    text = getattr(error, "strerror", None) or type(error).__name__
    if text == "Input/output error":  # FFmpeg's for most of what goes wrong on the way
        text = "can't be reached, or hung up; are host and port right?"
    return SignalLostError(text)


def _connector(given: Address, reach: Reach) -> Callable[[], NetworkStream]:
    host_of(given)  # a wrong one is said at once
    address = NetworkAddress(
        given.text, reach.transport, reach.connect_timeout_s, reach.read_timeout_s
    )
    return lambda: NetworkStream(address)


SOURCE = Live(connector=_connector, camera=host_of)
