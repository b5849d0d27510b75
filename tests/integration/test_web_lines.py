"""Clients that are slow, silent, or lie about what they send; and more than there is room for."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from streamcls.plant.model import SharedModel
from tests.integration.hostile import GOOD
from tests.integration.hostile_forms import END, PICTURE
from tests.integration.plant import until
from tests.integration.web_server import rules_of, served

HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: localhost\r\n"
FORM = HEAD + b"Content-Type: multipart/form-data; boundary=x\r\n"
BODY = PICTURE + END


@pytest.fixture
def model(web_model: SharedModel) -> SharedModel:
    return web_model


@contextmanager
def line(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 30) as made:
        made.sendall(sent)
        yield made


def answer(made: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    found = b""
    try:
        while piece := made.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def one_answer(made: socket.socket) -> bytes:
    """All of one, also where the line stays open."""
    found = b""
    while b"\r\n\r\n" not in found and (piece := made.recv(65536)):
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length is not None and len(body) < int(length[1]) and (piece := made.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def assert_well(port: int) -> None:
    found = httpx.post(
        f"http://127.0.0.1:{port}/api/v1/classify", files={"files": ("a.jpg", GOOD)}, timeout=30
    )
    assert found.status_code == 200, found.text


def test_a_head_that_never_ends_is_hung_up_on(
    tmp_path: Path, model: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamcls.web.server._HEAD_S", 0.5)
    heads = (b"", b"G", b"GET / HTTP/1.1\r\n", HEAD, b"GET / HTTP/1.1\r\nX: " + b"y" * 5000)
    with served(rules_of(tmp_path), model) as (_, port), ExitStack() as opened:
        lines = [opened.enter_context(line(port, head)) for head in heads]
        with line(port, HEAD) as dripping:
            over = time.monotonic() + 20  # as a bound only
            with pytest.raises(OSError):
                while time.monotonic() < over:
                    dripping.sendall(b"X-Y: z\r\n")
                    threading.Event().wait(0.05)
        assert [answer(one) for one in lines] == [b""] * len(heads)
        # Also behind an answer, on the same connection.
        with line(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") as again:
            assert one_answer(again).startswith(b"HTTP/1.1 200")
            again.sendall(b"GET /healthz HTTP/1.1\r\n")
            assert answer(again) == b""
        assert_well(port)


def test_a_body_that_stands_still_is_given_up(tmp_path: Path, model: SharedModel) -> None:
    length = b"Content-Length: 100000\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    bodies = (
        FORM + length,
        FORM + length + BODY[:100],
        FORM + chunked,
        FORM + chunked + b"5\r\n--x\r\n\r\n",
        FORM.replace(b"classify", b"jobs") + length + BODY[:100],
        b"PUT /api/v1/info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    )
    with served(rules_of(tmp_path, idle_s=0.4), model) as (_, port), ExitStack() as opened:
        lines = [opened.enter_context(line(port, body)) for body in bodies]
        for one in lines[:-1]:
            head = one_answer(one)
            assert head.startswith(b"HTTP/1.1 408"), head
            assert b'"code":"slow"' in head
        assert one_answer(lines[-1]).startswith(b"HTTP/1.1 405")
        until(lambda: not list(tmp_path.glob("*/")), "no half of an upload is left")
        assert_well(port)


def test_a_body_that_drips_is_given_up(
    tmp_path: Path, model: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamcls.web.guard._SLACK_S", 0.3)
    with (
        served(rules_of(tmp_path), model) as (_, port),
        line(port, FORM + b"Content-Length: 100000\r\n\r\n" + BODY[:90]) as dripping,
    ):
        dripping.settimeout(0.05)
        found = b""
        over = time.monotonic() + 20
        while not found and time.monotonic() < over:
            dripping.sendall(b"-")
            try:
                found = one_answer(dripping)
            except TimeoutError:
                continue
        assert found.startswith(b"HTTP/1.1 408"), found
        assert b"too slowly" in found
        assert_well(port)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (FORM + b"Content-Length: 100000001\r\n\r\n", b"413"),
        (FORM + b"Content-Length: 99999999999999999\r\n\r\n", b"413"),
        (FORM + b"Content-Length: -1\r\n\r\n", b"400"),
        (FORM + b"Content-Length: 1e3\r\n\r\n", b"400"),
        (FORM + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"400"),
        (FORM + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"400"),
        (FORM + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (FORM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (FORM + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"400"),
        (FORM + b"Content-Length: %d\r\n\r\n" % (len(BODY) - 9) + BODY[:-9], b"422"),
        (HEAD + b"X: " + b"y" * 100_000, b"400"),
        (HEAD.replace(b"Host: localhost", b"X: y") + b"\r\n", b"421"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
        (b"GET /%00%ff/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"GET /static/..%2f..%2frules.py HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"GET /static/%2e%2e/rules.py HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"GET /static//etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"GET /static/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"GET /static/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n\r\n", b"400"),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n",
            b"200",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_lies_have_an_answer(
    shared: int, caplog: pytest.LogCaptureFixture, sent: bytes, status: bytes
) -> None:
    with line(shared, sent) as one:
        found = one_answer(one)
    assert found.split(b" ")[1] == status, found
    assert b"500" not in found.split(b"\r\n")[0]
    assert "unexpected" not in caplog.text
    assert_well(shared)


@pytest.fixture
def shared(tmp_path: Path, model: SharedModel) -> Iterator[int]:
    with served(rules_of(tmp_path), model) as (_, port):
        yield port


def test_more_than_there_is_room_for_are_told_to_come_again(
    tmp_path: Path, model: SharedModel
) -> None:
    with served(rules_of(tmp_path, room=3), model) as (_, port), ExitStack() as opened:
        head = FORM + b"Content-Length: %d\r\n\r\n" % len(BODY)
        url = f"http://127.0.0.1:{port}"
        lines = [opened.enter_context(line(port, head + BODY[:50])) for _ in range(3)]
        until(
            lambda: httpx.get(f"{url}/api/v1/status").json()["queue"] == {"working": 3, "room": 3},
            "all places are taken",
        )
        busy = httpx.post(f"{url}/api/v1/classify", files={"files": ("a.jpg", GOOD)})
        assert (busy.status_code, busy.json()["code"]) == (503, "busy")
        assert int(busy.headers["retry-after"]) > 0
        assert httpx.get(f"{url}/healthz").status_code == 200
        for one in lines:
            one.sendall(BODY[50:])
        for one in lines:
            assert one_answer(one).startswith(b"HTTP/1.1 200")
        until(
            lambda: httpx.get(f"{url}/api/v1/status").json()["queue"]["working"] == 0,
            "all places are free",
        )
        assert_well(port)


def test_300_who_say_nothing_hold_nobody_up(shared: int) -> None:
    with ExitStack() as opened:
        for _ in range(300):
            opened.enter_context(line(shared))
        assert_well(shared)


def test_no_model_is_no_answer_yet(tmp_path: Path) -> None:
    with served(rules_of(tmp_path)) as (_, port):
        url = f"http://127.0.0.1:{port}"
        found = httpx.post(f"{url}/api/v1/classify", files={"files": ("a.jpg", GOOD)})
        assert (found.status_code, found.json()["code"]) == (503, "not_ready")
        assert int(found.headers["retry-after"]) > 0
        assert httpx.get(f"{url}/readyz").status_code == 503
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/api/v1/info").json()["model"] is None
