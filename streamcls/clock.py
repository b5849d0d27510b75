"""The one place where time is read, so that all times of a run mean the same.

What happens when is told by the monotonic clock, which nobody sets; dates are for people and logs.
"""

import time
from datetime import UTC, datetime


def now_ns() -> int:
    """The monotonic clock, in ns; `captured_ns` of all records is of this."""
    return time.monotonic_ns()


def now_s() -> float:
    """The same in seconds."""
    return time.monotonic()


def since_s(begun_ns: int) -> float:
    """Seconds from a moment of `now_ns` to this one."""
    return (time.monotonic_ns() - begun_ns) / 1e9


def utc_s(at_ns: int) -> float:
    """A moment of `now_ns` as seconds since the epoch, by the system's clock as it is set now."""
    return epoch_s() - since_s(at_ns)


def epoch_s() -> float:
    """This moment as seconds since the epoch, as the times of files are."""
    return time.time()


def local() -> datetime:
    """Date and time of day here, for names of files and lines for people."""
    return datetime.now()


def iso_utc(epoch_s: float) -> str:
    """Seconds since the epoch in ISO 8601, in UTC with milliseconds and Z.

    >>> iso_utc(1_700_000_000.5)
    '2023-11-14T22:13:20.500Z'
    """
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
