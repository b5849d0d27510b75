"""Where what is said of a camera stands in MQTT, and how Home Assistant finds it."""

import hashlib
import json
import re
from dataclasses import dataclass

from streamcls.alerts.message import Message, clean, probability
from streamcls.clock import iso_utc

# What Home Assistant allows in ids; topics allow more.
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_IN_TOPICS = re.compile(r"[+#/\0]")


@dataclass(frozen=True, slots=True)
class CameraState:
    """What is the case at a camera or in a region.

    Attributes:
        state: of the source.
        reason: of the state; empty for "ok".
        label: the steady label, or None.
        prob: its smoothed probability when it began, or None.
        since_utc: when the label or the state began, in seconds since the epoch, or None.
    """

    state: str
    reason: str = ""
    label: str | None = None
    prob: float | None = None
    since_utc: float | None = None

    def to_json(self) -> str:
        """It as one line of JSON, with the time in ISO 8601."""
        said = {
            "state": self.state,
            "reason": clean(self.reason),
            "label": None if self.label is None else clean(self.label),
            "prob": None if self.prob is None else probability(self.prob),
            "since_utc": None if self.since_utc is None else iso_utc(self.since_utc),
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def status_topic(prefix: str) -> str:
    """Where "online" or "offline" stands."""
    return f"{prefix}/status"


def state_topic(prefix: str, camera: str) -> str:
    """Where the `CameraState` of a camera, or of the region in "camera/region", stands."""
    return "/".join((prefix, *_levels(camera), "state"))


def message_topic(prefix: str, message: Message) -> str:
    """Where a message is published."""
    if message.camera is None:
        return f"{prefix}/gap"
    region = f"/{message.region}" if message.region else ""
    return "/".join((prefix, *_levels(message.camera + region), "event"))


def discovery(
    prefix: str, discovery_prefix: str, camera: str, version: str
) -> dict[str, dict[str, object]]:
    """What Home Assistant is told of a camera or a region: topics and configurations.

    A sensor for the label and a binary sensor that is on while the source gives no good pictures.
    The fields are those of https://www.home-assistant.io/integrations/sensor.mqtt/ as of 2026;
    `default_entity_id` is what `object_id` was before 2025.10.
    """
    levels = _levels(camera)
    own, topic = _id(prefix, *levels), state_topic(prefix, camera)
    region = f"{levels[1]} " if len(levels) > 1 else ""
    both: dict[str, object] = {
        "state_topic": topic,
        "availability_topic": status_topic(prefix),
        "device": _device(prefix, levels[0], version),
        "origin": {"name": "streamcls", "sw_version": version},
    }
    sensor: dict[str, object] = {
        "name": f"{region}label",
        "unique_id": f"{own}_label",
        "default_entity_id": f"sensor.{own}_label".lower(),
        "icon": "mdi:label",
        "value_template": "{{ value_json.label }}",  # a rendered None is unknown
        "json_attributes_topic": topic,
    }
    signal: dict[str, object] = {
        "name": f"{region}signal",
        "unique_id": f"{own}_signal",
        "default_entity_id": f"binary_sensor.{own}_signal".lower(),
        "device_class": "problem",
        "value_template": "{{ 'OFF' if value_json.state == 'ok' else 'ON' }}",
    }
    return {
        f"{discovery_prefix}/sensor/{own}/label/config": both | sensor,
        f"{discovery_prefix}/binary_sensor/{own}/signal/config": both | signal,
    }


def _device(prefix: str, camera: str, version: str) -> dict[str, object]:
    """A camera with all its regions, for Home Assistant."""
    return {
        "identifiers": [_id(prefix, camera)],
        "name": camera,
        "manufacturer": "streamcls",
        "model": "Video classifier",
        "sw_version": version,
    }


def _levels(camera: str) -> tuple[str, ...]:
    """Camera and region as levels of a topic."""
    return tuple(_NOT_IN_TOPICS.sub("_", name) or "_" for name in clean(camera).split("/", 1))


def _id(*names: str) -> str:
    """One id of names, which differs where they do."""
    plain = "_".join(names)
    fit = _NOT_IN_IDS.sub("_", plain)
    # "a_b" and "c" must not be the same as "a" and "b_c", nor two cameras in Japanese.
    if fit == plain and plain.count("_") == len(names) - 1:
        return plain
    return f"{fit}_{hashlib.sha256('/'.join(names).encode()).hexdigest()[:6]}"
