"""The HTTP server: uvicorn on a thread of the run, with bounds on how slowly clients may ask."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streamcls.closing import Closing
from streamcls.errors import OutputError
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

log = logging.getLogger(__name__)

_HEAD_S = 10.0  # for the head of a request, from its first byte or the connection's beginning on
_HEAD_BYTES = 64_000
_DRAIN_S = 5.0  # for what comes after an answer that came early
_UNSENT_BYTES = 128_000  # that the system may hold: who is slow gets no old pictures
_KEEP_ALIVE_S = 15
_GRACEFUL_S = 2
_CONNECTIONS = 500
_BACKLOG = 128
_JOIN_S = 4.0


class Server(Closing):
    """Serves an app on a socket of its own."""

    def __init__(self, app: Any, host: str, port: int, stop: Stop) -> None:
        """Takes the address; `start` answers.

        Args:
            app: of ASGI.
            host, port: where it listens; port 0 is any that is free.
            stop: is set if the server fails.

        Raises:
            OutputError: the address can't be had.
        """
        self._socket = _listening(host, port)
        config = uvicorn.Config(
            app,
            http=_Timed,
            loop="asyncio",  # uvloop gives no more here
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACEFUL_S,
            limit_concurrency=_CONNECTIONS,
        )
        _quiet()
        self._server = uvicorn.Server(config)
        self._threads = Threads(stop)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Answers from now on."""
        self._threads.start("web", lambda: self._server.run(sockets=[self._socket]))

    def close(self) -> None:
        """Hangs up. Can be called again."""
        self._server.should_exit = True
        self._threads.join(_JOIN_S)
        self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, or asyncio leaves Nagle's algorithm on: 40 ms more for each answer.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        made.bind((host.strip("[]"), port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        reason = error.strerror or error
        raise OutputError(f"{host}:{port}: can't listen there: {reason}; see --port") from error
    made.set_inheritable(False)
    return made


class _Closing:
    """A connection's transport as uvicorn has it, with another way to close it."""

    def __init__(self, transport: Any, close: Callable[[], None]) -> None:
        self._transport, self.close = transport, close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Timed(HttpToolsProtocol):
    """Hangs up on who does not send the head of a request in time, or sends too much of it.

    uvicorn has bounds for connections that wait between two requests only.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_draining = False

    def connection_made(self, transport: Any) -> None:
        self._own = transport
        shown: Any = _Closing(transport, self._close)
        super().connection_made(shown)
        self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # For answers that nobody reads: to close would wait for their reader.
        self.scope["extensions"] = {"streamcls": {"hang_up": self.transport.abort}}

    def on_response_complete(self) -> None:
        is_early = self.cycle is not None and self.cycle.more_body
        super().on_response_complete()
        if is_early and not self.transport.is_closing():
            self._drain()

    def _close(self) -> None:
        if self.cycle is not None and self.cycle.more_body:
            self._drain()
        else:
            self._own.close()

    def _drain(self) -> None:
        """The answer came before the request was whole: what is left of that is no next request.

        Closed at once, many clients would lose the answer, too.
        """
        if self._is_draining:
            return
        self._is_draining = True
        if self._own.can_write_eof():
            self._own.write_eof()
        self.loop.call_later(_DRAIN_S, self._own.abort)

    def data_received(self, data: bytes) -> None:
        if self._is_draining:
            return
        if self._head_timer is None and self._is_between_requests:
            self._await_head()
        super().data_received(data)
        if self._head_timer is None:
            return
        self._head_bytes += len(data)
        if not self._is_between_requests:
            self._head_timer.cancel()
            self._head_timer = None
        elif self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(_HEAD_S, self._hang_up)

    def _hang_up(self) -> None:
        self._head_timer = None
        if self._is_between_requests and not self.transport.is_closing():
            self.transport.close()


def _quiet() -> None:
    """What uvicorn says goes our way: warnings as ours, without the tracebacks."""
    of_uvicorn = logging.getLogger("uvicorn")
    of_uvicorn.handlers = [_Forward(logging.WARNING)]
    of_uvicorn.propagate = False
    logging.getLogger("uvicorn.error").propagate = True
    # What strangers send is no line of our log; the answer says what is wrong with it.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "web: %s", record.getMessage())
        if record.exc_info:
            log.debug("where it was raised:", exc_info=record.exc_info)
