"""A whole site on loopback: four cameras, two that are none, broker, receiver, and the run."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.integration.broker import PASSWORD, USER, Broker, Listening
from tests.integration.plant import PlantRun, small_disk
from tests.integration.plant_events import Told, recorded
from tests.integration.receiver import Receiver
from tests.integration.rtsp import RtspServer, free_port

FPS, LABELS = 15, 5.0
# The dock's camera asks for a label of every frame, and writes to a disk of its own.
ASKED = {"infeed": LABELS, "press": LABELS, "gate": LABELS, "dock": float(FPS)}
NAMES = tuple(ASKED)
NEVER = ("attic", "cellar")  # nobody is there; wrong password
SECRETS = {
    "CAM_PASSWORD": "cam-s3cr3t",
    "OLD_PASSWORD": "0ld-s3cr3t",
    "MQTT_PASSWORD": PASSWORD,
    "HOOK_SECRET": "h00k-s3cr3t",
    "HOOK_TOKEN": "h00k-t0ken",
}


class Site:
    """All of it, running, in a folder; what was killed and stopped can be brought back.

    Attributes:
        run: what is under test.
        cameras: those that work, by name; the first wants a password.
        broker, listener: the listener gets each message once, also those from while it was away.
        receiver: of the webhook.
        disk: the dock's, or None where none can be mounted.
        settings: what the run was last told.
        killed_s: when the run was killed.
    """

    def __init__(self, folder: Path, mosquitto: str, *, model: str = "demo") -> None:
        """Starts nothing."""
        self.folder = folder
        self._mosquitto, self._model = mosquitto, model
        self._open = ExitStack()
        self.cameras = {name: RtspServer(fps=FPS) for name in NAMES[1:]}
        first = RtspServer(fps=FPS, user="anna", password=SECRETS["CAM_PASSWORD"])
        self.cameras = {NAMES[0]: first, **self.cameras}
        self.run = PlantRun(folder / "run", SECRETS)
        self.killed_s: list[float] = []

    def __enter__(self) -> Self:
        with self._open:
            for folder in ("broker", "run", "run/logs"):
                (self.folder / folder).mkdir()
            self.disk = self._open.enter_context(small_disk(self.run.folder / "disk", "16m"))
            for camera in self.cameras.values():
                self._open.enter_context(camera)
            self.broker = self._open.enter_context(
                Broker(self._mosquitto, self.folder / "broker", locked=True)
            )
            self.listener = self._open.enter_context(
                Listening(
                    self.broker.port, "plant/+/event", "plant/gap", name="ear", password=PASSWORD
                )
            )
            self.receiver = self._open.enter_context(Receiver())
            self.settings = self._settings()
            self.run.write_settings(self.settings)
            self._open.callback(self.run.kill)
            self.run.start("-vv")
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _settings(self) -> dict[str, Any]:
        return {
            "defaults": {
                "sample": {"fps": LABELS},
                "connection": {"connect_timeout": "5s", "read_timeout": "3s"},
                "outputs": _outputs("logs"),
                "capture": {"folder": "learn", "max_count": 50},
            },
            "cameras": [self.camera(name) for name in (*NAMES, *NEVER)],
            "model": {"name": self._model},
            "mqtt": {
                "host": "127.0.0.1",
                "port": self.broker.port,
                "topic": "plant",
                "username": USER,
                "password": "${MQTT_PASSWORD}",
            },
            "webhook": {
                "url": f"http://127.0.0.1:{self.receiver.port}/hook?token=${{HOOK_TOKEN}}",
                "secret": "${HOOK_SECRET}",
            },
            "http": {"listen": f"127.0.0.1:{self.run.port}"},
            "spool": {"folder": "spool"},
        }

    def camera(self, name: str) -> dict[str, Any]:
        """A camera's settings."""
        locked = f"127.0.0.1:{self.cameras[NAMES[0]].port}/cam"
        sources = {
            NAMES[0]: f"rtsp://anna:${{CAM_PASSWORD}}@{locked}",
            "attic": f"rtsp://127.0.0.1:{free_port()}/cam",
            "cellar": f"rtsp://anna:${{OLD_PASSWORD}}@{locked}",
        }
        source = sources.get(name) or self.cameras[name].url
        found: dict[str, Any] = {"camera": name, "source": source}
        if name == "dock":
            found["sample"] = {"every": 1}
            found["outputs"] = _outputs("disk") | {"keep_size": "2MB"}
            found["capture"] = {"folder": "disk/learn", "max_size": "2MB"}
        return found

    def kill(self, at_s: float) -> None:
        """Kills the run, at this time of the clock."""
        self.run.kill()
        self.killed_s.append(at_s)

    def files(self) -> list[Path]:
        """Everything that grows by lines."""
        names = (*NAMES, *NEVER)
        endings = (".csv", ".jsonl", ".json")
        return [one for name in names for end in endings for one in self.run.files(name, end)]

    def recorded(self, cameras: Iterable[str]) -> Counter[Told]:
        """What receivers should know of some cameras, by the events files."""
        return recorded(path for name in cameras for path in self.run.files(name, ".json"))

    def by_mqtt(self) -> list[dict[str, Any]]:
        """What came over the broker."""
        return [json.loads(text) for _, text in list(self.listener.came)]

    def by_webhook(self) -> list[dict[str, Any]]:
        """What was posted."""
        return [json.loads(request.body) for request in list(self.receiver.requests)]


def _outputs(folder: str) -> dict[str, str]:
    files = {"csv": "csv", "jsonl": "jsonl", "events": "json"}
    named = {name: f"{folder}/{{camera}}-%H%M%S.{ending}" for name, ending in files.items()}
    return named | {"snapshots": f"{folder}/pictures-{{camera}}"}
