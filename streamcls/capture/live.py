"""A live source: connects again and again, and says of every frame whether it can be trusted."""

import logging
import random
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from streamcls import clock
from streamcls.capture.connection import Connection, Shot
from streamcls.capture.delay import Delay
from streamcls.capture.picture_checks import Finding, PictureChecks
from streamcls.errors import SignalLostError, SourceError
from streamcls.records import LiveFrame, Lost

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_HEALTHY_S = 10.0  # of real frames, after which the next loss counts as the first
_BEHIND_S = 5.0  # a connection that is behind for so long is given up for a new one

_FAULTS = {
    "undecodable": Finding("undecodable", "damaged", "data is missing or damaged"),
    "corrupt": Finding("corrupt", "damaged", "data is missing or damaged until a key frame comes"),
    "incomplete": Finding("incomplete", "damaged", "no whole key frame yet"),
}


class Backoff:
    """How long to wait before each try: 1 s, then twice as long each time, up to 60 s.

    Waits are cut by up to a quarter at random, so that cameras that were lost together don't come
    back together.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives numbers from 0 to 1."""
        self._chance = chance
        self._next_s = _FIRST_WAIT_S

    def wait_s(self, *, hold: bool) -> float:
        """Seconds to wait now; the longest time at once where trying soon is of no use."""
        if hold:
            return _LONGEST_WAIT_S
        waits_s = self._next_s * (1 - 0.25 * self._chance())
        self._next_s = min(_LONGEST_WAIT_S, 2 * self._next_s)
        return waits_s

    def reset(self) -> None:
        """Begins with the shortest wait again."""
        self._next_s = _FIRST_WAIT_S


@dataclass(frozen=True, slots=True, eq=False)
class Retries:
    """When to give up: after so many tries, or so many seconds, without 10 healthy ones between."""

    most: int | None = None
    for_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """Which frames may have labels.

    `frozen_after_s` is how long the picture may stay the same, 0 for ever; `max_delay_s` how long a
    frame may have been held up on its way.
    """

    frozen_after_s: float
    max_delay_s: float


class LiveSource:
    """Frames of a source that may come and go."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        camera: str,
        retries: Retries,
        trust: Trust,
        wait: Callable[[float], bool],
        backoff: Backoff | None = None,
    ) -> None:
        """Connects only in `watch`, the first time like any other.

        Args:
            connect: makes a connection, or raises SignalLostError.
            camera: name for the rows.
            retries: when to give up.
            trust: which frames may have labels.
            wait: waits so many seconds, and says whether the run has been stopped meanwhile.
            backoff: how long to wait before each try.
        """
        self.camera = camera
        self._connect = connect
        self._retries = retries
        self._max_delay_s = trust.max_delay_s
        self._checks = PictureChecks(trust.frozen_after_s)
        self._wait = wait
        self.begun_ns = clock.now_ns()  # 0 in `pts_s`
        self._backoff = backoff or Backoff()
        self._tries = 0
        self._lost_ns: int | None = None  # since when there were no 10 healthy seconds
        self._healthy_ns: int | None = None  # since when all frames are good
        self._index = 0
        self._last_ns = self.begun_ns - 1
        self.description = ""

    def watch(self) -> Generator[LiveFrame | Lost, None, None]:
        """Frames, good or not, and losses; ends when the run is stopped.

        Raises:
            SourceError: retries are exhausted, or the source is no live video.
        """
        while not self._wait(0):
            try:
                yield from self._connection()
                continue  # it ends by itself only where the run does
            except SignalLostError as error:
                lost = error
            except SourceError as error:
                raise SourceError(f"{self.camera}: {error}") from error
            except Exception as error:  # what native readers raise has no bounds
                log.debug("%s: where it was raised:", self.camera, exc_info=True)
                lost = SignalLostError(f"unexpected {type(error).__name__}")
            wait_s = self._next_wait_s(lost)
            yield Lost(str(lost), wait_s)
            if self._wait(wait_s):
                return

    def _next_wait_s(self, lost: SignalLostError) -> float:
        now_ns = clock.now_ns()
        self._healthy_ns = None
        self._lost_ns = self._lost_ns or now_ns
        lost_s = (now_ns - self._lost_ns) / 1e9
        most, for_s = self._retries.most, self._retries.for_s
        if (most is not None and self._tries >= most) or (for_s is not None and lost_s >= for_s):
            tries = f"{self._tries + 1} tries" if self._tries else "one try"
            raise SourceError(
                f"{self.camera}: {lost}; given up after {tries} in {lost_s:.0f} s"
            ) from lost
        self._tries += 1
        wait_s = self._backoff.wait_s(hold=lost.hold)
        return wait_s if for_s is None else min(wait_s, for_s - lost_s)

    def _connection(self) -> Iterator[LiveFrame]:
        """The frames of one connection."""
        with closing(self._connect()) as connection:
            self.description = connection.description
            delay, behind_ns = Delay(), None
            for shot in connection.shots():
                began_ns = shot.began_ns or shot.arrived_ns
                delay_s = delay.of(began_ns / 1e9, shot.media_s)
                taken_ns = began_ns - round(delay_s * 1e9)
                frame = self._judged(shot, taken_ns, delay)
                self._keep_health(frame)
                yield frame
                if frame.fault != "late":
                    behind_ns = None
                elif behind_ns is None:
                    behind_ns = shot.arrived_ns
                elif shot.arrived_ns - behind_ns > _BEHIND_S * 1e9:
                    behind_s = (shot.arrived_ns - taken_ns) / 1e9
                    raise SignalLostError(f"its pictures stay {behind_s:.1f} s behind")

    def _judged(self, shot: Shot, taken_ns: int, delay: Delay) -> LiveFrame:
        # At least a tick after the frame before: times of one source always increase.
        captured_ns = max(taken_ns, self._last_ns + 1000)
        self._last_ns = captured_ns
        found = self._find(shot, taken_ns, delay.expected_s)
        index, self._index = self._index, self._index + 1
        return LiveFrame(
            index=index,
            pts_s=(captured_ns - self.begun_ns) / 1e9,
            duration_s=delay.interval_s,
            captured_ns=captured_ns,
            captured_utc=clock.utc_s(captured_ns),
            picture=shot.picture,
            fault=found.fault if found else None,
            state=found.state if found else "ok",
            reason=found.reason if found else "",
        )

    def _find(self, shot: Shot, taken_ns: int, interval_s: float) -> Finding | None:
        if shot.fault is not None:
            return _FAULTS[shot.fault]
        held_s = (shot.arrived_ns - taken_ns) / 1e9
        # FFmpeg may have to wait for the next frame, which is no fault of the line.
        if held_s > self._max_delay_s + interval_s:
            return Finding("late", "late", f"held up on its way for {held_s:.1f} s")
        assert shot.picture is not None
        return self._checks.find(shot.picture, taken_ns / 1e9)

    def _keep_health(self, frame: LiveFrame) -> None:
        """After 10 s of good frames the next loss counts as the first one."""
        if frame.state != "ok":
            self._healthy_ns = None
            return
        self._healthy_ns = self._healthy_ns or frame.captured_ns
        if frame.captured_ns - self._healthy_ns >= _HEALTHY_S * 1e9:
            self._backoff.reset()
            self._tries, self._lost_ns = 0, None
