"""The annotated video: every frame at its own time, with the source's sound.

H.264 in fragmented MP4. A fragment of half a second is on the disk as soon as it is full and needs
nothing that comes later, so after a crash the file plays up to there. B-frames and the encoder's
look-ahead are off for the same reason: they would hold back another half second.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from streamcls.errors import OutputError
from streamcls.media import av, cv2
from streamcls.records import Event, Image, Result, SourceInfo
from streamcls.sinks.files import creating, writing
from streamcls.sinks.fitting import fitted
from streamcls.sinks.fragments import cut_torn
from streamcls.sinks.sound import STEP_BACK_S, Sound

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

_CONTAINER_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+delay_moov+frag_keyframe",
    "frag_duration": "500000",  # µs
    "flush_packets": "1",
    # By default pictures wait up to 10 s for sound that ended early.
    "max_interleave_delta": "200000",  # µs
    "avoid_negative_ts": "disabled",  # would move the picture by the sound's priming
}
# `superfast` has no look-ahead. 1080p: 24 ms of CPU a frame; veryfast takes 37 for files that are a
# fifth smaller.
_ENCODER_OPTIONS = {"preset": "superfast", "crf": "23", "bf": "0"}
_KEY_INTERVAL_S = 2
_NEAR_END_S = 0.5  # a run that came so near to the stated end has shown it all
_MAX_ENCODER_THREADS = 4  # each delays the output by a frame

Draw = Callable[[Image, Result, float], None]


class VideoSink:
    """Draws into a copy of every frame and encodes it."""

    every_frame = True

    def __init__(
        self,
        path: Path,
        info: SourceInfo,
        draw: Draw,
        *,
        start_s: float | None,
        threads: int,
        overwrite: bool = False,
    ) -> None:
        """Creates the file.

        Args:
            path: the MP4 to write.
            info: of the source.
            draw: draws a result into a picture in place; its last argument is frames a second.
            start_s: media time from which frames come; where players show 0, if later than the
                media's start.
            threads: for the encoder.
            overwrite: whether an existing file is replaced.

        Raises:
            OutputPathError: it exists by now, and `overwrite` is False.
            OutputError: it can't be created, or the encoder doesn't take what it needs.
        """
        self._path = path
        self._draw = draw
        self._rate = _Rate(info.fps)
        self._zero_s = max(info.start_s, start_s or 0.0)
        time_base = info.time_base
        self._time_base = time_base if time_base.numerator == 1 else Fraction(1, 90_000)
        # H.264 with 4:2:0 colour has even sides only.
        self._size = info.width, info.height
        self._spare = info.height % 2, info.width % 2
        self._last_ticks: int | None = None
        self._held: Packet[VideoStream] | None = None  # until the next one says how long it lasts
        self._shift_s = 0.0  # added to the source's times after a step back
        self._end_s = 0.0  # of the last picture, on the output's time line
        self._whole_s = None if info.duration_s is None else info.duration_s - _NEAR_END_S
        self._broken = self._closed = False
        self._sound: Sound | None = None
        with creating(path, overwrite=overwrite) as file, self._writing():
            self._file = _File(file)
            self._output = av.open(self._file, "w", format="mp4", options=_CONTAINER_OPTIONS)
            self._stream = self._add_stream(info, threads)
            if info.has_sound:
                self._sound = Sound(info.path, self._output, self._zero_s)
            self._output.start_encoding()

    def _add_stream(self, info: SourceInfo, threads: int) -> "VideoStream":
        width, height = info.width + info.width % 2, info.height + info.height % 2
        rate = Fraction(info.fps or 25).limit_denominator(1001)
        stream = self._output.add_stream("libx264", rate=rate, options=_ENCODER_OPTIONS)
        codec = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = codec.time_base = self._time_base
        codec.gop_size = max(1, round(_KEY_INTERVAL_S * rate))
        codec.thread_count = min(threads, _MAX_ENCODER_THREADS)
        codec.sample_aspect_ratio = info.sample_aspect
        # What cv2's BGR2YUV_I420 makes: BT.601 coefficients, limited range.
        codec.colorspace = av.video.reformatter.Colorspace.smpte170m
        codec.color_range = av.video.reformatter.ColorRange.MPEG
        try:
            codec.open()
        except av.error.FFmpegError as error:
            raise OutputError(
                f"{self._path}: the encoder takes no {width}x{height} pictures; "
                "H.264 ends at 16384 px a side"
            ) from error
        granted = codec.name, codec.width, codec.height, codec.pix_fmt
        if granted != ("libx264", width, height, "yuv420p"):
            raise OutputError(
                f"{self._path}: the encoder gives {granted}, not H.264 {width}x{height}"
            )
        return stream

    def write(self, result: Result) -> None:
        """Draws and encodes one frame.

        Raises:
            OutputError: the disk is full, or the encoder failed.
        """
        pts_s = result.frame.pts_s
        image = fitted(result.frame.image, *self._size)
        self._draw(image, result, self._rate.at(pts_s))
        frame = av.VideoFrame.from_ndarray(self._as_i420(image), format="yuv420p")
        frame.pts, frame.time_base = self._ticks(pts_s), self._time_base
        self._end_s = pts_s + result.frame.duration_s - self._zero_s + self._shift_s
        self._broken = True  # unless this gets through
        with self._writing():
            for packet in self._stream.encode(frame):
                self._mux(packet)
        self._broken = False

    def _as_i420(self, image: Image) -> Image:
        """(H, W, 3) BGR to the planes of yuv420p below each other, (1.5 H, W), sides made even."""
        if any(self._spare):
            bottom, right = self._spare
            image = np.asarray(
                cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8
            )
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)

    def _ticks(self, pts_s: float) -> int:
        if pts_s - self._zero_s + self._shift_s < self._end_s - STEP_BACK_S:
            self._leave_out_step_back(pts_s)
        ticks = round((pts_s - self._zero_s + self._shift_s) / self._time_base)
        if self._last_ticks is not None and ticks <= self._last_ticks:
            log.debug("%s: time goes back at %.6f s in the source; moved up", self._path, pts_s)
            ticks = self._last_ticks + 1
        self._last_ticks = ticks
        return ticks

    def _leave_out_step_back(self, pts_s: float) -> None:
        """Goes on where the last picture ended; the sound ends there."""
        log.warning(
            "%s: time goes back to %.3f s in the source; "
            "the video goes on without the step, and without sound",
            self._path,
            pts_s,
        )
        self._shift_s = self._end_s - (pts_s - self._zero_s)
        if self._sound is not None:
            with self._writing():
                self._sound.write_until(self._end_s)
            self._sound.close()

    def _mux(self, packet: "Packet[VideoStream]") -> None:
        """Writes the packet before this one, which now has a length."""
        held, self._held = self._held, packet
        if held is not None and held.pts is not None and packet.pts is not None:
            held.duration = packet.pts - held.pts
            self._write(held, float(packet.pts * self._time_base))

    def _write(self, packet: "Packet[VideoStream]", sound_until_s: float) -> None:
        if self._sound is not None:
            self._sound.write_until(sound_until_s)
        self._output.mux(packet)

    def event(self, event: Event) -> None:
        """The labels are drawn with the frames."""

    def close(self) -> None:
        """Finalises the file. Can be called again.

        Raises:
            OutputError: the disk is full; the file plays up to its last fragment.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not self._broken:
                with self._writing():
                    self._finish()
                    self._output.close()
                    self._file.close()
        finally:
            if self._sound is not None:
                self._sound.close()
            # After a failure that was already reported.
            with suppress(OSError, av.error.FFmpegError):
                self._output.close()
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                if self._file.failure is not None and self._path.is_file():
                    cut_torn(self._path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns what fails inside, the file included, into an OutputError that names the file."""
        try:
            with writing(self._path):
                yield
                if self._file.failure is not None:
                    raise self._file.failure
        except av.error.FFmpegError as error:
            raise OutputError(f"{self._path}: can't write: {error.strerror}") from error

    def _finish(self) -> None:
        """The pictures still in the encoder, and the rest of the sound."""
        for packet in self._stream.encode(None):
            self._mux(packet)
        held, self._held = self._held, None
        if held is None or held.pts is None:
            return
        held.duration = max(1, round(self._end_s / self._time_base) - held.pts)
        # A recording that was shown to its end keeps all its sound, one that was cut only what
        # belongs to it.
        whole = self._whole_s is not None and self._end_s >= self._whole_s
        self._write(held, math.inf if whole else self._end_s)


class _File:
    """The file under the muxer, each write at once on the disk.

    FFmpeg doesn't tell of a failure in its last writes, so the first one is kept here.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        if self.failure is None:
            try:
                self._file.write(data)
                self._file.flush()
            except OSError as error:
                self.failure = error
        return len(data)

    def close(self) -> None:
        self._file.close()


class _Rate:
    """Frames in the last second of media time."""

    def __init__(self, nominal_fps: float) -> None:
        self._nominal_fps = nominal_fps
        self._recent: deque[float] = deque()

    def at(self, pts_s: float) -> float:
        """Frames a second at this time; the nominal rate before there is enough to count."""
        recent = self._recent
        recent.append(pts_s)
        while recent[0] < pts_s - 1:
            recent.popleft()
        if len(recent) < 3 or recent[-1] <= recent[0]:
            return self._nominal_fps
        return (len(recent) - 1) / (recent[-1] - recent[0])
