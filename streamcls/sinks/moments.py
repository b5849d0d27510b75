"""Moments by the calendar, in UTC, as rows and file names say them."""

from datetime import UTC, datetime


def iso(epoch_s: float) -> str:
    """ISO 8601 with milliseconds and Z.

    >>> iso(1_700_000_000.5)
    '2023-11-14T22:13:20.500Z'
    """
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact(epoch_s: float) -> str:
    """The same without what names of files can't have; such names sort by time.

    >>> compact(1_700_000_000.5)
    '20231114T221320.500Z'
    """
    return iso(epoch_s).replace("-", "").replace(":", "")


def from_compact(text: str) -> float:
    """The moment that `compact` gave, in seconds since the epoch.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()
