"""What every request goes through before anything looks at it: host, rate, token, origin, size."""

import asyncio
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response

from streamcls import clock
from streamcls.web.problems import Problem, answer
from streamcls.web.rate import RateLimit
from streamcls.web.rules import MB, Rules, is_loopback, own_names
from streamcls.web.tally import Tally
from streamcls.web.tokens import Tokens

Scope: TypeAlias = Any  # of ASGI; Starlette's own types are no better
Receive: TypeAlias = Callable[[], Any]
Send: TypeAlias = Callable[[Any], Any]
App: TypeAlias = Callable[[Scope, Receive, Send], Any]

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # With no-referrer browsers would send our own forms with `Origin: null`, as foreign ones.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CHARSET = re.compile(r"charset\*?\s*=\s*[\"']?([^;\"'\s]*)", re.I)
_UTF_8 = {"utf-8", "utf8"}
_SMALL = 64_000  # bytes of other bodies than pictures and videos
_BURST = 2  # seconds' worth of requests at once
_PAGE = 10  # times as many for the page's parts, of which it has forty
_SAFE = ("GET", "HEAD", "OPTIONS")
# Without a token, too: what the login form is made of.
_FORM = ("style.css", "login.css", "login.js", "icon.svg")
_OPEN = ("/healthz", "/login", *(f"/static/{name}" for name in _FORM))
_SLACK_S = 30.0  # before a body has to be faster than `Rules.slowest_bytes_s`
_UPLOADS = 4  # of videos at the same time
CLASSIFY, JOBS = "/api/v1/classify", "/api/v1/jobs"


@dataclass(slots=True, eq=False)
class Slots:
    """How many requests of a kind, and bytes of them, may be at work, and how many are."""

    room: int
    bytes_room: float
    working: int = 0
    bytes: int = 0


class Guard:
    """The outermost layer of the app."""

    def __init__(
        self, app: App, rules: Rules, tokens: Tokens, tally: Tally, *, is_ready: Callable[[], bool]
    ) -> None:
        """Guards an app.

        Args:
            app: what answers.
            rules: what is allowed.
            tokens: who may ask.
            tally: counts answers.
            is_ready: whether there is a model yet.
        """
        self._app, self._rules, self._tokens, self._tally = app, rules, tokens, tally
        self._is_ready = is_ready
        if not rules.is_local:
            own_names()  # before anybody waits for it
        self._rates = [RateLimit(rate, rate * _BURST) for rate in (rules.rate, _PAGE * rules.rate)]
        self.slots = {
            CLASSIFY: Slots(rules.room, rules.waiting_bytes),
            JOBS: Slots(_UPLOADS, math.inf),  # these go to the disk
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, self._most(scope), self._rules)
        guarded = self._guarded(scope, send, body)
        try:
            refusal = self._refusal(scope)
        except Problem as problem:
            refusal = answer(problem)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        slots, size = self._slots(scope), self._size(scope)
        if slots is not None:
            slots.working += 1
            slots.bytes += size
        try:
            await self._app(scope, body, guarded)
        finally:
            if slots is not None:
                slots.working -= 1
                slots.bytes -= size

    def _guarded(self, scope: Scope, send: Send, body: "_Body") -> Send:
        """Sends with the headers that keep browsers on our side."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if not body.is_whole:  # the server reads the rest away, and closes
                    headers["Connection"] = "close"
                if "cache-control" not in headers:
                    is_part = scope["path"].startswith("/static/")  # which browsers may keep
                    headers["Cache-Control"] = "no-cache" if is_part else "no-store"
                self._tally.answered(scope["method"], message["status"])
            await send(message)

        return with_headers

    def _refusal(self, scope: Scope) -> Response | None:
        """Another answer than the app's.

        Raises:
            Problem: the request is not answered.
        """
        headers, path, rules = Headers(scope=scope), scope["path"], self._rules
        host = headers.get("host", "")
        if not rules.knows_host(_without_port(host)):
            raise Problem(421, "forbidden", "not a name of this server; see --allow-host")
        client = (scope.get("client") or ("", 0))[0]
        if path != "/healthz":
            self._check_rate(client, path)
        if scope["method"] not in _SAFE:
            _check_origin(headers, host)
        if path not in _OPEN and not self._tokens.admits(headers):
            if path == "/" and scope["method"] == "GET":
                return RedirectResponse("/login", 303)
            raise Problem(401, "unauthorized", "give the token: Authorization: Bearer TOKEN")
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise Problem(400, "invalid", "a transfer encoding other than chunked")
        if not {one.lower() for one in _CHARSET.findall(headers.get("content-type", ""))} <= _UTF_8:
            # Python knows some that take minutes for a megabyte.
            raise Problem(415, "unsupported", "a charset other than UTF-8")
        if self._size(scope) > self._most(scope):
            raise _too_large(self._most(scope))
        self._check_room(scope)
        return None

    def _check_rate(self, client: str, path: str) -> None:
        if not self._rules.rate or is_loopback(client):
            return
        wait_s = self._rates[path.startswith("/static/")].wait_s(client)
        if wait_s:
            detail = f"more than {self._rules.rate:g} requests a second"
            raise Problem(429, "too_many_requests", detail, retry_s=wait_s)

    def _most(self, scope: Scope) -> int:
        """Bytes that a request's body may have."""
        if scope["method"] == "POST" and scope["path"] == CLASSIFY:
            return self._rules.request_bytes
        kind = Headers(scope=scope).get("content-type", "").lower()
        if scope["method"] == "POST" and scope["path"] == JOBS and kind.startswith("multipart/"):
            return self._rules.video_bytes + MB  # what a form puts around it
        return _SMALL

    def _size(self, scope: Scope) -> int:
        """Bytes that the body has; where that is not said, that it may have."""
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else self._most(scope)

    def _slots(self, scope: Scope) -> Slots | None:
        return self.slots.get(scope["path"]) if scope["method"] == "POST" else None

    def _check_room(self, scope: Scope) -> None:
        slots = self._slots(scope)
        if slots is None:
            return
        if scope["path"] == CLASSIFY and not self._is_ready():
            raise Problem(503, "not_ready", "the model is being loaded", retry_s=2)
        if slots.working >= slots.room:
            raise Problem(503, "busy", f"{slots.room} requests are at work already", retry_s=1)
        if slots.bytes + self._size(scope) > slots.bytes_room:
            raise Problem(503, "busy", "too many large requests are at work", retry_s=5)


def _without_port(host: str) -> str:
    """Of a Host header; empty for what is none."""
    name, bracket, rest = host.partition("]")
    if not bracket:
        return host.partition(":")[0]
    return name + bracket if not rest or rest.startswith(":") else ""


def _check_origin(headers: Headers, host: str) -> None:
    """Pages of others must not make a browser act here (CSRF); programs send neither header."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
    if foreign or site not in (None, "same-origin", "none"):
        raise Problem(
            403,
            "forbidden",
            "asked by a page of another site; a proxy has to pass the Host header on as it is",
        )


def _too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"the request is larger than {most / MB:g} MB")


class _Body:
    """Receives a request's body, as much and as slowly as is allowed."""

    def __init__(self, scope: Scope, receive: Receive, most: int, rules: Rules) -> None:
        self._receive, self._most, self._rules = receive, most, rules
        self._begun_s, self._got = clock.now_s(), 0
        headers = Headers(scope=scope)
        has_one = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        self.is_whole = not has_one

    async def __call__(self) -> Any:
        if self.is_whole:  # what comes now is that the client hangs up, sooner or later
            return await self._receive()
        try:
            # `wait_for` of Python 3.11 may lose a cancellation, and its task then never ends.
            async with asyncio.timeout(self._rules.idle_s):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "slow", f"nothing came for {self._rules.idle_s:g} s") from None
        self._got += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        took_s = clock.now_s() - self._begun_s
        if self._got > self._most:
            raise _too_large(self._most)
        if took_s > _SLACK_S + self._got / self._rules.slowest_bytes_s:
            raise Problem(408, "slow", "the body came too slowly")
        return message
