"""MQTT against a real broker that goes away, is locked, and speaks TLS."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamcls.alerts.delivery import Delivery
from streamcls.alerts.mqtt import CameraState, MqttPublisher, MqttSettings, check_broker
from streamcls.alerts.spool import Spool
from streamcls.errors import SignalLostError
from tests.alerts.made import NOON_S, message
from tests.integration.broker import DEADLINE_S, PASSWORD, USER, Broker, Listening
from tests.integration.certificates import Certificates
from tests.integration.delivering import delivering, until

Start = Callable[..., Broker]


@contextmanager
def publishing(settings: MqttSettings) -> Iterator[MqttPublisher]:
    publisher = MqttPublisher(settings)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def settings(broker: Broker, **more: object) -> MqttSettings:
    return MqttSettings("localhost", broker.port, **more)  # type: ignore[arg-type]


def test_messages_arrive_and_status_tells_of_us(mqtt_broker: Start, tmp_path: Path) -> None:
    broker = mqtt_broker()
    with (
        Listening(broker.port, "streamcls/#") as listening,
        Spool(tmp_path / "spool") as spool,
        publishing(settings(broker)) as publisher,
        delivering(Delivery(spool, publisher)),
    ):
        listening.wait_until("streamcls/status", "online")
        spool.append(message(1))
        came = listening.wait_for(2)
        until(lambda: not spool.counts().waiting)
    assert came[1] == ("streamcls/belt/event", message(1).to_json())
    with Listening(broker.port, "streamcls/#") as late:
        assert late.wait_for(1) == [("streamcls/status", "offline")]


def test_an_outage_and_a_kill_lose_nothing_and_double_nothing(
    mqtt_broker: Start, tmp_path: Path
) -> None:
    broker = mqtt_broker()
    path = tmp_path / "spool"
    with Listening(broker.port, "streamcls/+/event", name="listener") as listening:
        with live(broker, path, "one", 1, 6):
            listening.wait_for(5)
        broker.down()
        with live(broker, path, "two", 1, 21) as process:
            process.send_signal(signal.SIGKILL)  # with all of them on the disk
        with live(broker, path, "three", 1, 11):
            broker.up()
            listening.wait_for(35)
        texts = [json.loads(text) for _, text in listening.came]
    wanted = [
        message(n, run=run)
        for run, most in (("one", 6), ("two", 21), ("three", 11))
        for n in range(1, most)
    ]
    assert [one["id"] for one in texts] == [one.id for one in wanted]
    assert [one["time_utc"] for one in texts] == [one.time_utc for one in wanted]


LIVE = """
import sys
import threading
from pathlib import Path

from streamcls.alerts.delivery import Delivery
from streamcls.alerts.mqtt import CameraState, MqttPublisher, MqttSettings
from streamcls.alerts.spool import Spool
from tests.alerts.made import message

path, port, run, first, end = sys.argv[1:]
with Spool(Path(path)) as spool:
    publisher = MqttPublisher(MqttSettings("localhost", int(port)))
    publisher.start()
    publisher.update_state("belt", CameraState("ok", label=run))
    delivery = Delivery(spool, publisher)
    stop = threading.Event()
    thread = threading.Thread(target=delivery.run, args=(stop.wait,))
    thread.start()
    for number in range(int(first), int(end)):
        spool.append(message(number, run=run))
    print("appended", flush=True)
    sys.stdin.read()
    stop.set()
    delivery.wake()
    thread.join()
    delivery.drain()
    publisher.close()
"""


@contextmanager
def live(
    broker: Broker, path: Path, run: str, first: int, end: int
) -> Iterator[subprocess.Popen[str]]:
    """A process that appends messages and delivers; inside, all of them are in its spool."""
    command = [sys.executable, "-c", LIVE, str(path), str(broker.port), run, str(first), str(end)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "appended\n"
        yield process
        process.communicate("", DEADLINE_S)
        assert process.returncode in (0, -signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()


def test_the_last_will_tells_of_a_kill(mqtt_broker: Start, tmp_path: Path) -> None:
    broker = mqtt_broker()
    with (
        Listening(broker.port, "streamcls/status") as listening,
        live(broker, tmp_path / "spool", "one", 1, 2) as process,
    ):
        listening.wait_until("streamcls/status", "online")
        os.kill(process.pid, signal.SIGKILL)
        listening.wait_until("streamcls/status", "offline")


def test_who_comes_late_sees_the_state(mqtt_broker: Start) -> None:
    broker = mqtt_broker()
    topic = "streamcls/belt/left/state"
    with publishing(settings(broker)) as publisher:
        publisher.update_state("belt/left", CameraState("connecting"))
        with Listening(broker.port, topic) as early:
            early.wait_for(1)
            cat = CameraState("ok", label="cat", prob=0.91234567, since_utc=NOON_S)
            for _ in range(3):  # which is told once
                publisher.update_state("belt/left", cat)
            publisher.update_state("belt/left", CameraState("frozen", "the picture stands still"))
            early.wait_for(3)
    assert json.loads(early.came[1][1]) == {
        "state": "ok",
        "reason": "",
        "label": "cat",
        "prob": 0.912346,
        "since_utc": "2026-03-01T12:00:00.000Z",
    }
    with Listening(broker.port, topic) as late:
        assert late.wait_for(1) == early.came[2:]


def test_states_are_told_again_after_an_outage(mqtt_broker: Start) -> None:
    broker = mqtt_broker()
    with publishing(settings(broker)) as publisher:
        publisher.update_state("belt", CameraState("ok", label="cat"))
        with Listening(broker.port, "streamcls/+/state") as listening:
            listening.wait_for(1)
        broker.down()
        until(lambda: not publisher.is_back())
        publisher.update_state("belt", CameraState("ok", label="dog"))
        publisher.update_state("yard", CameraState("ok", label="bird"))
        broker.up()
        until(publisher.is_back)
        with Listening(broker.port, "streamcls/+/state", "streamcls/status") as listening:
            until(lambda: len(dict(listening.wait_for(3))) == 3)
            seen = {topic: text for topic, text in listening.came}
    assert json.loads(seen["streamcls/belt/state"])["label"] == "dog"
    assert json.loads(seen["streamcls/yard/state"])["label"] == "bird"
    assert seen["streamcls/status"] == "online"


def test_home_assistant_finds_cameras_and_they_can_be_removed(mqtt_broker: Start) -> None:
    broker = mqtt_broker()
    with (
        publishing(settings(broker, discovery=True)) as publisher,
        Listening(broker.port, "homeassistant/#", "streamcls/+/+/state") as listening,
    ):
        publisher.update_state("belt/left", CameraState("ok", label="cat"))
        found = {topic: json.loads(text) for topic, text in listening.wait_for(3)}
        assert sorted(topic.split("/")[1] for topic in found) == ["belt", "binary_sensor", "sensor"]
        for topic, config in found.items():
            if topic.startswith("homeassistant"):
                assert config["state_topic"] == "streamcls/belt/left/state"
        publisher.remove_camera("belt/left")
        gone = listening.wait_for(6)[3:]
        assert dict(gone) == dict.fromkeys(found, "")
        until(publisher.is_back)
    with Listening(broker.port, "homeassistant/#", "streamcls/#") as late:
        assert late.wait_for(1) == [("streamcls/status", "offline")]


def test_a_wrong_password_is_one_line_without_it(
    mqtt_broker: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = mqtt_broker(locked=True)
    wrong = settings(broker, username=USER, password="falsch")
    with (
        Spool(tmp_path / "spool") as spool,
        publishing(wrong) as publisher,
        delivering(Delivery(spool, publisher)) as delivery,
    ):
        spool.append(message(1))
        until(lambda: delivery.tally().failed_tries)
        spool.append(message(2))
        assert delivery.tally().waiting == 2
    assert len(caplog.messages) == 1
    assert (
        "refuses: not authorized; check user name and password; messages that wait: 1"
        in caplog.text
    )
    assert "falsch" not in caplog.text + repr(wrong)
    with publishing(settings(broker, username=USER, password=PASSWORD)) as publisher:
        assert publisher.deliver(message(1)).status == "delivered"


# paho does not close a connection whose certificate it did not like.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls(mqtt_broker: Start, certificates: Certificates) -> None:
    broker = mqtt_broker(certificates=certificates)
    with publishing(settings(broker, tls=True, ca_file=certificates.ca)) as publisher:
        assert publisher.deliver(message(1)).status == "delivered"
    with publishing(settings(broker, tls=True)) as publisher:
        until(lambda: "certificate is not trusted" in publisher.deliver(message(1)).reason)


def test_checking_a_broker(mqtt_broker: Start, certificates: Certificates) -> None:
    broker = mqtt_broker(locked=True)
    good = settings(broker, username=USER, password=PASSWORD)
    assert check_broker(good) == f"mqtt localhost:{broker.port}: connected as anna, no TLS"
    with pytest.raises(SignalLostError, match="refuses: not authorized") as said:
        check_broker(settings(broker, username=USER, password="falsch"))
    assert said.value.hold
    broker.down()
    with pytest.raises(SignalLostError, match="can't be reached: Connection refused") as said:
        check_broker(good)
    assert not said.value.hold
    with pytest.raises(SignalLostError, match="no such host"):
        check_broker(MqttSettings("no.such.invalid"))


def test_too_many_messages_end_in_a_gap(mqtt_broker: Start, tmp_path: Path) -> None:
    broker = mqtt_broker()
    broker.down()
    with (
        Spool(tmp_path / "spool", max_messages=3) as spool,
        publishing(settings(broker)) as publisher,
    ):
        for number in range(1, 9):
            spool.append(message(number))
        broker.up()
        with Listening(broker.port, "streamcls/#") as listening:
            with delivering(Delivery(spool, publisher)):
                until(lambda: not spool.counts().waiting)
                listening.wait_until("streamcls/belt/event", message(8).to_json())
            events = [came for came in listening.came if came[0] != "streamcls/status"]
    gap = json.loads(events[0][1])
    assert events[0][0] == "streamcls/gap"
    assert (gap["type"], gap["lost"]) == ("gap", 5)
    assert [topic for topic, _ in events[1:]] == ["streamcls/belt/event"] * 3


def test_a_broker_that_hangs_gets_each_message_once(mqtt_broker: Start, tmp_path: Path) -> None:
    broker = mqtt_broker()
    with (
        Listening(broker.port, "streamcls/+/event") as listening,
        Spool(tmp_path / "spool") as spool,
        publishing(settings(broker)) as publisher,
        delivering(Delivery(spool, publisher)) as delivery,
    ):
        until(publisher.is_back)
        with broker.hanging():
            for number in range(1, 6):
                spool.append(message(number))
            until(lambda: delivery.tally().failed_tries)
            assert delivery.tally().waiting == 5
        until(lambda: not spool.counts().waiting)
        assert listening.ids() == [message(number).id for number in range(1, 6)]


def test_a_stop_is_quick_with_a_broker_that_hangs(mqtt_broker: Start) -> None:
    broker = mqtt_broker()
    publisher = MqttPublisher(settings(broker))
    publisher.start()
    until(publisher.is_back)
    with broker.hanging():
        begun_s = time.monotonic()
        publisher.close()
        assert time.monotonic() - begun_s < 2.5


def test_a_stop_is_quick_without_a_broker() -> None:
    publisher = MqttPublisher(MqttSettings("localhost", 1))
    publisher.start()
    begun_s = time.monotonic()
    publisher.close()
    publisher.close()
    assert time.monotonic() - begun_s < 2
