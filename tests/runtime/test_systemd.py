import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from streamcls import clock
from streamcls.runtime import systemd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")


@pytest.fixture(params=["file", "abstract"])
def manager(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The end of NOTIFY_SOCKET that systemd holds."""
    with (
        TemporaryDirectory() as folder,  # tmp_path may be too long for a socket's name
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard,
    ):
        name = f"@{folder}" if request.param == "abstract" else str(Path(folder) / "notify")
        heard.bind(name.replace("@", "\0"))
        heard.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield heard


def said(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().splitlines()


def test_each_step_of_a_service_is_one_datagram(manager: socket.socket) -> None:
    systemd.ready("2 cameras")
    assert said(manager) == ["READY=1", "STATUS=2 cameras"]
    systemd.status("belt: no signal")
    assert said(manager) == ["STATUS=belt: no signal"]
    systemd.alive()
    assert said(manager) == ["WATCHDOG=1"]
    systemd.stopping()
    assert said(manager) == ["STOPPING=1"]


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    before = clock.now_ns() // 1000
    systemd.reloading()
    first, second = said(manager)
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= clock.now_ns() // 1000


def test_a_status_is_one_line_without_passwords(manager: socket.socket) -> None:
    systemd.status("lost\nWATCHDOG=trigger\nrtsp://anna:geheim@h/cam")
    assert said(manager) == ["STATUS=lost WATCHDOG=trigger rtsp://anna:***@h/cam"]


@pytest.mark.parametrize("address", [None, ""])
def test_without_systemd_nothing_is_said(
    address: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.ready("up")
    assert not caplog.records


def test_a_manager_that_is_gone_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING, "streamcls"):
        systemd.ready("up")
    assert [record.getMessage() for record in caplog.records] == [
        "systemd can't be told READY=1: [Errno 2] No such file or directory"
    ]


def test_a_manager_that_does_not_read_holds_nobody_up(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(systemd, "_SEND_S", 0.01)
    with caplog.at_level(logging.WARNING, "streamcls"):
        for _ in range(2000):  # more than net.unix.max_dgram_qlen
            systemd.alive()
            if caplog.records:
                break
    assert caplog.messages == ["systemd can't be told WATCHDOG=1: timed out"]


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        (None, None, None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_a_sign_of_life_is_due_twice_as_often_as_asked(
    usec: str | None, pid: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)
    assert systemd.watchdog_interval_s() == expected
