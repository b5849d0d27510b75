"""Many cameras on the command line, as a service manager runs them: in a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import PROJECT, Cli

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0  # to load the model on a busy machine
HERE = """\
defaults:
  sample: {fps: 5}
cameras:
  - {camera: left, source: "sim://?fps=10&size=320x240"}
  - {camera: right, source: "sim://?fps=10&size=320x240"}
model: {name: demo}
runtime: {threads: 1}
spool: {folder: FOLDER/spool}
"""
LEDGER = re.compile(r"(\w+): (\d+) read = (\d+) classified \+ (\d+) not sampled(.*);")


class Running:
    """`streamcls run --config` at work, and all that it says."""

    def __init__(self, file: Path, *options: str, heard: socket.socket | None = None) -> None:
        self.file = file
        self._said = file.with_suffix(".said")
        environ = {**os.environ, "PYTHONPATH": str(PROJECT)}
        if heard is not None:
            environ |= {"NOTIFY_SOCKET": heard.getsockname(), "WATCHDOG_USEC": "1000000"}
            environ.pop("WATCHDOG_PID", None)
        with self._said.open("wb") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "streamcls", "run", "--config", str(file), *options],
                stdout=subprocess.DEVNULL,
                stderr=out,
                env=environ,
                cwd=file.parent,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def until(self, found: Callable[[str], bool]) -> str:
        """What was said, when it is so."""
        until_s = time.monotonic() + PATIENCE_S
        while not found(self.said):
            assert self.child.poll() is None, self.said
            assert time.monotonic() < until_s, self.said
            time.sleep(0.02)
        return self.said

    def until_says(self, text: str, times: int = 1) -> str:
        return self.until(lambda said: said.count(text) >= times)

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Ends it, as a service manager does; what it said."""
        self.child.send_signal(number)
        self.child.wait(PATIENCE_S)
        return self.said


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run of two simulated cameras."""
    started: list[Running] = []

    def begin(text: str = HERE, *options: str, heard: socket.socket | None = None) -> Running:
        file = tmp_path / "line.yaml"
        file.write_text(text.replace("FOLDER", str(tmp_path)))
        started.append(Running(file, *options, heard=heard))
        return started[-1]

    yield begin
    for one in started:
        with suppress(ProcessLookupError):
            one.child.kill()
        one.child.wait(PATIENCE_S)


def works(said: str) -> bool:
    return all(f"{name}: good signal" in said for name in ("left", "right"))


def test_it_reads_its_file_again_and_ends_with_ledgers(start: Start) -> None:
    run = start()
    said = run.until(works)
    assert f"{run.file}: 2 cameras; demo on " in said

    text = run.file.read_text()
    new = text.replace("model:", '  - {camera: new, source: "sim://?fps=10&size=320x240"}\nmodel:')
    run.file.write_text(new)
    run.until_says("applied; added: new")
    run.until_says("new: good signal")

    run.file.write_text("cameras:\n  - {camera: left, sorce: 1}\n")
    said = run.until_says("refused; the settings from before stay")
    assert f"{run.file}:2: " in said

    run.file.write_text(text.replace("fps: 5", "fps: 4"))
    run.until_says("applied; removed: new; restarted: left, right")
    run.until_says("left: good signal", times=2)
    run.until_says("right: good signal", times=2)

    said = run.end()
    assert run.child.returncode == 0
    assert "Traceback" not in said
    assert "did not end" not in said
    ledgers = [found.groups() for found in LEDGER.finditer(said)]
    assert [name for name, *_ in ledgers] == ["left", "right"]
    for _, read, classified, not_sampled, more in ledgers:
        others = sum(map(int, re.findall(r"(\d+) (?:dropped|rejected)", more)))
        assert int(read) == int(classified) + int(not_sampled) + others > 0
        assert "in flight" not in more


def heard_until(manager: socket.socket, *texts: str) -> list[str]:
    """Datagrams up to one that begins so."""
    found: list[str] = []
    until_s = time.monotonic() + PATIENCE_S
    while not (found and found[-1].startswith(texts)):
        assert time.monotonic() < until_s, found
        found.append(manager.recv(8192).decode())
    return found


def test_systemd_is_told_each_step(start: Start) -> None:
    with (
        TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(f"{folder}/notify")
        manager.settimeout(PATIENCE_S)
        run = start(heard=manager)
        (ready,) = heard_until(manager, "READY=1")
        assert "\nSTATUS=" in ready and " of 2 cameras ok" in ready
        heard_until(manager, "WATCHDOG=1")
        heard_until(manager, "WATCHDOG=1")
        run.until(works)
        run.child.send_signal(signal.SIGHUP)
        reloading = heard_until(manager, "RELOADING=1")[-1]
        assert "\nMONOTONIC_USEC=" in reloading
        heard_until(manager, "READY=1")
        run.until_says("applied; no camera is concerned")
        run.child.send_signal(signal.SIGTERM)
        heard_until(manager, "STOPPING=1")
        run.child.wait(PATIENCE_S)
        assert run.child.returncode == 0


def test_json_is_one_object_a_line_to_the_last(start: Start) -> None:
    run = start(HERE, "--log-format", "json")
    run.until(works)
    said = run.end(signal.SIGINT)
    assert run.child.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert sum(" read = " in line["message"] for line in lines) == 2


def test_a_required_camera_that_is_not_there_ends_it(start: Start) -> None:
    dead = '"sim://?drop=0&drop_for=9999", required: true, connection: {max_retries: 0}'
    text = HERE.replace('right, source: "sim://?fps=10&size=320x240"', f"right, source: {dead}")
    run = start(text)
    assert run.child.wait(PATIENCE_S) == 1
    assert "right: " in run.said
    assert "Traceback" not in run.said


def test_a_file_with_a_mistake_is_told_before_anything_is_loaded(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "line.yaml"
    file.write_text(HERE.replace("fps: 5", "fbs: 5"))
    done = cli("run", "--config", file)
    assert done.code == 2
    assert f"{file}:2: " in done.err
    assert "`fps`" in done.err or "'fps'" in done.err


# -- check


def checked(cli: Cli, folder: Path, text: str, *options: str) -> tuple[int, str]:
    file = folder / "line.yaml"
    file.write_text(text.replace("FOLDER", str(folder)))
    done = cli("check", "--config", file, *options)
    return done.code, done.out


def test_check_shows_that_all_is_well(cli: Cli, tmp_path: Path) -> None:
    text = HERE + f"webhook: {{url: 'http://127.0.0.1:{free_port()}/'}}\n"
    code, out = checked(cli, tmp_path, text, "--json")
    found = json.loads(out)
    assert code == 1  # nobody listens there
    assert found["ok"] is False
    left, right = found["cameras"]
    assert (left["camera"], right["camera"]) == ("left", "right")
    for camera in (left, right):
        assert camera["ok"]
        assert camera["sizes"] == ["320x240"]
        assert camera["fps"] == pytest.approx(10, rel=0.5)
        assert camera["labels_per_s"] == pytest.approx(5, rel=0.2)
    wrong = [one["what"] for one in found["others"] if not one["ok"]]
    assert wrong == ["webhook"]
    capacity = found["capacity"]
    assert capacity["holds"]
    assert capacity["labels_per_s_asked"] == pytest.approx(10, rel=0.2)
    assert capacity["cpus"] == 1


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert isinstance(port, int)
    return port


def test_check_shows_what_is_wrong(cli: Cli, tmp_path: Path) -> None:
    text = """\
cameras:
  - {camera: dead, source: "sim://?drop=0&drop_for=9999", sample: {fps: 3}}
  - camera: small
    source: "sim://?fps=10&size=320x240"
    rotation: 90
    regions: {lane: [0, 0, 300, 200]}
    outputs: {csv: FOLDER/nowhere/o.csv}
model: {name: demo}
runtime: {threads: 1}
"""
    code, out = checked(cli, tmp_path, text)
    assert code == 1
    dead = next(line for line in out.splitlines() if line.lstrip().startswith("dead"))
    assert "dead  " in dead and "3.0" in dead
    assert "region lane reaches beyond the picture of 240x320" in out
    assert "can't be written: No such file or directory" in out
    assert "labels/s asked for" in out
