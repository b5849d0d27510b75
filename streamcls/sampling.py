"""Which frames are classified."""

from streamcls.records import Grabbed, LiveFrame


class EveryNth:
    """Frames 0, n, 2 n, … of the file."""

    def __init__(self, n: int = 1) -> None:
        """n = 1 is every frame."""
        self._n = n

    def wants(self, grabbed: Grabbed | LiveFrame) -> bool:
        """Whether the frame's index is a multiple of n."""
        return grabbed.index % self._n == 0


class AtMostPerSecond:
    """At most so many frames a second of media time, evenly spread at any frame rate."""

    def __init__(self, fps: float) -> None:
        """`fps` is the rate that is not exceeded."""
        self._interval_s = 1 / fps
        self._first_s: float | None = None
        self._last_s = 0.0
        self._taken = 0  # intervals that are done with

    def wants(self, grabbed: Grabbed | LiveFrame) -> bool:
        """Whether this is the first frame in its interval of 1 / fps seconds."""
        # Where recordings were joined, time goes back; counting begins anew.
        if self._first_s is None or grabbed.pts_s < self._last_s - self._interval_s:
            self._first_s, self._taken = grabbed.pts_s, 0
        self._last_s = grabbed.pts_s
        # A hair's breadth more, so that a frame due exactly now is not missed by rounding.
        interval = int((grabbed.pts_s - self._first_s) / self._interval_s + 1e-6)
        if interval < self._taken:
            return False
        self._taken = interval + 1
        return True
