"""Addresses of sources, safe to show."""

import re

# Up to the last @, since people forget to quote what is in a password; a port has only digits.
_PASSWORD = re.compile(r"(?P<before>[a-zA-Z][\w+.-]*://(?!\[)[^\s/@:]*:)(?!\d+/)[^\s]*(?=@)")
# Some cameras take it as a part of the path or the query: ...?user=admin&password=geheim
_PARAMETER = re.compile(
    r"(?P<before>[?&;/_](?:pass(?:word|wd)?|pwd|psw|token|auth|secret|api_?key|key)=)[^\s&;/]+",
    re.I,
)


def mask(text: str) -> str:
    """The text with the password of every URL in it replaced by ***.

    >>> mask("can't open rtsp://anna:geheim@10.0.0.7/cam")
    "can't open rtsp://anna:***@10.0.0.7/cam"
    """
    return _PARAMETER.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", text))
