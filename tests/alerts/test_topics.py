import json

import pytest

from streamcls.alerts.message import Messages, gap_of_unknown
from streamcls.alerts.topics import (
    CameraState,
    discovery,
    message_topic,
    state_topic,
    status_topic,
)
from tests.alerts.made import label, message


@pytest.mark.parametrize(
    ("camera", "topic"),
    [
        ("belt", "plant/belt/state"),
        ("belt/left", "plant/belt/left/state"),
        ("belt/a/b", "plant/belt/a_b/state"),
        ("a+b#c\0", "plant/a_b_c_/state"),
        ("Förderband 1", "plant/Förderband 1/state"),
        ("", "plant/_/state"),
        ("belt/", "plant/belt/_/state"),
    ],
)
def test_topics_of_cameras(camera: str, topic: str) -> None:
    assert state_topic("plant", camera) == topic


def test_topics_of_messages() -> None:
    assert message_topic("plant", message(1)) == "plant/belt/event"
    left = Messages().of(label("cat", camera="belt/left"))
    assert left is not None
    assert message_topic("plant", left) == "plant/belt/left/event"
    assert message_topic("plant", gap_of_unknown("are missing")) == "plant/gap"
    assert status_topic("plant/line1") == "plant/line1/status"


def test_a_state_has_no_passwords() -> None:
    told = CameraState("no_signal", "rtsp://anna:geheim@10.0.0.7/: refused").to_json()
    assert json.loads(told) == {
        "state": "no_signal",
        "reason": "rtsp://anna:***@10.0.0.7/: refused",
        "label": None,
        "prob": None,
        "since_utc": None,
    }


def test_what_home_assistant_is_told() -> None:
    found = discovery("plant", "homeassistant", "belt/left", "1.0")
    sensor, signal = found.values()
    assert [topic.split("/") for topic in found] == [
        ["homeassistant", "sensor", "plant_belt_left", "label", "config"],
        ["homeassistant", "binary_sensor", "plant_belt_left", "signal", "config"],
    ]
    for config in (sensor, signal):
        assert config["state_topic"] == "plant/belt/left/state"
        assert config["availability_topic"] == "plant/status"
        assert config["device"] == {
            "identifiers": ["plant_belt"],
            "name": "belt",
            "manufacturer": "streamcls",
            "model": "Video classifier",
            "sw_version": "1.0",
        }
    assert sensor["unique_id"] != signal["unique_id"]
    assert sensor["default_entity_id"] == "sensor.plant_belt_left_label"
    assert sensor["json_attributes_topic"] == sensor["state_topic"]
    assert signal["device_class"] == "problem"


def test_ids_of_different_cameras_differ_and_fit() -> None:
    names = ("a_b/c", "a/b_c", "カメラ", "テレビ", "a b", "a.b", "A_B", "a_b")
    ids = [next(iter(discovery("plant", "ha", name, "1"))).split("/")[2] for name in names]
    assert len(set(ids)) == len(names)
    assert all(one.isascii() and " " not in one and "." not in one for one in ids)
