"""The small HTTP listener: /metrics, /healthz, /readyz."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from streamcls.errors import OutputPathError
from streamcls.runtime.closing import Closing
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

_AT_ONCE = 8  # requests; more are hung up on
_REQUEST_S = 5.0  # for a whole request, and for each write of its answer
_POLL_S = 0.2


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
        self._started = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answers from now on."""
        self._started = True
        self._threads.start("http", lambda: self._server.serve_forever(_POLL_S))

    def close(self) -> None:
        """Hangs up."""
        if self._started:  # else it would wait for ever
            self._server.shutdown()
        self._server.server_close()
        self._threads.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

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
            answer = page()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line."""
