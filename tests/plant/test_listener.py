"""The HTTP listener, over real sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPResponse

import pytest

from streamcls.errors import OutputPathError
from streamcls.plant import listener as listener_module
from streamcls.plant.listener import Answer, Listener

PATIENCE_S = 10.0


class Page:
    """Counts how often it is asked for; can be held up."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def __call__(self) -> Answer:
        self.asked.release()
        assert self.open.wait(PATIENCE_S)
        return Answer(200, "größer\n".encode())


@pytest.fixture
def page() -> Page:
    return Page()


def fails() -> Answer:
    raise RuntimeError("a bug")


@pytest.fixture
def listener(page: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(listener_module, "_POLL_S", 0.01)
    pages: dict[str, Callable[[], Answer]] = {
        "/page": page,
        "/bad": lambda: Answer(503, b"no\n", "text/x"),
        "/fails": fails,
    }
    with Listener("127.0.0.1:0", pages) as made:
        made.start()
        yield made
        page.open.set()


def ask(listener: Listener, path: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", listener.port, timeout=PATIENCE_S)
    with closing(connection):
        connection.request(method, path)
        answer: HTTPResponse = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_a_page_is_given_with_its_type_and_length(listener: Listener) -> None:
    status, body, headers = ask(listener, "/page")
    assert (status, body.decode()) == (200, "größer\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Length"] == "9"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"].strip() == "streamcls"  # nothing of Python's version
    assert ask(listener, "/bad")[:2] == (503, b"no\n")
    assert ask(listener, "/bad")[2]["Content-Type"] == "text/x"


def test_what_stands_behind_a_question_mark_does_not_count(listener: Listener) -> None:
    assert ask(listener, "/page?name[]=up")[0] == 200


def test_head_gives_the_same_without_the_text(listener: Listener) -> None:
    status, body, headers = ask(listener, "/page", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "9")


@pytest.mark.parametrize("path", ["/", "/page/", "/../page", "/metrics"])
def test_another_path_says_which_there_are(listener: Listener, path: str) -> None:
    status, body, _ = ask(listener, path)
    assert (status, body) == (404, b"there is /page, /bad, /fails\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(listener: Listener, method: str, page: Page) -> None:
    assert ask(listener, "/page", method)[0] == 501
    assert not page.asked.acquire(blocking=False)


def test_a_page_that_fails_says_so_and_the_next_is_given(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(listener, "/fails")[0] == 500
    assert caplog.messages == ["http: /fails: RuntimeError: a bug"]
    assert ask(listener, "/page")[0] == 200


def connected(listener: Listener, text: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", listener.port), PATIENCE_S)
    made.sendall(text)
    return made


def test_who_is_slow_holds_up_nobody(listener: Listener) -> None:
    with ExitStack() as slow:
        for text in (b"", b"GET /page HTTP/1.1\r\nHost:", b"GET "):
            slow.enter_context(connected(listener, text))
        assert ask(listener, "/page")[0] == 200


def test_who_says_nothing_is_hung_up_on(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module._Page, "timeout", 0.05)
    with connected(listener, b"GET /page HTTP/1.1\r\n") as silent:
        assert silent.recv(100) == b""


def test_too_many_at_once_are_hung_up_on_and_later_ones_are_answered(
    listener: Listener, page: Page
) -> None:
    page.open.clear()
    with ExitStack() as held:
        waiting = [
            held.enter_context(connected(listener, b"GET /page HTTP/1.0\r\n\r\n"))
            for _ in range(listener_module._AT_ONCE)
        ]
        for _ in waiting:
            assert page.asked.acquire(timeout=PATIENCE_S)
        with connected(listener) as late:
            assert late.recv(100) == b""
        page.open.set()
        for one in waiting:
            assert one.recv(12) == b"HTTP/1.0 200"
        ask_until_there_is_room(listener)


def ask_until_there_is_room(listener: Listener) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        with suppress(ConnectionError):
            assert ask(listener, "/page")[0] == 200
            return
    raise AssertionError("nobody is answered any more")


def test_who_drips_makes_room_when_all_places_are_taken(
    listener: Listener, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module._Page, "timeout", 60)
    with ExitStack() as held:
        dripping = [
            held.enter_context(connected(listener, b"GET /page HTTP/1.0\r\nA:"))
            for _ in range(listener_module._AT_ONCE)
        ]
        until_refused(listener)
        monkeypatch.setattr(listener_module, "_REQUEST_S", 0.0)  # as if it had passed
        until_refused(listener)
        for one in dripping:
            assert one.recv(100) == b""
        ask_until_there_is_room(listener)


def until_refused(listener: Listener) -> None:
    with connected(listener) as late:
        assert late.recv(100) == b""


def test_closing_hangs_up_on_who_is_slow(page: Page) -> None:
    """The fixture of all tests looks for their threads."""
    with ExitStack() as slow, Listener("127.0.0.1:0", {"/page": page}) as listener:
        listener.start()
        held = [slow.enter_context(connected(listener, b"GET /pa")) for _ in range(3)]
        assert ask(listener, "/page")[0] == 200
        listener.close()
        assert [one.recv(100) for one in held] == [b""] * 3


def test_who_hangs_up_is_nobodys_trouble(listener: Listener, page: Page) -> None:
    page.open.clear()
    connected(listener, b"GET /page HTTP/1.0\r\n\r\n").close()
    assert page.asked.acquire(timeout=PATIENCE_S)
    page.open.set()
    assert ask(listener, "/page")[0] == 200


def test_a_port_that_is_taken_is_one_clear_error(listener: Listener) -> None:
    address = f"127.0.0.1:{listener.port}"
    with pytest.raises(OutputPathError) as raised:
        Listener(address, {})
    assert str(raised.value) == (
        f"http.listen {address}: can't listen there: Address already in use"
    )


def test_a_host_that_is_none_is_one_clear_error() -> None:
    with pytest.raises(OutputPathError, match=r"^http.listen nowhere.invalid:1: can't listen"):
        Listener("nowhere.invalid:1", {})


def test_closed_it_can_be_had_again_and_close_can_be_called_again(page: Page) -> None:
    with Listener("127.0.0.1:0", {"/page": page}) as first:
        first.start()
        assert ask(first, "/page")[0] == 200
    first.close()
    with Listener(f"127.0.0.1:{first.port}", {"/page": page}) as second:
        second.start()
        assert ask(second, "/page")[0] == 200


def test_one_that_never_started_can_be_closed() -> None:
    """On a thread of its own, so that one that hangs fails the test and doesn't hang it."""
    listener = Listener("127.0.0.1:0", {})
    closes = threading.Thread(target=listener.close, daemon=True)
    closes.start()
    closes.join(5)
    assert not closes.is_alive()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_address_may_be_of_ipv6(page: Page) -> None:
    try:
        listener = Listener("[::1]:0", {"/page": page})
    except OutputPathError:
        pytest.skip("no IPv6 here")
    with listener:
        listener.start()
        with closing(HTTPConnection("::1", listener.port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/page")
            assert connection.getresponse().status == 200
