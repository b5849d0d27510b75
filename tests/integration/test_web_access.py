"""Who may ask: hosts, origins, tokens and sessions, and how often. The app in this process."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamcls import clock
from streamcls.web.guard import Guard
from tests.integration.web_server import TOKEN, rules_of, site_of

ELSEWHERE = ("203.0.113.9", 4711)
UNSAFE = [
    ("POST", "/api/v1/classify"),
    ("POST", "/api/v1/jobs"),
    ("DELETE", "/api/v1/jobs/0123456789abcdef"),
    ("POST", "/api/v1/cameras/a/stop"),
    ("POST", "/api/v1/cameras/a/start"),
    ("POST", "/login"),
    ("POST", "/logout"),
]
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def asked(
    app: Guard,
    *requests: tuple[str, str, dict[str, str]],
    client: tuple[str, int] = ("127.0.0.1", 1),
    **options: Any,
) -> list[httpx.Response]:
    """The answers to (method, path, headers), one after the other."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, client=client, raise_app_exceptions=False)
        url = "http://127.0.0.1:8080"
        async with httpx.AsyncClient(transport=transport, base_url=url) as one:
            return [
                await one.request(method, path, headers=headers, **options)
                for method, path, headers in requests
            ]

    return asyncio.run(all_of_them())


def codes(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Guard]:
    with site_of(rules_of(tmp_path)) as (_, guard):
        yield guard


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Guard]:
    with site_of(rules_of(tmp_path, token=TOKEN, rate=0.0)) as (_, guard):
        yield guard


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock on: later(60)."""
    real, by = clock.now_s, [0.0]
    monkeypatch.setattr(clock, "now_s", lambda: real() + by[0])

    def move(seconds: float) -> None:
        by[0] += seconds

    return move


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:8080", "localhost.", "[::1]"),
        *("[::1]:8080", "192.0.2.7:1", "[2001:db8::1]:9", "cam.example", "CAM.example:8080"),
    ],
)
def test_its_own_names_and_addresses_are_hosts(tmp_path: Path, host: str) -> None:
    with site_of(rules_of(tmp_path, names=("cam.example",))) as (_, app):
        assert codes(asked(app, ("GET", "/healthz", {"Host": host}))) == [200]


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil"),
        *("[::1].evil", "::1", "cam.example", "evil\x00", "localhost@evil", "0x7f000001", "[evil]"),
        *("localhost evil", "127.1", "evil.example:80@localhost", "[", "]", "[]"),
    ],
)
def test_other_names_are_not(app: Guard, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/healthz"), *UNSAFE):
        (answer,) = asked(app, (method, path, {"Host": host}))
        assert (answer.status_code, answer.json()["code"]) == (421, "forbidden")


def test_a_request_without_a_host_is_none_of_ours(app: Guard) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/api/v1/info", "headers": []}
    asyncio.run(app({**scope, "client": ("127.0.0.1", 1)}, receive, send))
    assert sent[0]["status"] == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:8081"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "127.0.0.1:8080"},
        {"Origin": "http://127.0.0.1:8080.evil.example"},
        {"Origin": "http://127.0.0.1:8080/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "whatever"},
        {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_others_may_not_act(app: Guard, headers: dict[str, str]) -> None:
    answers = asked(app, *((method, path, headers) for method, path in UNSAFE))
    assert codes(answers) == [403] * len(UNSAFE)
    assert {answer.json()["code"] for answer in answers} == {"forbidden"}
    odd = asked(app, *((method, "/", headers) for method in ("PUT", "PATCH", "TRACE", "FOO")))
    assert codes(odd) == [403] * 4


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8080"},
        {"Origin": "https://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_its_own_page_and_programs_may(app: Guard, headers: dict[str, str]) -> None:
    answers = asked(app, *((method, path, headers) for method, path in UNSAFE))
    assert 403 not in codes(answers)


def test_no_other_page_may_read(app: Guard) -> None:
    ask = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for method, path in (("OPTIONS", "/api/v1/classify"), ("GET", "/api/v1/info")):
        (answer,) = asked(app, (method, path, ask))
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    (preflight,) = asked(app, ("OPTIONS", "/api/v1/classify", ask))
    assert preflight.status_code == 405


def routes(app: Guard) -> list[tuple[str, str]]:
    """All of the document, with something for each name in a path."""
    (answer,) = asked(app, ("GET", "/api/v1/openapi.json", BEARER))
    paths = answer.json()["paths"]
    return [
        (method.upper(), re.sub(r"\{\w+\}", "1", path)) for path in paths for method in paths[path]
    ]


def test_nothing_is_open_without_the_token(locked: Guard) -> None:
    wanted = [*routes(locked), ("GET", "/static/main.js"), ("GET", "/problems/busy")]
    wanted += [("HEAD", "/"), ("POST", "/logout"), ("GET", "/healthz/")]
    wanted += [("GET", "/static/../static/main.js"), ("GET", "/api/v1/openapi.json")]
    assert len(wanted) > 25
    for method, path in wanted:
        (answer,) = asked(locked, (method, path, {}))
        if path == "/healthz":
            assert answer.text == "ok\n"
            continue
        assert answer.status_code == 401, path
        assert method == "HEAD" or answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    page, login, style = asked(
        locked, ("GET", "/", {}), ("GET", "/login", {}), ("GET", "/static/style.css", {})
    )
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert codes([login, style]) == [200, 200]


@pytest.mark.parametrize(
    "given",
    [
        *("", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"),
        *(f"Basic {TOKEN}", f"Bearer {TOKEN} x", TOKEN, f"Bearer {TOKEN.upper()}", "Bearer \xff"),
    ],
)
def test_other_tokens_are_none(locked: Guard, given: str) -> None:
    headers = {"Authorization": given.encode("latin-1").decode("latin-1")}
    assert codes(asked(locked, ("GET", "/api/v1/info", {}))) == [401]
    encoded: Any = {"Authorization": headers["Authorization"].encode("latin-1")}
    assert codes(asked(locked, ("GET", "/api/v1/info", encoded))) == [401]


def test_a_token_opens_and_the_form_gives_a_session(
    locked: Guard, later: Callable[[float], None]
) -> None:
    for kind in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{kind} {TOKEN}"}
        assert codes(asked(locked, ("GET", "/api/v1/info", headers))) == [200]
    (begun,) = asked(locked, ("POST", "/login", {}), data={"token": TOKEN})
    assert begun.status_code == 303
    cookie = begun.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    session = {"Cookie": cookie.partition(";")[0]}
    assert codes(asked(locked, ("GET", "/api/v1/info", session))) == [200]
    for wrong in ("streamcls_session=", "streamcls_session=x", "=;;=", 'streamcls_session="\\'):
        assert codes(asked(locked, ("GET", "/api/v1/info", {"Cookie": wrong}))) == [401]
    both = {**session, "Authorization": "Bearer wrong"}
    assert codes(asked(locked, ("GET", "/api/v1/info", both))) == [401]
    later(12 * 3600 - 60)
    assert codes(asked(locked, ("GET", "/api/v1/info", session))) == [200]
    later(61)
    assert codes(asked(locked, ("GET", "/api/v1/info", session))) == [401]


def test_logging_out_ends_the_session(locked: Guard) -> None:
    (begun,) = asked(locked, ("POST", "/login", {}), data={"token": TOKEN})
    session = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    (out,) = asked(locked, ("POST", "/logout", session))
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert codes(asked(locked, ("GET", "/api/v1/info", session))) == [401]


def test_tries_to_log_in_are_bounded(locked: Guard, later: Callable[[float], None]) -> None:
    wrong: list[tuple[str, str, dict[str, str]]] = [("POST", "/login", {})] * 7
    assert codes(asked(locked, *wrong, data={"token": "wrong"})) == [401] * 5 + [429] * 2
    (right,) = asked(locked, *wrong[:1], data={"token": TOKEN})
    assert right.status_code == 429  # or the bound would be none
    assert int(right.headers["retry-after"]) > 0
    assert "set-cookie" not in right.headers
    (other,) = asked(locked, *wrong[:1], client=ELSEWHERE, data={"token": TOKEN})
    assert other.status_code == 303  # who is not to blame
    later(60)
    (right,) = asked(locked, *wrong[:1], data={"token": TOKEN})
    assert right.status_code == 303


def test_clients_elsewhere_are_held_to_a_rate(
    tmp_path: Path, later: Callable[[float], None]
) -> None:
    with site_of(rules_of(tmp_path, rate=2.0)) as (_, app):
        ask: tuple[str, str, dict[str, str]] = ("GET", "/api/v1/info", {})
        for client in (ELSEWHERE, ("2001:db8::1", 1)):
            answers = asked(app, *[ask] * 8, client=client)
            assert codes(answers) == [200] * 4 + [429] * 4
            assert answers[-1].json()["code"] == "too_many_requests"
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert codes(asked(app, ("GET", "/healthz", {}), client=client)) == [200]
        assert codes(asked(app, ask, client=("2001:db8::2", 1))) == [429]  # of the same network
        assert codes(asked(app, ask, client=("2001:db8:0:1::1", 1))) == [200]
        for client in (("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1)):
            assert codes(asked(app, *[ask] * 30, client=client)) == [200] * 30
        later(1.0)
        assert codes(asked(app, *[ask] * 3, client=ELSEWHERE)) == [200, 200, 429]
        forged = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
        assert codes(asked(app, ("GET", "/api/v1/info", forged), client=ELSEWHERE)) == [429]
