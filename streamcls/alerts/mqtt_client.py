# mypy: disable-error-code="attr-defined, call-arg, assignment, arg-type, unused-ignore"
# (types-paho-mqtt describes paho 1.6, and hides what paho 2 says itself, where it is installed)
"""One connection to an MQTT broker, made again for ever; the one place that knows paho.

paho has a thread of its own, which `start` begins and `stop` ends.
"""

import logging
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from streamcls.alerts.network import why
from streamcls.alerts.packages import missing
from streamcls.alerts.topics import status_topic
from streamcls.errors import SettingsError

if TYPE_CHECKING:
    from threading import Thread

    from paho.mqtt.client import Client

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1, 30  # between tries to connect
_HOLD_S = 60  # where somebody has to change the settings first
# Bad user name or password, not authorised, banned; the codes of MQTT 5, which paho gives for all.
_DENIED = {0x86, 0x87, 0x8A}


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Which broker, and how.

    Attributes:
        host, port: of the broker.
        prefix: first part of all topics; may have several levels.
        client_id: nobody else's at this broker; made up where empty.
        username, password: if the broker wants them.
        tls: whether the connection is encrypted.
        ca_file: certificates (PEM) to trust, instead of the system's.
        cert_file, key_file: of this client (PEM), if the broker wants them.
        keepalive_s: after 1.5 of them without a sign of life, the broker tells the last will.
        connect_s: how long one try to connect may take.
        discovery: whether Home Assistant is told of the cameras.
        discovery_prefix: where it looks for them.
    """

    host: str
    port: int = 1883
    prefix: str = "streamcls"
    client_id: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30
    connect_s: float = 5.0
    discovery: bool = False
    discovery_prefix: str = "homeassistant"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


class Listener(Protocol):
    """Is told of the connection on paho's thread; must neither wait nor raise."""

    def connected(self) -> None:
        """The broker took us in; what is published now arrives first."""
        ...

    def disconnected(self, reason: str, *, denied: bool) -> None:
        """There is no connection; `denied` where somebody has to change the settings first."""
        ...

    def acknowledged(self, mid: int) -> None:
        """The broker has what `publish` gave this number."""
        ...


class _Code(Protocol):
    """What a broker answered, as paho tells it."""

    @property
    def is_failure(self) -> bool:
        """Whether it is no."""
        ...

    @property
    def value(self) -> int:
        """As MQTT 5 numbers it."""
        ...


class MqttClient:
    """A connection to a broker."""

    def __init__(self, settings: MqttSettings, listener: Listener, *, will: bool = True) -> None:
        """Prepares it; connects to nothing.

        Args:
            settings: with a client_id.
            listener: is told of the connection.
            will: whether the broker says "offline" of us when we are gone.

        Raises:
            SettingsError: the broker's address or the certificates can't be used.
            MissingPackageError: paho-mqtt is not installed, or older than 2.
        """
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.enums import CallbackAPIVersion  # type: ignore[import-not-found]
        except ImportError as error:
            raise missing("paho-mqtt 2", error) from error
        self._settings, self._listener = settings, listener
        self._thread: Thread | None = None  # paho's
        self._refused = self._holding = self._stopping = False
        self._check()
        client = paho.Client(
            CallbackAPIVersion.VERSION2, settings.client_id, protocol=paho.MQTTv311
        )
        client.connect_timeout = settings.connect_s
        client.reconnect_delay_set(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        if settings.username:
            client.username_pw_set(settings.username, settings.password or None)
        if will:
            client.will_set(status_topic(settings.prefix), "offline", qos=1, retain=True)
        if settings.tls:
            self._encrypt(client)
        self._listen(client)
        self._client: Client | None = client

    def start(self) -> None:
        """Begins to connect, on a thread of paho's."""
        if self._client is not None:
            settings = self._settings
            self._client.connect_async(settings.host, settings.port, settings.keepalive_s)
            self._client.loop_start()

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> int | None:
        """Sends something, with qos 1 for as long as it takes and over many connections.

        Returns:
            The number under which it is acknowledged; None where it is not sent at all.
        """
        from paho.mqtt.client import MQTT_ERR_NO_CONN, MQTT_ERR_SUCCESS

        if self._client is None:
            return None
        sent = self._client.publish(topic, payload.encode(), qos, retain)
        kept = (MQTT_ERR_SUCCESS, MQTT_ERR_NO_CONN) if qos else (MQTT_ERR_SUCCESS,)
        return sent.mid if sent.rc in kept else None

    def stop(self, timeout_s: float) -> None:
        """Disconnects, and waits so long at most for paho's thread. Can be called again."""
        # Nobody else has it, so that its sockets are closed at the end of this.
        client, self._client = self._client, None
        if client is None:
            return
        self._stopping = True
        client.disconnect()
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s / 2)
            line = client.socket()
            if thread.is_alive() and line is not None:  # the broker does not even take a farewell
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            thread.join(timeout_s / 2)
            if thread.is_alive():  # it is a daemon, and ends when its try to connect does
                log.info("mqtt %s: still tries to connect; left behind", self._settings.place)
                return
        client.loop_stop()

    def _check(self) -> None:
        settings = self._settings
        try:
            settings.host.encode("idna")
        except UnicodeError as error:
            raise SettingsError(f"mqtt: {settings.host!r} is no name of a host") from error
        if not settings.host or not 0 < settings.port < 65536:
            raise SettingsError(f"mqtt: {settings.place!r} is no host and port")
        for prefix in (settings.prefix, settings.discovery_prefix):
            if not all(prefix.split("/")) or set(prefix) & set("+#\0"):
                raise SettingsError(f"mqtt: {prefix!r} can't begin topics; write it as plant/line1")

    def _encrypt(self, client: "Client") -> None:
        settings = self._settings
        try:
            client.tls_set(
                str(settings.ca_file) if settings.ca_file else None,
                str(settings.cert_file) if settings.cert_file else None,
                str(settings.key_file) if settings.key_file else None,
            )
        except (OSError, ValueError) as error:
            files = (settings.ca_file, settings.cert_file, settings.key_file)
            named = ", ".join(str(file) for file in files if file)
            raise SettingsError(f"mqtt: {named}: no certificates (PEM): {error}") from error

    def _listen(self, client: "Client") -> None:
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def _on_pre_connect(self, _client: "Client", _data: object) -> None:
        self._thread = threading.current_thread()

    def _on_connect(
        self, client: "Client", _data: object, _flags: object, code: _Code, _more: object
    ) -> None:
        if self._stopping:
            client.disconnect()
            return
        self._refused = code.is_failure
        denied = code.value in _DENIED
        self._hold(client, denied)
        if self._refused:
            advice = "; check user name and password" if denied else ""
            self._listener.disconnected(f"refuses: {str(code).lower()}{advice}", denied=denied)
        else:
            self._listener.connected()

    def _on_connect_fail(self, client: "Client", _data: object) -> None:
        self._refused = False
        self._hold(client, False)
        # paho calls this while it handles the error, and says of it nothing else.
        self._listener.disconnected(why(sys.exception()), denied=False)

    def _on_disconnect(
        self, _client: "Client", _data: object, _flags: object, _code: object, _more: object
    ) -> None:
        if not self._refused:  # which says more
            self._listener.disconnected("the connection is lost", denied=False)

    def _on_publish(
        self, _client: "Client", _data: object, mid: int, _code: object, _more: object
    ) -> None:
        self._listener.acknowledged(mid)

    def _hold(self, client: "Client", holding: bool) -> None:
        """Makes the pauses between tries long, or as usual again."""
        if holding != self._holding:
            self._holding = holding
            pauses = (_HOLD_S, _HOLD_S) if holding else (_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
            client.reconnect_delay_set(*pauses)
