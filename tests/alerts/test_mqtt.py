import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamcls.alerts import mqtt
from streamcls.alerts.mqtt import CameraState, MqttPublisher, MqttSettings
from streamcls.alerts.mqtt_client import Listener
from streamcls.errors import MissingPackageError, SettingsError
from tests.alerts.made import message

SETTINGS = MqttSettings("plant", discovery=True)


class Client:
    """Keeps what is published, and acknowledges it when it is told to."""

    def __init__(self, settings: MqttSettings, listener: Listener, *, will: bool = True) -> None:
        self.settings, self.listener = settings, listener
        self.published: list[tuple[str, str, int, bool]] = []
        self.answers = True
        self.full = False
        self.stopped = 0

    def start(self) -> None:
        """Connects when the test says so."""

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> int | None:
        if self.full:
            return None
        self.published.append((topic, payload, qos, retain))
        mid = len(self.published)
        if qos and self.answers:
            self.listener.acknowledged(mid)  # before the number is known to who published it
        return mid

    def stop(self, timeout_s: float) -> None:
        self.stopped += 1

    @property
    def topics(self) -> list[str]:
        return [topic for topic, *_ in self.published]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "MqttClient", Client)
    monkeypatch.setattr(mqtt, "_ANSWER_S", 0.01)
    monkeypatch.setattr(mqtt, "_FAREWELL_S", 0.01)


def made(settings: MqttSettings = SETTINGS) -> tuple[MqttPublisher, Client]:
    publisher = MqttPublisher(settings)
    client = publisher._client
    assert isinstance(client, Client)
    return publisher, client


def test_a_message_is_delivered_when_it_is_acknowledged() -> None:
    publisher, client = made()
    publisher.connected()
    assert publisher.deliver(message(1)).status == "delivered"
    assert client.published[-1] == ("streamcls/belt/event", message(1).to_json(), 1, False)


def test_without_a_connection_nothing_is_published() -> None:
    publisher, client = made()
    assert publisher.deliver(message(1)).reason == "can't be reached: no answer yet"
    publisher.disconnected("can't be reached: Connection refused", denied=False)
    outcome = publisher.deliver(message(1))
    assert (outcome.status, outcome.reason) == ("failed", "can't be reached: Connection refused")
    publisher.disconnected("refuses: not authorized", denied=True)
    assert publisher.deliver(message(1)).status == "denied"
    assert not publisher.is_back()
    assert client.published == []


def test_a_message_without_answer_is_not_published_twice() -> None:
    publisher, client = made()
    publisher.connected()
    client.answers = False
    for _ in range(3):
        assert publisher.deliver(message(1)).reason == "no acknowledgement within 0.01 s"
    publisher.disconnected("the connection is lost", denied=False)
    assert publisher.deliver(message(1)).reason == "the connection is lost"
    publisher.connected()
    events = [topic for topic in client.topics if topic.endswith("event")]
    assert len(events) == 1
    client.listener.acknowledged(client.topics.index("streamcls/belt/event") + 1)
    assert publisher.deliver(message(1)).status == "delivered"
    client.answers = True
    assert publisher.deliver(message(2)).status == "delivered"
    assert client.topics.count("streamcls/belt/event") == 2


def test_what_the_client_does_not_take_is_published_later() -> None:
    publisher, client = made()
    publisher.connected()
    client.full = True
    assert publisher.deliver(message(1)).status == "failed"
    client.full = False
    assert publisher.deliver(message(1)).status == "delivered"


def test_a_stop_ends_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_ANSWER_S", 60.0)
    publisher, client = made()
    publisher.connected()
    client.answers = False
    with ThreadPoolExecutor(1) as threads:
        delivers = threads.submit(publisher.deliver, message(1))
        while not delivers.done():  # whether it waits already or not yet
            publisher.interrupt()
        assert delivers.result().status == "failed"


def test_all_that_is_retained_is_told_with_each_connection() -> None:
    publisher, client = made()
    publisher.update_state("belt", CameraState("ok", label="cat"))
    publisher.update_state("yard", CameraState("black"))
    assert client.published == []
    for _ in range(2):
        client.published.clear()
        publisher.connected()
        assert client.published[0] == ("streamcls/status", "online", 1, True)
        kinds = [topic.split("/")[0] for topic in client.topics[1:]]
        assert kinds == ["homeassistant", "homeassistant", "streamcls"] * 2
        assert json.loads(client.published[3][1])["label"] == "cat"
        assert all((qos, retain) == (0, True) for *_, qos, retain in client.published[1:])
        publisher.disconnected("the connection is lost", denied=False)


def test_a_state_is_told_when_it_changes() -> None:
    publisher, client = made()
    publisher.connected()
    for state in ("ok", "ok", "frozen", "frozen", "ok"):
        publisher.update_state("belt", CameraState(state))
    assert client.topics.count("streamcls/belt/state") == 3
    assert sum(topic.startswith("homeassistant") for topic in client.topics) == 2


@pytest.mark.parametrize("at_once", [True, False])
def test_removed_cameras_are_taken_back(at_once: bool) -> None:
    publisher, client = made()
    if at_once:
        publisher.connected()
    publisher.update_state("belt", CameraState("ok"))
    publisher.remove_camera("belt")
    if not at_once:
        publisher.connected()
    emptied = {topic for topic, payload, *_ in client.published if not payload}
    assert emptied == {
        "homeassistant/sensor/streamcls_belt/label/config",
        "homeassistant/binary_sensor/streamcls_belt/signal/config",
        "streamcls/belt/state",
    }


def test_without_discovery_there_is_none() -> None:
    publisher, client = made(MqttSettings("plant"))
    publisher.connected()
    publisher.update_state("belt", CameraState("ok"))
    assert client.topics == ["streamcls/status", "streamcls/belt/state"]


def test_closing_says_offline_once() -> None:
    publisher, client = made()
    publisher.connected()
    publisher.close()
    publisher.close()
    assert client.published[-1] == ("streamcls/status", "offline", 1, True)
    assert client.topics.count("streamcls/status") == 2
    assert client.stopped == 1


def test_a_client_id_is_made_up_and_nobody_elses() -> None:
    one, other = made()[1].settings.client_id, made()[1].settings.client_id
    assert one.startswith("streamcls-")
    assert one != other
    assert made(MqttSettings("plant", client_id="own"))[1].settings.client_id == "own"


class TestSettings:
    @pytest.fixture(autouse=True)
    def real(self, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
        from streamcls.alerts.mqtt_client import MqttClient

        monkeypatch.setattr(mqtt, "MqttClient", MqttClient)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (lambda _: MqttSettings(""), "no host and port"),
            (lambda _: MqttSettings("plant", 0), "no host and port"),
            (lambda _: MqttSettings("a" * 64), "no name of a host"),
            (lambda _: MqttSettings("plant", prefix="a/#"), "can't begin topics"),
            (lambda _: MqttSettings("plant", prefix="/a"), "can't begin topics"),
            (lambda _: MqttSettings("plant", discovery_prefix=""), "can't begin topics"),
            (lambda at: MqttSettings("plant", tls=True, ca_file=at / "x"), "no certificates"),
        ],
    )
    def test_what_cannot_be(
        self, settings: Callable[[Path], MqttSettings], said: str, tmp_path: Path
    ) -> None:
        with pytest.raises(SettingsError, match=said):
            MqttPublisher(settings(tmp_path))

    def test_a_missing_package_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "paho.mqtt", None)
        with pytest.raises(MissingPackageError, match=r"pip install 'streamcls\[plant\]'"):
            MqttPublisher(SETTINGS)

    def test_no_password_is_shown(self) -> None:
        settings = MqttSettings("plant", username="anna", password="geheim")
        assert "geheim" not in repr(settings)
        assert MqttPublisher(settings).name == "mqtt plant:1883"
