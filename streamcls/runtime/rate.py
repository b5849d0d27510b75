"""How many things a second, now."""

from collections import deque

from streamcls import clock

_SPAN_S = 2.0  # over which things are counted


class Rate:
    """Things a second over the last seconds."""

    def __init__(self) -> None:
        """None yet."""
        self._recent: deque[float] = deque()

    def count(self) -> None:
        """One more, now."""
        self._recent.append(clock.now_s())
        self.value()

    def value(self) -> float:
        """At this moment."""
        recent, since_s = self._recent, clock.now_s() - _SPAN_S
        while recent and recent[0] < since_s:
            recent.popleft()
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0
