"""`streamcls serve` as a program of its own, and as a part of the test."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx

from streamcls.config.options import from_options
from streamcls.plant.model import SharedModel, load_shared
from streamcls.runtime.stop import Stop
from streamcls.web.app import build_app
from streamcls.web.guard import Guard
from streamcls.web.log_tail import LogTail
from streamcls.web.rules import Rules
from streamcls.web.server import Server
from streamcls.web.site import Site
from tests.integration.plant import until

TOKEN = "a-token-that-nobody-guesses"
WITHIN_S = 5.0  # what a stop may take


class Serving:
    """The program, in a folder: its log, its jobs, and its temporary files are there."""

    def __init__(self, folder: Path, *options: object, jobs: Path | None = None) -> None:
        """Starts it; it may still load its model."""
        self.folder, self.jobs = folder, jobs or folder / "jobs"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self._log = folder / "serve.log"
        self._log.write_text("")
        command = [sys.executable, "-m", "streamcls", "serve", "--port", "0", "--jobs", self.jobs]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*map(str, command), *map(str, options)],
                cwd=folder,
                env=os.environ | {"TMPDIR": str(self.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where it is; waits for it."""
        until(lambda: "(Ctrl-C ends it)" in self.said() or self._ended(), "it has its address")
        found = re.search(r"(http://\S+)/ \(Ctrl-C", self.said())
        assert found is not None, self.said()
        return found[1]

    def _ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ready(self, token: str = "") -> Self:
        """When it has its model, and its cameras give labels."""
        url, headers = f"{self.url}/readyz", {"Authorization": f"Bearer {token or None}"}
        until(
            lambda: self._ended() or httpx.get(url, headers=headers).status_code == 200,
            "it is ready",
        )
        assert not self._ended(), self.said()
        return self

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60.0, **options)  # type: ignore[arg-type]

    def said(self) -> str:
        """All of its log."""
        return self._log.read_text(errors="replace")

    def memory_mb(self, which: str = "VmHWM") -> float:
        """The most that it had, in MB of 1,000,000 bytes; or VmRSS, what it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith(which))
        return int(kib) * 1.024e-3

    def children(self) -> set[str]:
        """Ids of its processes."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {pid for one in tasks for pid in (one / "children").read_text().split()}

    def left(self) -> list[Path]:
        """Files in its folders for what comes and goes."""
        found = [*self.temporary.rglob("*"), *self.jobs.rglob("*")]
        return [path for path in found if path.is_file() and path.name != ".lock"]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code; it has five seconds."""
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)

    def kill(self) -> None:
        """As a power cut does. Can be called again."""
        self.process.kill()
        self.process.wait()


@contextmanager
def shared_model() -> Iterator[SharedModel]:
    """The demo model at work."""
    chosen = from_options({"source": "pictures", "model": "demo"})
    model = load_shared((chosen.model, chosen.runtime), Stop(), progress=False)
    with model.turns:
        model.turns.start()
        yield model


def rules_of(jobs: Path, **changed: object) -> Rules:
    """Rules of a server in this process."""
    return Rules("127.0.0.1", 0, jobs=jobs, **changed)  # type: ignore[arg-type]


@contextmanager
def site_of(rules: Rules, model: SharedModel | None = None) -> Iterator[tuple[Site, Guard]]:
    """An app in this process, without a server."""
    with Site(rules, LogTail()) as site:
        if model is not None:
            site.desk.attach(model)
        try:
            yield site, build_app(site)
        finally:
            until(
                lambda: not any("AnyIO" in one.name for one in threading.enumerate()),
                "its threads are gone",
            )


@contextmanager
def served(rules: Rules, model: SharedModel | None = None) -> Iterator[tuple[Site, int]]:
    """The same behind a server on loopback; gives its port."""
    with site_of(rules, model) as (site, app), Server(app, "127.0.0.1", 0, Stop()) as server:
        site.jobs.start()
        server.start()
        try:
            yield site, server.port
        finally:
            site.close()
            server.close()
