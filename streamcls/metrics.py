"""Counters and latencies of a run, and one frozen snapshot of them."""

import resource
import sys
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamcls import clock
from streamcls.records import DropCause, Fault, State, Timing

_LATENCIES = 10_000  # the latest so many count for the percentiles


@dataclass(frozen=True, slots=True, eq=False)
class Percentiles:
    """Median and 99th percentile; None before the first value."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, eq=False)
class OutputCounts:
    """What became of an output: frames and events taken in, dropped before it, and its failure."""

    written: int = 0
    dropped: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The ledger of frames and the speed of a run at one moment.

    At every moment read = classified + not_sampled + all dropped + all rejected + in_flight.
    `connections`, `state` and `outputs` are of live runs.
    """

    read: int
    classified: int
    not_sampled: int
    dropped: Mapping[str, int]
    rejected: Mapping[str, int]
    in_flight: int
    seconds: float
    fps: float
    infer_ms: Percentiles
    age_ms: Percentiles
    peak_rss_mb: float
    startup_s: float
    connections: int
    state: str
    outputs: Mapping[str, OutputCounts]

    @property
    def ledger(self) -> str:
        """The ledger as one line."""
        terms = [f"{self.classified} classified", f"{self.not_sampled} not sampled"]
        terms += [f"{count} dropped ({cause})" for cause, count in self.dropped.items()]
        terms += [f"{count} rejected ({cause})" for cause, count in self.rejected.items()]
        if self.in_flight:
            terms.append(f"{self.in_flight} in flight")
        return f"{self.read} read = " + " + ".join(terms)

    @property
    def summary(self) -> str:
        """The ledger and the speed as one line."""
        return f"{self.ledger}; {self.seconds:.1f} s, {self.fps:.1f} fps"


class Metrics:
    """Counts frames; any thread may call."""

    def __init__(self) -> None:
        """Starts the clock of `startup_s`."""
        self._lock = threading.Lock()
        self._begun_ns = clock.now_ns()
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._read = self._classified = self._not_sampled = self._in_flight = 0
        self._dropped: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._infer_ms: deque[float] = deque(maxlen=_LATENCIES)
        self._age_ms: deque[float] = deque(maxlen=_LATENCIES)
        self._connections = 0
        self._state = ""
        self._outputs: dict[str, OutputCounts] = {}

    def read(self, count: int = 1) -> None:
        """A frame was read and is now in flight; as often as it has regions with own labels."""
        with self._lock:
            self._first_ns = self._first_ns or clock.now_ns()
            self._read += count
            self._in_flight += count

    def rejected(self, cause: Fault, count: int = 1) -> None:
        """A frame in flight can't be used."""
        with self._lock:
            self._in_flight -= count
            self._rejected[cause] += count
            self._last_ns = clock.now_ns()

    def not_sampled(self, count: int = 1) -> None:
        """A frame in flight came out without being classified, as the sampler wished."""
        with self._lock:
            self._in_flight -= count
            self._not_sampled += count
            self._last_ns = clock.now_ns()

    def classified(self, timing: Timing) -> None:
        """A frame in flight came out with its label."""
        with self._lock:
            self._in_flight -= 1
            self._classified += 1
            self._infer_ms.append(timing.infer_ms)
            self._age_ms.append(timing.age_ms)
            self._last_ns = clock.now_ns()

    def dropped(self, cause: DropCause) -> None:
        """A frame in flight was given up."""
        with self._lock:
            self._in_flight -= 1
            self._dropped[cause] += 1

    def in_state(self, state: State) -> None:
        """The live source is in this state now."""
        with self._lock:
            away = ("connecting", "no_signal")
            self._connections += self._state in away and state not in away
            self._state = state

    def output(
        self, name: str, *, written: int = 0, dropped: int = 0, failure: str | None = None
    ) -> None:
        """Adds to the counts of an output."""
        with self._lock:
            was = self._outputs.get(name, OutputCounts())
            self._outputs[name] = OutputCounts(
                was.written + written, was.dropped + dropped, failure or was.failure
            )

    def output_recovered(self, name: str) -> None:
        """An output that failed works again."""
        with self._lock:
            was = self._outputs.get(name, OutputCounts())
            self._outputs[name] = OutputCounts(was.written, was.dropped)

    def drop_in_flight(self, cause: DropCause) -> None:
        """Everything in flight is given up."""
        with self._lock:
            if self._in_flight:
                self._dropped[cause] += self._in_flight
                self._in_flight = 0

    def snapshot(self) -> Snapshot:
        """All of it at this moment."""
        with self._lock:
            first_ns = self._first_ns or clock.now_ns()
            seconds = max(0, (self._last_ns or first_ns) - first_ns) / 1e9
            return Snapshot(
                read=self._read,
                classified=self._classified,
                not_sampled=self._not_sampled,
                dropped=dict(self._dropped),
                rejected=dict(self._rejected),
                in_flight=self._in_flight,
                seconds=seconds,
                fps=self._read / seconds if seconds else 0.0,
                infer_ms=_percentiles(self._infer_ms),
                age_ms=_percentiles(self._age_ms),
                peak_rss_mb=peak_rss_mb(),
                startup_s=(first_ns - self._begun_ns) / 1e9,
                connections=self._connections,
                state=self._state,
                outputs=dict(self._outputs),
            )


def peak_rss_mb() -> float:
    """The most memory this process has had, in MB of 1,000,000 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _percentiles(values: deque[float]) -> Percentiles:
    if not values:
        return Percentiles(None, None)
    p50, p99 = np.percentile(values, (50, 99))
    return Percentiles(float(p50), float(p99))
