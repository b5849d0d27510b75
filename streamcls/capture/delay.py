"""How long a frame was held up on its way, judged by two clocks: the source's and ours.

After a stall the network and FFmpeg hand over what they held back, as if it were fresh, and a line
that is too slow hands over ever older pictures. It shows only in the source's own times: they went
on by less than ours did.
"""

import statistics
from collections import deque

_STALL_S = 0.3  # without the source's times: shorter waits are ordinary unevenness
_STALL_INTERVALS = 2.5  # the same for slow cameras
_DRIFT = 0.005  # clocks may differ by so much; no line is worse by so little for long
_FEW = 3  # gaps that say nothing yet
_RECENT = 11  # gaps from which the usual one is taken


class Delay:
    """Follows one connection; the frame that was held up the least counts as not held up."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._gaps: deque[float] = deque(maxlen=_RECENT)
        self._arrived_s: float | None = None
        self._timed: tuple[float, float] | None = None  # arrival and media time
        self._delay_s = 0.0  # by the source's times
        self._guessed_s = 0.0  # without them
        self.expected_s = 0.0  # time from the last frame to this one, as it should have been

    @property
    def interval_s(self) -> float:
        """The usual time between two frames; 0 before the second one."""
        return statistics.median(self._gaps) if self._gaps else 0.0

    def of(self, arrived_s: float, media_s: float | None) -> float:
        """Takes in the next frame.

        Args:
            arrived_s: when it came, by our clock.
            media_s: when it was taken, by the source's clock, or None.

        Returns:
            For how many seconds it was held up.
        """
        before_s, self._arrived_s = self._arrived_s, arrived_s
        self.expected_s = self.interval_s
        guessed_s = self._guess(arrived_s - before_s) if before_s is not None else 0.0
        timed = self._timed
        if media_s is None:
            return guessed_s
        self._timed = arrived_s, media_s
        if timed is None or media_s <= timed[1]:  # the first time, or the clock was set
            self._delay_s = 0.0
            return guessed_s
        passed_s, taken_s = arrived_s - timed[0], media_s - timed[1]
        if len(self._gaps) < _FEW:
            self.expected_s = taken_s
        self._delay_s = max(0.0, self._delay_s + passed_s * (1 - _DRIFT) - taken_s)
        return self._delay_s

    def _guess(self, gap_s: float) -> float:
        """Without the source's times: what comes after a stall was, and what is right behind it."""
        usual_s = self.interval_s
        if not self._guessed_s or gap_s >= usual_s / 2:  # what comes in a burst says nothing
            self._gaps.append(gap_s)
        if gap_s > max(_STALL_S, _STALL_INTERVALS * usual_s):
            self._guessed_s = gap_s - usual_s
        elif gap_s < usual_s / 2:
            self._guessed_s = max(0.0, self._guessed_s - (usual_s - gap_s))
        else:
            self._guessed_s = 0.0
        return self._guessed_s
