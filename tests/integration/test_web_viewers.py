"""Viewers and listeners of cameras: slow ones hold nobody up, whatever they do not read."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.conftest import leaving_nothing
from tests.integration.plant import until
from tests.integration.web_server import Serving

CAMERAS = """
model: {name: demo}
cameras:
  - {camera: gate, source: "sim://?fps=15&size=640x360"}
  - {camera: "dock 2", source: "sim://?fps=5&size=320x240"}
"""
STREAM = "/api/v1/cameras/gate/stream?size=large"
END = b"\xff\xd9\r\n"  # of a JPEG in a stream


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, converted_demo: None) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("viewers")
    (folder / "line.yaml").write_text(CAMERAS)
    with leaving_nothing(), Serving(folder, "--config", "line.yaml") as server:
        yield server.ready()
        assert "Traceback" not in server.said()
        assert "unexpected" not in server.said()


@pytest.fixture(autouse=True)
def nothing_left_behind(server: Serving) -> None:
    """The server outlives a test; `server` looks when it has ended."""


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def status(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/status").json()
    return found


def ledger(client: httpx.Client) -> dict[str, Any]:
    """Of the gate; it has to add up."""
    found: dict[str, Any] = status(client)["cameras"][0]["ledger"]
    kept = found["classified"] + found["not_sampled"] + found["in_flight"]
    lost = sum(found["dropped"].values()) + sum(found["rejected"].values())
    assert found["read"] == kept + lost
    return found


class Viewer:
    """Somebody who looks, over a line with little room."""

    def __init__(self, server: Serving, path: str = STREAM, head: str = "") -> None:
        self.line = socket.socket()
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.line.settimeout(30)
        self.line.connect(("127.0.0.1", server.port))
        self.line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def read(self, mark: bytes, count: int = 1) -> bytes:
        """Until something came so many times."""
        found = b""
        while found.count(mark) < count:
            piece = self.line.recv(65536)
            assert piece, found
            found += piece
        return found

    def hung_up_on(self) -> bool:
        try:
            while self.line.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


def test_slow_viewers_hold_nobody_up(client: httpx.Client, server: Serving) -> None:
    with ExitStack() as opened:
        watching = [opened.enter_context(Viewer(server)) for _ in range(18)]
        dripping, stuck = (opened.enter_context(Viewer(server)) for _ in range(2))
        until(lambda: status(client)["viewers"] == 20, "all look")
        for viewer in watching:
            viewer.read(END)
        before, memory_mb = ledger(client), server.memory_mb("VmRSS")
        for _ in range(12):
            for viewer in watching:
                viewer.read(END)
            assert dripping.line.recv(1)
        after = ledger(client)
        assert status(client)["viewers"] == 20
        assert after["classified"] > before["classified"]
        # As many as were read, but for those that were taken a moment before.
        assert after["read"] - before["read"] <= after["classified"] - before["classified"] + 15
        assert server.memory_mb("VmRSS") - memory_mb < 100  # nothing piles up
        assert stuck.line.recv(1) == b"H"
    until(lambda: status(client)["viewers"] == 0, "all have gone")


def test_a_slow_viewer_sees_the_newest_picture(client: httpx.Client, server: Serving) -> None:
    """It misses what it had no time for."""
    with Viewer(server) as slow, Viewer(server) as quick:
        slow.read(END)
        for _ in range(40):
            quick.read(END)
        # What was in the line's buffers, one on the way, and then no long queue.
        slow.line.setblocking(False)
        waiting = 0
        try:
            while piece := slow.line.recv(1 << 20):
                waiting += len(piece)
        except BlockingIOError:
            pass
        assert waiting < 8_000_000


def test_the_wall_names_its_cameras(server: Serving) -> None:
    path = "/api/v1/streams?size=small&camera=gate&camera=dock%202&camera=gate"
    with Viewer(server, path) as viewer:
        found = b""
        while not {b"gate", b"dock%202"} <= set(re.findall(rb"X-Camera: (\S+)", found)):
            found += viewer.read(END)
    for length, data in re.findall(
        rb"Content-Length: (\d+)\r\nX-Camera: \S+\r\n\r\n(\xff\xd8)", found
    ):
        assert int(length) > 1000 and data


def test_too_many_viewers_are_told_to_come_again(client: httpx.Client, server: Serving) -> None:
    with ExitStack() as opened:
        for _ in range(64):
            opened.enter_context(Viewer(server, STREAM))
        until(lambda: status(client)["viewers"] == 64, "all look")
        for path in (STREAM, "/api/v1/streams", "/api/v1/cameras/gate/frame"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy"), path
            assert int(refused.headers["retry-after"]) > 0
        assert client.get("/healthz").status_code == 200
    until(lambda: status(client)["viewers"] == 0, "all have gone")
    assert client.get("/api/v1/cameras/gate/frame").content.startswith(b"\xff\xd8")


def changed(client: httpx.Client) -> None:
    """Makes messages."""
    for what in ("stop", "start"):
        assert client.post(f"/api/v1/cameras/gate/{what}").status_code == 200


def messages(text: bytes) -> list[tuple[str, dict[str, Any]]]:
    found = re.findall(rb"id: (\S+)\nevent: (\w+)\ndata: (.*)\n\n", text)
    made = [(number.decode(), kind.decode(), json.loads(data)) for number, kind, data in found]
    assert all(data["id"] == number and data["type"] == kind for number, kind, data in made)
    return [(number, data) for number, _, data in made]


def test_a_listener_goes_on_where_it_was(client: httpx.Client, server: Serving) -> None:
    path = "/api/v1/events?camera=gate"
    with Viewer(server, path) as first:
        head = first.read(b"retry: ")
        assert b"content-type: text/event-stream" in head
        changed(client)
        heard = messages(head + first.read(b"\ndata: ", 3))
    assert {data["camera"] for _, data in heard} == {"gate"}
    changed(client)
    last = heard[0][0]
    with Viewer(server, path, f"Last-Event-ID: {last}\r\n") as again:
        missed = messages(again.read(b"\ndata: ", 3))
    ids = [number for number, _ in missed]
    assert ids[: len(heard) - 1] == [number for number, _ in heard[1:]][: len(ids)]
    assert last not in ids
    for odd in ("nothing", "0" * 100, "\xff", "-1"):  # all that are here come
        with Viewer(server, path, f"Last-Event-ID: {odd}\r\n") as other:
            assert len(messages(other.read(b"\n\n", 4))) > 0
    answer = client.get("/api/v1/events", headers={"Last-Event-ID": "x" * 101})
    assert answer.status_code == 422


def test_a_listener_that_does_not_read_is_harmless(client: httpx.Client, server: Serving) -> None:
    with ExitStack() as opened:
        for _ in range(64):
            opened.enter_context(Viewer(server, "/api/v1/events")).read(b"retry: ")
        refused = client.get("/api/v1/events")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        before = ledger(client)
        changed(client)
        until(lambda: ledger(client)["classified"] != before["classified"], "the camera goes on")
    until(lambda: _listens(server), "there is room again")


def _listens(server: Serving) -> bool:
    with Viewer(server, "/api/v1/events") as one:
        return b"200 OK" in one.line.recv(100)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/v1/info", "InfoOut"),
        ("/api/v1/status", "StatusOut"),
        ("/api/v1/cameras", "CamerasOut"),
        ("/api/v1/cameras/gate", "CameraOut"),
        ("/api/v1/cameras/dock%202", "CameraOut"),
        ("/api/v1/cameras/gate/timeline", "TimelineOut"),
        ("/api/v1/jobs", "JobsOut"),
        ("/api/v1/cameras/attic", "ProblemOut"),
        ("/api/v1/cameras/gate/stream?size=huge", "ProblemOut"),
        ("/api/v1/streams?camera=attic", "ProblemOut"),
        ("/api/v1/cameras/gate/snapshots/999999.jpg", "ProblemOut"),
        ("/api/v1/cameras/gate/snapshots/-1.jpg", "ProblemOut"),
        ("/api/v1/cameras/..%2fgate", "ProblemOut"),
        ("/api/v1/events?camera=attic", "ProblemOut"),
    ],
)
def test_what_it_says_of_cameras_is_as_the_document_has_it(
    client: httpx.Client, path: str, what: str
) -> None:
    document = client.get("/api/v1/openapi.json").json()
    said = client.get(path).json()
    wanted = {"$ref": f"#/components/schemas/{what}", "components": document["components"]}
    jsonschema.validate(said, wanted)
    assert (what == "ProblemOut") == ("status" in said and "title" in said)


def test_it_ends_while_all_of_them_look(tmp_path: Path, converted_demo: None) -> None:
    (tmp_path / "line.yaml").write_text(CAMERAS)
    with Serving(tmp_path, "--config", "line.yaml") as server, ExitStack() as opened:
        server.ready()
        paths = [STREAM] * 5 + ["/api/v1/streams", "/api/v1/events"]
        viewers = [opened.enter_context(Viewer(server, path)) for path in paths]
        for viewer in viewers:
            viewer.read(b"HTTP/1.1 200")
        assert server.stop() in (0, 143)
        assert all(viewer.hung_up_on() for viewer in viewers)
        assert "did not end" not in server.said()
        assert "Traceback" not in server.said()
