"""Messages and the state of each camera at an MQTT broker.

    PREFIX/status                   "online", or "offline", also as last will    retained, QoS 1
    PREFIX/CAMERA[/REGION]/state    what is the case now                         retained, QoS 0
    PREFIX/CAMERA[/REGION]/event    a message                                              QoS 1
    PREFIX/gap                      a message that stands for lost ones                    QoS 1

States have QoS 0 because all of them are published after each new connection, and paho would send
older ones of QoS 1 that were not acknowledged after these.
"""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from streamcls.alerts.delivery import Outcome
from streamcls.alerts.message import Message
from streamcls.alerts.mqtt_client import MqttClient, MqttSettings
from streamcls.alerts.packages import version
from streamcls.alerts.topics import (
    CameraState,
    discovery,
    message_topic,
    state_topic,
    status_topic,
)
from streamcls.errors import SignalLostError

__all__ = ["CameraState", "MqttPublisher", "MqttSettings", "check_broker"]

_ANSWER_S = 2.0  # for a connection, or an acknowledgement; a stop may have to wait for it
_FAREWELL_S, _STOP_S = 0.5, 1.5  # for "offline" to arrive, and for paho's thread to end


class MqttPublisher:
    """What a broker is told; a `Destination` for `Delivery`.

        publisher = MqttPublisher(MqttSettings("broker.local"))
        publisher.start()
        publisher.update_state("belt", CameraState("ok", label="cat", prob=0.9))

    A message is handed to paho once. If the connection drops before the broker has acknowledged
    it, paho sends it again over the next one, and later tries only wait for that.
    """

    def __init__(self, settings: MqttSettings) -> None:
        """Looks at the settings; connects to nothing.

        Raises:
            SettingsError: the broker's address or the certificates can't be used.
            MissingPackageError: paho-mqtt is not installed.
        """
        self._settings = _with_id(settings)
        # Held neither while waiting nor while publishing with QoS 1, except on paho's own thread,
        # which has a lock of its own around what it tells us.
        self._changed = threading.Condition()
        self._up = self._denied = self._interrupted = self._closed = False
        self._reason = "can't be reached: no answer yet"
        self._states: dict[str, str] = {}  # by camera, as last told
        self._removed: set[str] = set()  # while there was no connection
        self._pending: tuple[str, int] | None = None  # id of the message on its way, and paho's
        self._awaiting = False
        self._acknowledged: set[int] = set()
        self._client = MqttClient(self._settings, self)

    @property
    def name(self) -> str:
        """Host and port of the broker."""
        return f"mqtt {self._settings.place}"

    def start(self) -> None:
        """Begins to connect, and goes on trying for ever, on a thread of paho's."""
        self._client.start()

    def deliver(self, message: Message) -> Outcome:
        """Publishes a message and waits until the broker has acknowledged it."""
        with self._changed:
            self._interrupted = False
            self._wait(lambda: self._up or self._denied)
            if not self._up:
                return self._away()
        if self._pending is None or self._pending[0] != message.id:
            self._publish(message)
        with self._changed:
            self._wait(lambda: self._arrived() or not self._up)
            if self._arrived():
                self._pending, self._awaiting = None, False
                return Outcome("delivered")
            return self._away()

    def is_back(self) -> bool:
        """Whether there is a connection."""
        return self._up

    def interrupt(self) -> None:
        """Ends a `deliver` that waits."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def update_state(self, camera: str, state: CameraState) -> None:
        """Tells what is the case at a camera, or in "camera/region", if it is something new.

        Without a connection it is told when there is one. Any thread.
        """
        payload = state.to_json()
        with self._changed:
            was = self._states.get(camera)
            self._states[camera] = payload
            self._removed.discard(camera)
            if self._up and was is None:
                self._announce(camera)
            if self._up and was != payload:
                self._retain(state_topic(self._settings.prefix, camera), payload)

    def remove_camera(self, camera: str) -> None:
        """Takes back what the broker was told of a camera, or of "camera/region". Any thread."""
        with self._changed:
            self._states.pop(camera, None)
            self._removed.add(camera)
            if self._up:
                self._forget()

    def close(self) -> None:
        """Says "offline" and disconnects, in two seconds at most. Can be called again."""
        if self._closed:
            return
        self._closed = True
        if self._up:
            self._awaiting = True
            goodbye = self._status("offline")
            with self._changed:
                self._changed.wait_for(lambda: goodbye in self._acknowledged, _FAREWELL_S)
        self._client.stop(_STOP_S)

    def connected(self) -> None:
        """Told by the client: publishes all that is retained."""
        with self._changed:
            self._status("online")
            for camera, payload in self._states.items():
                self._announce(camera)
                self._retain(state_topic(self._settings.prefix, camera), payload)
            self._forget()
            self._up, self._denied = True, False
            self._changed.notify_all()

    def disconnected(self, reason: str, *, denied: bool) -> None:
        """Told by the client."""
        with self._changed:
            self._up, self._denied, self._reason = False, denied, reason
            self._changed.notify_all()

    def acknowledged(self, mid: int) -> None:
        """Told by the client."""
        with self._changed:
            if self._awaiting:
                self._acknowledged.add(mid)
                self._changed.notify_all()

    def _publish(self, message: Message) -> None:
        self._pending = None
        with self._changed:
            self._acknowledged.clear()
            self._awaiting = True  # it may be acknowledged before its number is known here
        topic = message_topic(self._settings.prefix, message)
        mid = self._client.publish(topic, message.to_json(), qos=1, retain=False)
        if mid is not None:
            self._pending = (message.id, mid)

    def _arrived(self) -> bool:
        return self._pending is not None and self._pending[1] in self._acknowledged

    def _away(self) -> Outcome:
        if self._up:
            return Outcome("failed", f"no acknowledgement within {_ANSWER_S:g} s")
        return Outcome("denied" if self._denied else "failed", self._reason)

    def _wait(self, until: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: until() or self._interrupted, _ANSWER_S)

    def _status(self, status: str) -> int | None:
        topic = status_topic(self._settings.prefix)
        return self._client.publish(topic, status, qos=1, retain=True)

    def _retain(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, qos=0, retain=True)

    def _announce(self, camera: str) -> None:
        for topic, found in self._discovery(camera).items():
            self._retain(topic, json.dumps(found, ensure_ascii=False))

    def _forget(self) -> None:
        """An empty payload ends what is retained."""
        for camera in self._removed:
            for topic in (*self._discovery(camera), state_topic(self._settings.prefix, camera)):
                self._retain(topic, "")
        self._removed.clear()

    def _discovery(self, camera: str) -> dict[str, dict[str, object]]:
        settings = self._settings
        if not settings.discovery:
            return {}
        return discovery(settings.prefix, settings.discovery_prefix, camera, version())


class _Check:
    """Waits for the outcome of one try to connect."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._reason: str | None = "can't be reached: no answer in time"
        self._denied = False

    def connected(self) -> None:
        self._reason = None
        self._over.set()

    def disconnected(self, reason: str, *, denied: bool) -> None:
        if not self._over.is_set():
            self._reason, self._denied = reason, denied
            self._over.set()

    def acknowledged(self, mid: int) -> None:
        """Nothing is published."""

    def wait(self, timeout_s: float) -> tuple[str | None, bool]:
        self._over.wait(timeout_s)
        return self._reason, self._denied


def check_broker(settings: MqttSettings, timeout_s: float = 5.0) -> str:
    """Connects to a broker once, under another client_id, and publishes nothing.

    Returns:
        What was found, for people.

    Raises:
        SignalLostError: it can't be had; why, in one line without the password.
        SettingsError: the broker's address or the certificates can't be used.
        MissingPackageError: paho-mqtt is not installed.
    """
    check = _Check()
    client = MqttClient(_with_id(replace(settings, client_id="")), check, will=False)
    try:
        client.start()
        reason, denied = check.wait(timeout_s)
    finally:
        client.stop(_STOP_S)
    if reason is not None:
        raise SignalLostError(f"mqtt {settings.place}: {reason}", hold=denied)
    user = f"as {settings.username}" if settings.username else "without a user name"
    return f"mqtt {settings.place}: connected {user}, {'with' if settings.tls else 'no'} TLS"


def _with_id(settings: MqttSettings) -> MqttSettings:
    if settings.client_id:
        return settings
    return replace(settings, client_id=f"streamcls-{secrets.token_hex(4)}")
