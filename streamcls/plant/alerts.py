"""Who is told of events: the receivers of the settings, and what waits for each."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from streamcls.closing import Closing
from streamcls.config.plant import MqttSettings, PlantCamera, PlantSettings, WebhookSettings
from streamcls.config.types import with_variables
from streamcls.errors import OutputError, StreamclsError
from streamcls.protocols import Sink
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

if TYPE_CHECKING:
    from streamcls.alerts.delivery import Destination
    from streamcls.alerts.message import Message
    from streamcls.alerts.mqtt import MqttPublisher
    from streamcls.alerts.mqtt import MqttSettings as Broker
    from streamcls.alerts.spool import Spool
    from streamcls.alerts.topics import CameraState
    from streamcls.alerts.webhook import WebhookSettings as Address

_ANSWER_S = 0.5  # for a receiver that has just been told something to say that it has it
_JOIN_S = 2.0
_DRAIN_S = 0.5  # for what came last


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How a receiver of events stands.

    Attributes:
        name: what and where it is, without secrets.
        waiting: events on disk.
        delivered: events that it has, since the start.
        lost: events that had to be let go, or that it would not take.
        reachable: whether the last try succeeded.
    """

    name: str
    waiting: int
    delivered: int
    lost: int
    reachable: bool


class _Receiver(Closing):
    """One at work: its spool, and the thread that empties it."""

    def __init__(self, spool: "Spool", destination: "Destination") -> None:
        from streamcls.alerts.delivery import Delivery

        self.spool, self.destination = spool, destination
        self.delivery = Delivery(spool, destination)
        self._stop = Stop()
        self._threads = Threads(self._stop)
        self._stop.wake(spool.wake)
        self._ended = threading.Event()
        self._threads.start("alerts", self._deliver)

    def _deliver(self) -> None:
        self.delivery.run(self._stop.wait)
        self._ended.set()

    def standing(self) -> Standing:
        tally = self.delivery.tally()
        return Standing(
            self.delivery.name,
            tally.waiting,
            tally.delivered,
            tally.lost + tally.refused,
            tally.reachable,
        )

    def close(self) -> None:
        """Interrupts only a receiver that is slow: who was interrupted is told the same again."""
        self._stop.set()
        self._ended.wait(_ANSWER_S)
        self.delivery.wake()
        if not self._threads.join(_JOIN_S):
            return
        drained = Stop()  # a receiver that keeps us waiting would hold up the end
        self._threads.start("drain", lambda: self._interrupt_after(drained))
        self.delivery.drain(_DRAIN_S)
        drained.set()
        self._threads.join(_JOIN_S)

    def _interrupt_after(self, drained: Stop) -> None:
        if not drained.wait(2 * _DRAIN_S):
            self.destination.interrupt()


class Alerts(Closing):
    """All receivers. Cameras keep their sinks when others come in their place."""

    def __init__(self) -> None:
        """Has none yet."""
        self._lock = threading.RLock()  # events wait for it while receivers change
        self._asked: PlantSettings | None = None
        self._open = ExitStack()
        self._receivers: tuple[_Receiver, ...] = ()
        self._publisher: MqttPublisher | None = None
        self._states: dict[str, CameraState] = {}

    def apply(self, settings: PlantSettings) -> None:
        """Tells those that the settings name, and nobody else.

        Raises:
            StreamclsError: one can't be had as it is described, or the spool can't be put there;
                then those from before are told.
        """
        with self._lock:
            before = self._asked
            if before is not None and _receivers_of(before) == _receivers_of(settings):
                return
            self._close()
            try:
                self._begin(settings)
            except BaseException:  # whatever it is, it is raised again
                if before is not None:
                    self._begin(before)
                raise

    def _begin(self, settings: PlantSettings) -> None:
        """All of them, or none: a spool that is closed would end the cameras' sinks for good."""
        self._receivers = ()
        try:
            self._receivers = tuple(self._made(settings))
        except BaseException:  # whatever it is, it is raised again
            self._close()
            raise
        self._asked = settings

    def _made(self, settings: PlantSettings) -> Iterator[_Receiver]:
        if settings.mqtt is not None:
            from streamcls.alerts.mqtt import MqttPublisher

            self._publisher = publisher = MqttPublisher(_broker(settings.mqtt))
            spool = self._open.enter_context(_spool(settings, "mqtt"))
            self._open.callback(publisher.close)
            for name, state in self._states.items():
                publisher.update_state(name, state)
            publisher.start()
            yield self._open.enter_context(_Receiver(spool, publisher))
        if settings.webhook is not None:
            from streamcls.alerts.webhook import Webhook

            webhook = Webhook(_address(settings.webhook))
            spool = self._open.enter_context(_spool(settings, "webhook"))
            yield self._open.enter_context(_Receiver(spool, webhook))

    def sink(self, camera: PlantCamera) -> Sink | None:
        """What tells of a camera's events; None where nobody is to know."""
        if not camera.alerts:
            return None
        from streamcls.alerts.sink import AlertSink

        return AlertSink(camera.camera, [self], states=self)

    def append(self, message: "Message") -> None:
        """To every receiver.

        Raises:
            OutputError: of the first whose spool could not take it; the others have it.
        """
        failed: OutputError | None = None
        with self._lock:
            for one in self._receivers:
                try:
                    one.spool.append(message)
                except OutputError as error:
                    failed = failed or error
        if failed is not None:
            raise failed

    def update_state(self, camera: str, state: "CameraState") -> None:
        """Shows it at the broker, if there is one."""
        with self._lock:
            self._states[camera] = state
            if self._publisher is not None:
                self._publisher.update_state(camera, state)

    def gone(self, camera: str, reason: str) -> None:
        """A camera's run has ended, so it has no label, nor have its regions."""
        from streamcls.alerts.topics import CameraState

        with self._lock:
            for name, state in tuple(self._states.items()):
                if name.partition("/")[0] == camera and state.state != "no_signal":
                    self.update_state(name, CameraState("no_signal", reason))

    def forget_others(self, settings: PlantSettings) -> None:
        """Cameras and regions that these settings don't have, or that nobody is to know of."""
        known: set[str] = set()
        for camera in settings.cameras:
            if camera.alerts:
                known |= {camera.camera, *(f"{camera.camera}/{name}" for name in camera.regions)}
        with self._lock:
            for name in self._states.keys() - known:
                del self._states[name]
                if self._publisher is not None:
                    self._publisher.remove_camera(name)

    def standing(self) -> list[Standing]:
        """How each receiver stands; any thread."""
        return [one.standing() for one in self._receivers]

    def close(self) -> None:
        """Delivers what can be delivered at once; the rest waits on disk. Can be called again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._asked, self._publisher = None, None
        self._open.close()


def _receivers_of(settings: PlantSettings) -> object:
    return settings.mqtt, settings.webhook, settings.spool


def check_receivers(settings: PlantSettings) -> Iterator[tuple[str, str]]:
    """Each receiver, and what is wrong with it or ""; each is asked once."""
    if settings.mqtt is not None:
        from streamcls.alerts.mqtt import check_broker

        yield _tried(f"mqtt {settings.mqtt.host}", partial(check_broker, _broker(settings.mqtt)))
    if settings.webhook is not None:
        from streamcls.alerts.webhook import Webhook

        yield _tried("webhook", Webhook(_address(settings.webhook)).check)


def _tried(what: str, work: Callable[[], str]) -> tuple[str, str]:
    try:
        return work(), ""
    except StreamclsError as error:
        return what, str(error)


def _spool(settings: PlantSettings, name: str) -> "Spool":
    from streamcls.alerts.spool import Spool

    wanted = settings.spool
    path = wanted.folder / f"{name}.spool"
    return Spool(path, max_bytes=wanted.max_size, max_age_s=wanted.max_age)


def _broker(asked: MqttSettings) -> "Broker":
    from streamcls.alerts.mqtt import MqttSettings as Broker

    return Broker(
        host=asked.host,
        port=asked.port or (8883 if asked.tls else 1883),
        prefix=asked.topic,
        client_id=asked.client_id or "",
        username=asked.username or "",
        password=with_variables(asked.password or ""),
        tls=asked.tls,
        ca_file=asked.ca_file,
        cert_file=asked.cert_file,
        key_file=asked.key_file,
        keepalive_s=max(1, round(asked.keepalive)),
        discovery=asked.discovery,
        discovery_prefix=asked.discovery_prefix,
    )


def _address(asked: WebhookSettings) -> "Address":
    from streamcls.alerts.webhook import WebhookSettings as Address

    return Address(
        url=with_variables(asked.url),
        secret=with_variables(asked.secret or ""),
        read_s=asked.timeout,
        ca_file=asked.ca_file,
    )
