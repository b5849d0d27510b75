"""Moments by the calendar, in UTC, as names of files say them."""

from datetime import UTC, datetime

from streamcls.clock import iso_utc


def compact(epoch_s: float) -> str:
    """ISO 8601 with milliseconds, without what names of files can't have; such names sort by time.

    >>> compact(1_700_000_000.5)
    '20231114T221320.500Z'
    """
    return iso_utc(epoch_s).replace("-", "").replace(":", "")


def from_compact(text: str) -> float:
    """The moment that `compact` gave, in seconds since the epoch.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()
