"""Addresses of sources, safe to show."""

import re

# Up to the last @, since people forget to quote what is in a password; a port has only digits.
_PASSWORD = re.compile(r"(?P<before>[a-zA-Z][\w+.-]*://(?!\[)[^\s/@:]*:)(?!\d+/)[^\s]*(?=@)")
_WHOLE = re.compile(r"(?P<before>^\s*[a-zA-Z][\w+.-]*://(?!\[)[^/@:]*:).*(?=@)", re.S)
# Some cameras take it as a part of the path or the query: ...?user=admin&password=geheim
_NAMES = (
    "password|passwd|passphrase|pass|loginpas|pwd|psw|pw"
    "|access_?token|token|auth|secret|api_?key|key"
)
_PARAMETER = re.compile(
    rf"(?P<before>[?&](?:{_NAMES})=)[^\s&;'\"]+|(?P<inner>[;/_](?:{_NAMES})=)[^\s&;/'\"]+", re.I
)


def mask_address(address: str) -> str:
    """The same for what is one address and nothing else, however badly it is written."""
    return mask(_WHOLE.sub(r"\g<before>***", address))


def mask(text: str) -> str:
    """The text with the password of every URL in it replaced by ***.

    >>> mask("can't open rtsp://anna:geheim@10.0.0.7/cam")
    "can't open rtsp://anna:***@10.0.0.7/cam"
    """
    text = _PASSWORD.sub(r"\g<before>***", text)
    return _PARAMETER.sub(lambda found: f"{found['before'] or found['inner']}***", text)
