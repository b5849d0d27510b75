"""A mosquitto on loopback, which can be stopped and started, and a client that listens to it."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamcls.closing import Closing
from tests.integration.certificates import Certificates
from tests.integration.rtsp import free_port

DEADLINE_S = 20.0
USER, PASSWORD = "anna", "geheim"


class Broker(Closing):
    """Remembers over restarts what is retained and what waits for listeners that are away."""

    def __init__(
        self,
        mosquitto: str,
        folder: Path,
        *,
        locked: bool = False,
        certificates: Certificates | None = None,
    ) -> None:
        self._mosquitto, self._config = mosquitto, folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()  # which is still free when it comes back
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
        ]
        lines += ["max_queued_messages 0", "user root"]
        if locked:
            (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
            subprocess.run(
                [
                    mosquitto.replace("sbin/mosquitto", "bin/mosquitto_passwd"),
                    "-U",
                    folder / "users",
                ],
                check=True,
            )
            lines += ["allow_anonymous false", f"password_file {folder}/users"]
        else:
            lines += ["allow_anonymous true"]
        if certificates:
            lines += [f"certfile {certificates.certificate}", f"keyfile {certificates.key}"]
        self._config.write_text("\n".join(lines) + "\n")
        self.up()

    def up(self) -> None:
        """Starts it, at the same port as before, and waits until it listens."""
        self._process = subprocess.Popen(
            [self._mosquitto, "-c", self._config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until_s, "mosquitto does not listen"
                assert self._process.poll() is None, "mosquitto ended"
                time.sleep(0.02)

    def down(self) -> None:
        """Ends it, as an administrator does."""
        if self._process:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
            self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Inside, it answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.down()


class Listening(Closing):
    """What comes in at a broker; as `name` it also gets what came while it was away."""

    def __init__(self, port: int, *topics: str, name: str = "", password: str = "") -> None:
        from paho.mqtt import client as paho

        self.came: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        version: Any = vars(paho)["CallbackAPIVersion"].VERSION2
        self._client: Any = paho.Client(version, client_id=name, clean_session=not name)
        if password:
            self._client.username_pw_set(USER, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([(t, 1) for t in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        one = (message.topic, message.payload.decode())
        with self._changed:
            if message.dup and one in self.came:
                return  # the broker ended before it had our acknowledgement, and says it again
            self.came.append(one)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[tuple[str, str]]:
        """What came, when it is so much."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.came) >= count, DEADLINE_S), self.came
            return list(self.came)

    def wait_until(self, topic: str, payload: str) -> None:
        """Returns when the latest of a topic is this."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: dict(self.came).get(topic) == payload, DEADLINE_S
            ), self.came

    def ids(self) -> list[str]:
        """Of the messages that came."""
        with self._changed:
            return [json.loads(text)["id"] for topic, text in self.came if "id" in text]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        client, self._client = self._client, None
        client.on_message = client.on_connect = client.on_subscribe = None
