"""How long a frame was held up on its way, judged by two clocks: the source's and ours.

After a stall the network and FFmpeg hand over what they held back, as if it were fresh. It is as
old as the stall, which only shows in the source's own times: they went on by one frame while we
waited for seconds.
"""

import statistics
from collections import deque

_STALL_S = 0.1  # shorter waits are ordinary unevenness
_STALL_INTERVALS = 2.5  # for slow cameras
_RECENT = 11  # gaps from which the usual one is taken


class Delay:
    """Follows one connection, frame by frame.

    Only a wait can hold frames up, so the delay grows only by one: a source whose clock runs slower
    than ours, as those of cheap cameras do in the dark, is not late for it.
    """

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._gaps: deque[float] = deque(maxlen=_RECENT)
        self._arrived_s: float | None = None
        self._media_s: float | None = None
        self._delay_s = 0.0

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
        taken_s, self._media_s = self._media_s, media_s
        if before_s is None:
            return 0.0
        gap_s, usual_s = arrived_s - before_s, self.interval_s
        stalled = gap_s > max(_STALL_S, _STALL_INTERVALS * usual_s)
        if media_s is None or taken_s is None or media_s <= taken_s:
            # Without a clock: the first frame after a stall was held up, and those right behind it.
            passed_s = usual_s
            if not stalled and gap_s >= usual_s / 2:
                self._delay_s = 0.0
        else:
            passed_s = media_s - taken_s
        grown_s = gap_s - passed_s
        if stalled or grown_s < 0:
            self._delay_s = max(0.0, self._delay_s + grown_s)
        self._gaps.append(gap_s)
        return self._delay_s
