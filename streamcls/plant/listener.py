"""The small HTTP listener: /metrics, /healthz, /readyz."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from streamcls import clock
from streamcls.closing import Closing
from streamcls.errors import OutputPathError
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

_AT_ONCE = 8  # requests; more are hung up on
_REQUEST_S = 5.0  # for each read and write, and, where all places are taken, for all of them
_POLL_S = 0.2
_END_S = 1.0  # for requests to end that were hung up on


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a page says: an HTTP status, and a text of a type."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"


class Listener(Closing):
    """Answers GET and HEAD on a thread of its own."""

    def __init__(self, address: str, pages: Mapping[str, Callable[[], Answer]]) -> None:
        """Listens from now on; `start` answers.

        Args:
            address: as "127.0.0.1:9108"; an IPv6 one in brackets.
            pages: what gives the answer, by path; called on any thread.

        Raises:
            OutputPathError: the address can't be had.
        """
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = type("_Server", (_Server,), {"address_family": family})
        try:
            self._server = kind((host, int(port)), type("_Pages", (_Page,), {"pages": pages}))
        except OSError as error:
            reason = error.strerror or error
            raise OutputPathError(f"http.listen {address}: can't listen there: {reason}") from error
        self._threads = Threads(Stop())
        self._started = self._closed = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answers from now on."""
        self._started = True
        self._threads.start("http", lambda: self._server.serve_forever(_POLL_S))

    def close(self) -> None:
        """Hangs up, also on who is being answered. Can be called again."""
        if self._closed:
            return
        self._closed = True
        if self._started:  # or it would wait for an end that never comes
            self._server.shutdown()
        self._server.server_close()
        self._threads.join()
        self._server.end_requests()


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """One that is being answered: how to wait for its thread, who asks, and since when."""

    join: Callable[[float], None]
    is_alive: Callable[[], bool]
    socket: socket.socket
    since_s: float


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 2 * _AT_ONCE  # others come a second later

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._at_work: list[_Request] = []
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self._hang_up(_REQUEST_S)  # who sends a byte now and then makes room for the next one
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        own = threading.current_thread()
        try:
            with self._lock:
                alive = [one for one in self._at_work if one.is_alive()]
                self._at_work = [*alive, _Request(own.join, own.is_alive, request, clock.now_s())]
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def end_requests(self) -> None:
        """When it listens no more: hangs up on all, so that no thread is left."""
        for _ in range(_AT_ONCE):
            if not self._free.acquire(timeout=_POLL_S):
                self._hang_up(0.0)
                if not self._free.acquire(timeout=_END_S):
                    return  # a page hangs
        with self._lock:
            ended = tuple(self._at_work)
        for one in ended:
            one.join(_END_S)

    def _hang_up(self, older_s: float) -> None:
        """On those that are being answered for longer than that."""
        with self._lock:
            for one in self._at_work:
                if clock.now_s() - one.since_s >= older_s:
                    with suppress(OSError):  # it has ended
                        one.socket.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a request failed", exc_info=True)  # who asks may always hang up


class _Page(BaseHTTPRequestHandler):
    pages: Mapping[str, Callable[[], Answer]]
    timeout = _REQUEST_S
    server_version, sys_version = "streamcls", ""

    def do_GET(self) -> None:
        """Answers."""
        page = self.pages.get(self.path.partition("?")[0])
        if page is None:
            answer = Answer(404, ("there is " + ", ".join(self.pages) + "\n").encode())
        else:
            answer = self._made(page)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def _made(self, page: Callable[[], Answer]) -> Answer:
        try:
            return page()
        except Exception as error:  # whatever it is, who asks is told, and others are answered
            log.error("http: %s: %s: %s", self.path, type(error).__name__, error)
            log.debug("where it was raised:", exc_info=error)
            return Answer(500, b"it failed; the log says why\n")

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line."""
