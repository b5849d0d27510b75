"""One POST over HTTP or HTTPS; the one place that imports urllib3."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import make_headers, parse_url

from streamcls.alerts.network import why
from streamcls.errors import SettingsError, SignalLostError


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a server says: the status, and its Retry-After as it is."""

    status: int
    retry_after: str | None


class Poster:
    """Posts to one address, one request at a time, each over its own connection.

    The bodies of answers are not read: what a server sends for ever holds nobody up.
    """

    def __init__(self, url: str, *, connect_s: float, read_s: float, ca_file: Path | None) -> None:
        """Looks at the address; connects to nothing.

        Args:
            url: with user and password where the server wants them.
            connect_s, read_s: how long to wait for the connection, and for the answer.
            ca_file: certificates (PEM) to trust, instead of the system's.

        Raises:
            SettingsError: the address is none, or the certificates can't be read.
        """
        try:
            parts = parse_url(url)
        except LocationParseError:  # which quotes the address, and secrets with it
            raise SettingsError("webhook: the URL can't be read; check it for odd signs") from None
        if parts.scheme not in ("http", "https") or not parts.host:
            raise SettingsError("webhook: the URL must begin with https:// or http:// and a host")
        self.place = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port, self._target = parts.host.strip("[]"), parts.port, parts.request_uri
        self._headers = make_headers(basic_auth=unquote(parts.auth)) if parts.auth else {}
        self._connect_s, self._read_s = connect_s, read_s
        self._tls = _tls(ca_file) if parts.scheme == "https" else None
        self._connection: HTTPConnection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends one request; redirects are not followed.

        Raises:
            SignalLostError: there was no answer; why, without the address.
        """
        connection = self._connection = self._new()
        try:
            with closing(connection):
                connection.connect()
                connection.timeout = self._read_s
                sent = {**self._headers, **headers}
                connection.request("POST", self._target, body, sent, preload_content=False)
                response = connection.getresponse()
                return Answer(response.status, response.headers.get("Retry-After"))
        except (HTTPError, http.client.HTTPException, OSError) as error:
            raise SignalLostError(self._reason(error)) from error
        finally:
            self._connection = None

    def reach(self) -> None:
        """Connects, and sends nothing.

        Raises:
            SignalLostError: it can't be reached; why, without the address.
        """
        try:
            with closing(self._new()) as connection:
                connection.connect()
        except (HTTPError, http.client.HTTPException, OSError) as error:
            raise SignalLostError(self._reason(error)) from error

    def interrupt(self) -> None:
        """Ends a `post` that waits for its answer; any thread."""
        connection = self._connection
        line = connection.sock if connection is not None else None
        if line is not None:
            with suppress(OSError):  # it has just ended
                line.shutdown(socket.SHUT_RDWR)

    def _new(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=self._connect_s)
        return HTTPSConnection(
            self._host, self._port, timeout=self._connect_s, ssl_context=self._tls
        )

    def _reason(self, error: Exception) -> str:
        """What went wrong; urllib3's own texts have addresses of objects in them."""
        if isinstance(error, NameResolutionError):
            return "can't be reached: no such host"
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            return f"can't be reached within {self._connect_s:g} s"
        if isinstance(error, TimeoutError):
            return f"no answer within {self._read_s:g} s"
        cause = error.__cause__ if isinstance(error, HTTPError) else error
        if isinstance(cause, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
            return "broke the connection off without an answer"
        return why(cause or error)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"webhook: {ca_file}: no certificates (PEM): {error}") from error
