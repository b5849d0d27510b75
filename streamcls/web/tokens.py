"""Who may ask: a token, given with each request or once in a form that answers with a cookie."""

import hmac
import secrets
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers

from streamcls import clock
from streamcls.errors import SettingsError

COOKIE = "streamcls_session"
_SHORTEST = 16  # characters of a token
_LASTS_S = 12 * 3600.0
_SESSIONS = 1000  # at the same time; the oldest go first


def read_token(path: Path) -> str:
    """The token in a file, without the space around it.

    Raises:
        SettingsError: no such file, or what is in it is no token that protects anything.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise SettingsError(f"--token-file {path}: {reason}") from error
    if len(token) < _SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingsError(
            f"--token-file {path}: should hold {_SHORTEST} or more letters, digits and signs, "
            "without spaces; for example from: openssl rand -hex 32"
        )
    return token


class Tokens:
    """Knows the token and the sessions that were begun with it. Lives on the event loop."""

    def __init__(self, token: str | None) -> None:
        """Without a token everybody may ask."""
        self._token = token
        self._sessions: OrderedDict[str, float] = OrderedDict()  # id -> until when

    @property
    def needed(self) -> bool:
        """Whether there is one."""
        return self._token is not None

    def admits(self, headers: Headers) -> bool:
        """Whether a request may be answered."""
        if self._token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_right(given.strip())
        until_s = self._sessions.get(session_of(headers))
        return until_s is not None and clock.now_s() < until_s

    def is_right(self, token: str) -> bool:
        """Whether this is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(token.encode(), (self._token or "").encode())

    def begin(self) -> str:
        """A new session's id."""
        while len(self._sessions) >= _SESSIONS:
            self._sessions.popitem(last=False)
        new = secrets.token_urlsafe(32)
        self._sessions[new] = clock.now_s() + _LASTS_S
        return new

    def end(self, headers: Headers) -> None:
        """Forgets a request's session."""
        self._sessions.pop(session_of(headers), None)


def session_of(headers: Headers) -> str:
    """The id that a request's cookie holds; empty without one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
