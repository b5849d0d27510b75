"""How often a JPEG paints over itself.

A progressive JPEG comes in passes, 10 or so. One pass may be 75 bytes for 50 million pixels, so
that 10 MB of them keep a decoder busy for an hour.
"""

import re

# Behind 0xff: not stuffing, no fill byte, and no restart marker, all of which are in pictures.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_LONELY = (0x01, 0xD8)  # without a length
_START_OF_SCAN, _END = 0xDA, 0xD9
_MARKERS = 100_000


def passes(data: bytes) -> int:
    """Of the first picture in a JPEG; not exact beyond thousands."""
    found, at = 0, 0
    for _ in range(_MARKERS):
        marker = _MARKER.search(data, at)
        if marker is None or data[at := marker.end() - 1] == _END:
            return found
        kind, at = data[at], at + 1
        found += kind == _START_OF_SCAN
        if kind not in _LONELY:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return _MARKERS
