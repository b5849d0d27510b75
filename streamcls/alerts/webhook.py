"""Messages as POST requests with JSON, signed where there is a secret.

A receiver checks a message so, in Python:

    expected = hmac.new(secret, timestamp + b"." + body, "sha256").hexdigest()
    hmac.compare_digest(signature, "sha256=" + expected)

with the headers X-Streamcls-Timestamp and X-Streamcls-Signature, and refuses old timestamps.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.alerts.delivery import Outcome
from streamcls.alerts.message import Message
from streamcls.alerts.packages import missing, version
from streamcls.errors import SignalLostError

if TYPE_CHECKING:
    from streamcls.alerts.http_post import Answer

_LONGEST_PAUSE_S = 600.0  # that a receiver may ask for
_AGAIN = {408, 425, 429}  # the message may be taken later, unlike with other 4xx
_WRONG_SETTINGS = {
    401: "check the secret or the password",
    403: "check the secret or the password",
    404: "there is no such address; check the URL",
    405: "takes no POST; check the URL",
    407: "a proxy wants a password",
    410: "there is no such address any more; check the URL",
}


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to post, and how.

    Attributes:
        url: https or http, with user and password where the receiver wants them.
        secret: messages are signed with it; empty for no signature.
        connect_s, read_s: how long to wait for the connection, and for the answer.
        ca_file: certificates (PEM) to trust, instead of the system's.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    connect_s: float = 3.0
    read_s: float = 10.0
    ca_file: Path | None = None


class Webhook:
    """A receiver that takes POST requests; a `Destination` for `Delivery`."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Looks at the settings; connects to nothing.

        Raises:
            SettingsError: no URL, or certificates that can't be read.
            MissingPackageError: urllib3 is not installed.
        """
        try:
            from streamcls.alerts.http_post import Poster
        except ImportError as error:
            raise missing("urllib3", error) from error
        self._secret = settings.secret.encode()
        self._agent = f"streamcls/{version()}"
        self._poster = Poster(
            settings.url,
            connect_s=settings.connect_s,
            read_s=settings.read_s,
            ca_file=settings.ca_file,
        )

    @property
    def name(self) -> str:
        """The receiver's host, without the path, which often holds a secret."""
        return f"webhook {self._poster.place}"

    def deliver(self, message: Message) -> Outcome:
        """Posts once; any 2xx means that the receiver has it."""
        body = message.to_json().encode()
        try:
            answer = self._poster.post(body, self._headers(message, body))
        except SignalLostError as error:
            return Outcome("failed", str(error))
        return _outcome(answer)

    def is_back(self) -> bool:
        """Only trying tells."""
        return False

    def check(self) -> str:
        """Connects once, and posts nothing, since a receiver may act on what it gets.

        Returns:
            What was found, for people.

        Raises:
            SignalLostError: it can't be reached; why, in one line.
        """
        try:
            self._poster.reach()
        except SignalLostError as error:
            raise SignalLostError(f"{self.name}: {error}") from error
        return f"{self.name}: can be reached"

    def interrupt(self) -> None:
        """Ends a request that waits for its answer; it counts as failed."""
        self._poster.interrupt()

    def _headers(self, message: Message, body: bytes) -> Mapping[str, str]:
        timestamp = str(int(clock.epoch_s()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            "X-Streamcls-Event": message.type,
            "X-Streamcls-Id": message.id,
            "X-Streamcls-Timestamp": timestamp,
        }
        if self._secret:
            signed = hmac.new(self._secret, timestamp.encode() + b"." + body, "sha256")
            headers["X-Streamcls-Signature"] = f"sha256={signed.hexdigest()}"
        return headers


def _outcome(answer: "Answer") -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome("delivered")
    if status in _WRONG_SETTINGS:
        return Outcome("denied", f"status {status}: {_WRONG_SETTINGS[status]}")
    if 300 <= status < 400:
        return Outcome("denied", f"status {status}: it is elsewhere now; give the new URL")
    if 400 <= status < 500 and status not in _AGAIN:
        return Outcome("refused", f"status {status}")
    return Outcome("failed", f"status {status}", _pause_s(answer.retry_after))


def _pause_s(retry_after: str | None) -> float:
    """Seconds that a Retry-After asks for, a number or a date; 0 where it is neither."""
    try:
        pause_s = float(int(retry_after or ""))
    except ValueError:
        try:
            pause_s = parsedate_to_datetime(retry_after or "").timestamp() - clock.epoch_s()
        except ValueError:
            return 0.0
    return min(max(0.0, pause_s), _LONGEST_PAUSE_S)
