"""Addresses of sources, safe to show."""

import re

# As FFmpeg splits it: everything up to the last @ before the path.
_SECRET = re.compile(r"(?P<before>[a-zA-Z][\w+.-]*://[^\s/@:]*:)[^\s/]*(?=@)")


def mask(text: str) -> str:
    """The text with the password of every URL in it replaced by ***.

    >>> mask("can't open rtsp://anna:geheim@10.0.0.7/cam")
    "can't open rtsp://anna:***@10.0.0.7/cam"
    """
    return _SECRET.sub(r"\g<before>***", text)
