"""Carries a recording's sound over into the annotated video."""

import logging
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.media import BitStreamFilterContext, av, packets

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

log = logging.getLogger(__name__)

# Copied as they are: MP4 takes them and browsers play them there. Everything else becomes AAC.
COPIED = frozenset({"aac", "mp3", "opus"})
_LOWEST_MP3_RATE = 16000  # Hz; MPEG-2.5, which has lower ones, is not for MP4
STEP_BACK_S = 1.0  # by which time goes back where recordings were joined
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_LAYOUTS = frozenset({"mono", "stereo", "5.1"})


class Sound:
    """The first audio stream of a file, fed into an output up to a given time again and again."""

    def __init__(self, path: Path, output: "OutputContainer", zero_s: float) -> None:
        """Adds a stream to the output, which must not have its first packet yet.

        Args:
            path: the recording.
            output: the annotated video.
            zero_s: the recording's time that is 0 in the output; earlier sound is left out.
        """
        self._input = av.open(str(path.absolute()), metadata_errors="replace")
        self._output = output
        self._zero_s = zero_s
        self._last_dts: int | None = None
        source = self._input.streams.audio[0]
        found = _up_to_a_step_back(packets(self._input, source))
        codec = source.codec_context
        name = codec.codec.canonical_name
        if name not in COPIED or (name == "mp3" and codec.sample_rate < _LOWEST_MP3_RATE):
            self._encode(found, codec)
        elif name == "aac" and not codec.extradata:
            self._copy_adts(found, source)
        else:
            self._stream = output.add_stream_from_template(source)
            self._packets = self._shifted(found)
        self._next = next(self._packets, None)

    def write_until(self, output_s: float) -> None:
        """Writes what is heard before this time of the output."""
        while self._next is not None and _time_s(self._next) < output_s:
            self._mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Lets go of the recording. Can be called again."""
        self._packets = iter(())
        self._next = None
        self._input.close()

    def _mux(self, packet: "Packet[AudioStream]") -> None:
        if self._last_dts is not None and packet.dts is not None and packet.dts <= self._last_dts:
            return  # a muxer takes times only in order
        self._last_dts = packet.dts
        packet.stream = self._stream
        self._output.mux(packet)

    def _copy_adts(self, found: "Iterator[Packet[AudioStream]]", source: "AudioStream") -> None:
        """AAC as in MPEG-TS, with a header in every packet; MP4 has it once, in its own form."""
        begin = list(islice(found, 1))
        config = _audio_specific_config(bytes(begin[0])) if begin else None
        found = chain(begin, found)
        if config is None:
            self._encode(found, source.codec_context)
            return
        self._stream = self._output.add_stream_from_template(source)
        self._stream.codec_context.extradata = config
        self._packets = self._shifted(_without_adts(found, source))

    def _shifted(self, found: "Iterable[Packet[AudioStream]]") -> "Iterator[Packet[AudioStream]]":
        for packet in found:
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            shift = round(self._zero_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            # Sound that begins before the picture (an encoder's priming) stays in step with it.
            if packet.pts + (packet.duration or 0) > 0:
                yield packet

    def _encode(self, found: "Iterator[Packet[AudioStream]]", given: "AudioCodecContext") -> None:
        rate = given.sample_rate if given.sample_rate in _AAC_RATES else 48000
        layout = given.layout.name if given.layout.name in _AAC_LAYOUTS else "stereo"
        self._stream = self._output.add_stream("aac", rate=rate, layout=layout)
        self._packets = self._encoded(found)

    def _encoded(self, found: "Iterator[Packet[AudioStream]]") -> "Iterator[Packet[AudioStream]]":
        for packet in found:
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                log.warning("sound: a packet can't be decoded (%s); left out", error)
                continue
            for frame in frames:
                if frame.time is None or frame.time < self._zero_s:
                    continue
                frame.pts = round((frame.time - self._zero_s) * frame.sample_rate)
                frame.time_base = Fraction(1, frame.sample_rate)
                yield from self._stream.encode(frame)
        yield from self._stream.encode(None)


def _up_to_a_step_back(
    found: "Iterable[Packet[AudioStream] | None]",
) -> "Iterator[Packet[AudioStream]]":
    """The packets up to where time goes back; what comes then belongs to other pictures."""
    last_s = -math.inf
    for packet in found:
        if packet is None:
            continue
        if packet.pts is not None:
            if _time_s(packet) < last_s - STEP_BACK_S:
                return
            last_s = _time_s(packet)
        yield packet


def _without_adts(
    found: "Iterable[Packet[AudioStream]]", source: "AudioStream"
) -> "Iterator[Packet[AudioStream]]":
    bare = BitStreamFilterContext("aac_adtstoasc", source)
    for packet in found:
        if packet.pts is None:
            continue
        try:
            yield from bare.filter(packet)
        except av.error.FFmpegError as error:
            log.warning("sound: a packet is damaged (%s); left out", error)


def _audio_specific_config(packet: bytes) -> bytes | None:
    """What MP4 needs to know of AAC, from an ADTS header (ISO/IEC 14496-3, 1.6.2.1 and 1.A.2.2)."""
    if len(packet) < 7 or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return None
    object_type = (packet[2] >> 6) + 1
    rate_index = packet[2] >> 2 & 0xF
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    if not channels:  # described in the stream itself
        return None
    return (object_type << 11 | rate_index << 7 | channels << 3).to_bytes(2, "big")


def _time_s(packet: "Packet[AudioStream]") -> float:
    return float((packet.pts or 0) * (packet.time_base or 0))
