"""A recorded file as a source."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.capture.container import Probe, last_time_s, probe
from streamcls.capture.decode import BadFrame, DecodedFrame, decode
from streamcls.capture.kind import Recorded
from streamcls.errors import SourceError
from streamcls.records import Grabbed, SourceInfo, TimeSource

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

_ASSUMED_FPS = Fraction(25)  # for a file without times and without a rate
_CUT_SHORT_S = 1.0  # a file that ends earlier than it says by more than this was cut off


class FileSource:
    """Frames of a recorded file, in order and without loss, with the container's own times.

    `pts_s` is what ffprobe prints as `pts_time`. Where a container has no time for a frame it is
    estimated, and the frame says so.
    """

    def __init__(
        self,
        path: Path,
        *,
        camera: str,
        start_s: float | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Opens the file and decodes its first frames.

        Args:
            path: the file.
            camera: name for the rows.
            start_s: media time of the first frame wanted, or None for the beginning.
            duration_s: media time from there on, or None for all.

        Raises:
            SourceNotFoundError: no such file.
            SourceError: no video, or no frame of it decodes.
        """
        self._path = path
        self._probe = probe(path)
        self._info = _info(path, camera, self._probe)
        self._start_s, self._duration_s = start_s, duration_s
        self._current: VideoFrame | None = None
        if self._probe.sound is not None and not self._probe.sound_readable:
            log.info("%s: nothing here decodes its sound; a video of it has none", path)
        others = [s for s in self._probe.streams if s.kind == "video"][1:]
        for stream in others:
            log.info(
                "%s: stream %d is another video (%s), not used", path, stream.index, stream.codec
            )

    @property
    def info(self) -> SourceInfo:
        """What the file says about itself."""
        return self._info

    def grab(self) -> Iterator[Grabbed]:
        """Every frame between start and end, good or not.

        Raises:
            SourceError: there is no frame in that time.
        """
        clock = _Clock(self._probe)
        first_s = self._start_s
        last: Grabbed | None = None
        wanted = 0
        for index, decoded in enumerate(decode(self._path)):
            last = clock.stamp(index, decoded)
            if self._start_s is not None and last.pts_s < self._start_s:
                continue
            if self._duration_s is not None:
                first_s = last.pts_s if first_s is None else first_s
                if last.pts_s >= first_s + self._duration_s:
                    return
            wanted += 1
            self._current = None if isinstance(decoded, BadFrame) else decoded
            yield last
        if last is None or not wanted:
            end = f"; it ends at {last.pts_s:.3f} s" if last is not None else ""
            raise SourceError(f"{self._path}: no frame at or after {self._start_s or 0:g} s{end}")
        self._warn_if_cut_short(last)

    def _warn_if_cut_short(self, last: Grabbed) -> None:
        stated_s, frames = self._probe.duration_s, self._probe.frames
        end_s = last.pts_s + last.duration_s - self._probe.stream_start_s
        latest_s = (stated_s or 0.0) - _CUT_SHORT_S
        # Without a number of frames the length is that of the longest stream, maybe the sound.
        if end_s < latest_s and (frames or last_time_s(self._path) < latest_s):
            log.warning(
                "%s: ends at %.1f s though it says %.1f s; cut off", self._path, end_s, stated_s
            )
        elif frames and (frames - last.index - 1) * last.duration_s > _CUT_SHORT_S:
            log.warning(
                "%s: ends after %d of %d frames; cut off", self._path, last.index + 1, frames
            )

    def retrieve(self) -> DecodedFrame:
        """The frame grabbed last, turned as players turn it."""
        if self._current is None:
            raise RuntimeError("the frame grabbed last has no picture")
        return DecodedFrame(self._current, self._probe.rotation)

    def close(self) -> None:
        """Lets go of the last frame; the file itself closes with the end of `grab`."""
        self._current = None


class _Clock:
    """Gives every frame its time."""

    def __init__(self, found: Probe) -> None:
        self._time_base = found.time_base
        self._start_s = found.stream_start_s
        self._interval_s = float(1 / (found.fps or _ASSUMED_FPS))
        self._has_times = found.has_times
        self._next_s = found.stream_start_s  # where the frame would be that follows the last one

    def stamp(self, index: int, decoded: "VideoFrame | BadFrame") -> Grabbed:
        """The frame's record; in a file without times all of them are estimated from the rate."""
        source: TimeSource = "container"
        duration_s = self._interval_s
        if isinstance(decoded, BadFrame):
            fault = decoded.cause
        else:
            fault = None
            duration_s = float(decoded.duration * self._time_base) or self._interval_s
        if self._has_times and decoded.pts is not None:
            pts_s = float(decoded.pts * self._time_base)
        else:
            source = "estimated"
            pts_s = self._next_s if self._has_times else self._start_s + index * self._interval_s
        self._next_s = pts_s + duration_s
        return Grabbed(index, pts_s, source, duration_s, clock.now_ns(), fault)


def _info(path: Path, camera: str, found: Probe) -> SourceInfo:
    rate = f"{float(found.fps):.4g} fps" if found.fps else "unknown rate"
    length = f"{found.duration_s:.1f} s" if found.duration_s else "unknown length"
    aspect = found.sample_aspect
    size = f"{found.width}x{found.height}"
    return SourceInfo(
        camera=camera,
        path=path,
        width=found.width,
        height=found.height,
        fps=float(found.fps),
        time_base=found.time_base,
        start_s=found.start_s,
        duration_s=found.duration_s,
        sample_aspect=1 / aspect if found.rotation % 180 else aspect,
        has_sound=found.sound_readable,
        description=f"{found.codec} {size}, {rate}, {length}, read through PyAV",
    )


def _describe(path: Path) -> list[tuple[str, str]]:
    from streamcls.capture.inspect import inspect, rows

    return rows(inspect(path))


SOURCE = Recorded(open=FileSource, describe=_describe)
