"""A receiver of webhooks on loopback, which can go down, refuse, and keep its callers waiting."""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from streamcls.closing import Closing
from tests.integration.rtsp import free_port

DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver(Closing):
    """Answers each request with the next of `answers`, and 204 when those are used up.

    An answer is a status, (status, headers), or "hang": none until it is closed.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[int | str | tuple[int, dict[str, str]]] = []
        self._tls = tls
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = free_port()  # which is still free when it comes back
        self.up()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/hook?x=1"

    def up(self) -> None:
        """Listens, at the same port as before."""
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._kind())
        self._server.daemon_threads = False  # they are joined when it closes
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def down(self) -> None:
        """Refuses connections from now on."""
        if self._server and self._thread:
            self._closing.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def wait_for(self, count: int) -> list[Request]:
        """The requests, when there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, DEADLINE_S), (
                f"only {len(self.requests)} requests"
            )
            return list(self.requests)

    def close(self) -> None:
        self.down()

    def _kind(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer._changed:
                    headers = {name.title(): value for name, value in self.headers.items()}
                    outer.requests.append(Request(self.path, headers, body))
                    answer = outer.answers.pop(0) if outer.answers else 204
                    outer._changed.notify_all()
                if isinstance(answer, str):
                    outer._closing.wait(DEADLINE_S)
                    return
                status, more = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        return Answers
