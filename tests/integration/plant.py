"""A run over many cameras as a process of its own, and what can be seen of it from outside."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.rtsp import free_port

WAIT_S = 60.0  # for what is sure to come, on a busy machine too
LOOK_S = 0.1
LANDED_S = 0.7  # after which the row of a frame is in its file


def until(true: Callable[[], object], what: str, *, within_s: float = WAIT_S) -> None:
    """Returns as soon as something is so."""
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, f"not within {within_s:.0f} s: {what}"
        time.sleep(LOOK_S)


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path | None]:
    """A file system in memory, which only root may mount; None where there can't be one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Scrape:
    """What /metrics said at one moment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found = self._values.setdefault(sample.name, [])
                found.append((dict(sample.labels), sample.value))

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric that have these labels."""
        found = self._values.get(f"streamcls_{name}", [])
        return sum(value for said, value in found if labels.items() <= said.items())

    @property
    def cameras(self) -> list[str]:
        return [said["camera"] for said, _ in self._values.get("streamcls_frames_read_total", [])]

    def state(self, camera: str) -> str:
        states = self._values.get("streamcls_camera_state", [])
        now = [said["state"] for said, on in states if said["camera"] == camera and on]
        return ", ".join(now)

    def unbalanced(self) -> dict[str, float]:
        """By how much the ledgers are off; only of cameras where they are."""
        off = {
            name: self.value("frames_read_total", camera=name)
            - self.value("frames_total", camera=name)
            - self.value("frames_in_flight", camera=name)
            for name in self.cameras
        }
        return {name: by for name, by in off.items() if by}


@dataclass(frozen=True, slots=True)
class Row:
    """A label in a CSV file; `captured_s` is since the epoch."""

    file: str
    frame: int
    captured_s: float


class PlantRun:
    """`streamcls run --config` in a folder, which can be killed and started again."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Starts nothing; there are no settings yet."""
        self.folder = folder
        self.file = folder / "line.yaml"
        self.port = free_port()
        self.scraped: list[str] = []  # texts, to look through in the end
        self._log = folder / "run.log"
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        """Replaces the settings file, as editors do."""
        new = self.file.with_name("line.yaml.new")
        new.write_text(text)
        new.replace(self.file)

    def write_settings(self, settings: Mapping[str, object]) -> None:
        self.write(yaml.safe_dump(dict(settings), sort_keys=False))

    def start(self, *more: str) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "streamcls", "run", "--config", str(self.file), *more]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._answers, "the run answers")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.said()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Ends it as a power cut does. Can be called again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_S)
            self._process = None

    def stop(self) -> int:
        """Ends it as systemd does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(WAIT_S)
        self._process = None
        return code

    def hang_up(self) -> None:
        """Asks it to read its settings again."""
        os.kill(self.pid, signal.SIGHUP)

    def said(self) -> str:
        """All of its log."""
        return self._log.read_text() if self._log.exists() else ""

    def scrape(self) -> Scrape:
        """What /metrics says; the ledgers have to balance each time."""
        address = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            text = answer.read().decode()
        self.scraped.append(text)
        found = Scrape(text)
        assert not found.unbalanced(), found.unbalanced()
        return found

    def wait_for_state(self, camera: str, *states: str) -> None:
        until(lambda: self.scrape().state(camera) in states, f"{camera} is {' or '.join(states)}")

    def rows(self, camera: str) -> list[Row]:
        """All labels of a camera, in the order in which they were captured."""
        found: list[Row] = []
        for path in self.files(camera, ".csv"):
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    captured_s = datetime.fromisoformat(row["captured_utc"]).timestamp()
                    found.append(Row(path.name, int(row["frame"]), captured_s))
        return sorted(found, key=lambda row: row.captured_s)

    def files(self, camera: str, ending: str) -> list[Path]:
        """Of a camera's outputs, in the folders of the run's."""
        return sorted(self.folder.glob(f"*/{camera}-*{ending}"))

    def labels_per_s(
        self, cameras: Sequence[str], begin_s: float, end_s: float
    ) -> dict[str, float]:
        """Labels of frames captured between two times of the clock, a second."""
        return {
            camera: sum(begin_s <= row.captured_s < end_s for row in self.rows(camera))
            / (end_s - begin_s)
            for camera in cameras
        }

    def watch(self, cameras: Sequence[str], seconds: float) -> dict[str, float]:
        """Labels a second of each camera over the next seconds, with a scrape now and then."""
        begin_s = time.time()
        while (left_s := begin_s + seconds - time.time()) > 0:
            if self._process is not None:
                self.scrape()
            time.sleep(min(1.0, left_s))
        time.sleep(LANDED_S)
        return self.labels_per_s(cameras, begin_s, begin_s + seconds)

    def wait_for_rows(self, *cameras: str, count: int = 3) -> None:
        """Returns when frames of all these cameras, captured from now on, have labels."""
        since_s = time.time()
        for camera in cameras:
            until(
                lambda name=camera: (  # type: ignore[misc]
                    sum(row.captured_s > since_s for row in self.rows(name)) >= count
                ),
                f"new labels of {camera}",
            )

    def rss_mb(self) -> float:
        """Its memory now, in MB of 1,000,000 bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return int(kib) * 1.024e-3
