"""A server, and a machine with cameras."""

import threading
from collections.abc import Iterator

import pytest

from streamcls.media import cv2
from tests.capture.fake_camera import Machine, on
from tests.capture.http_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:  # leaving it joins the threads that answer
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join(10)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(cv2, "VideoCapture", made.open)
    on(monkeypatch, "linux")
    return made
