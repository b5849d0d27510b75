"""Counts what requests asked for. Any thread."""

import threading
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from streamcls import clock

_LATEST = 1000
_WINDOW_S = 10.0
_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """So far: pictures by what became of them, how many a second lately, and how long they took."""

    classified: int
    refused: int
    per_s: float
    p50_ms: float | None
    p99_ms: float | None


class Tally:
    """Pictures of requests, and requests by their answer."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._classified = self._refused = 0
        self._latest: deque[tuple[float, float]] = deque(maxlen=_LATEST)  # when, how long
        self._requests: Counter[tuple[str, int]] = Counter()

    def classified(self, took_s: float) -> None:
        """A picture has its labels."""
        with self._lock:
            self._classified += 1
            self._latest.append((clock.now_s(), took_s))

    def refused(self) -> None:
        """A picture is not taken."""
        with self._lock:
            self._refused += 1

    def answered(self, method: str, status: int) -> None:
        """A request has its answer."""
        known = (
            method if method in _METHODS else "other"
        )  # clients may make up as many as they like
        with self._lock:
            self._requests[known, status] += 1

    def counts(self) -> Counts:
        """Pictures so far."""
        with self._lock:
            latest, classified, refused = list(self._latest), self._classified, self._refused
        since_s = clock.now_s() - _WINDOW_S
        recent = [at_s for at_s, _ in latest if at_s >= since_s]
        window_s = _WINDOW_S
        if len(recent) == _LATEST:  # they are too many to reach back so far
            window_s = max(1e-3, clock.now_s() - recent[0])
        took_ms = [1000 * took_s for _, took_s in latest]
        p50, p99 = np.percentile(took_ms, (50, 99)) if took_ms else (None, None)
        return Counts(
            classified,
            refused,
            len(recent) / window_s,
            None if p50 is None else float(p50),
            None if p99 is None else float(p99),
        )

    def requests(self) -> dict[tuple[str, int], int]:
        """Requests so far, by method and status."""
        with self._lock:
            return dict(self._requests)
