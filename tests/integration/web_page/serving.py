"""`streamcls serve` as a process of its own, which can go away and come back."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.integration.plant import WAIT_S, until

_ADDRESS = re.compile(r"(http://127\.0\.0\.1:(\d+))/ \(Ctrl-C")


class Serving:
    """A server in a folder of its own; its address stays the same when it starts again."""

    def __init__(self, folder: Path, *options: object, token: str | None = None) -> None:
        """Starts nothing.

        Args:
            folder: which it works in.
            options: of the command line; without those of port, jobs and token.
            token: that it wants to be told.
        """
        self.folder, self.url = folder, ""
        self._options, self._token, self._port = options, token, 0
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the model and the cameras are there."""
        options = ["--port", self._port, "--jobs", self.folder / "jobs", *self._options]
        if self._token is not None:
            (self.folder / "token.txt").write_text(self._token)
            options += ["--token-file", self.folder / "token.txt"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamcls", "serve", *map(str, options)],
                cwd=self.folder,
                env=os.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            until(self._is_ready, "the server is ready")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it as systemd does. Can be called again."""
        process, self._process = self._process, None
        if process is None:
            return
        before = process.poll()
        process.terminate()
        try:
            process.wait(WAIT_S)
        finally:
            process.kill()
            process.wait()
        assert before is None, f"it had ended by itself, with {before}: {self.said()[-2000:]}"

    def said(self) -> str:
        """All of its log since it was started."""
        return self._log.read_text()

    def get(self, path: str) -> bytes:
        """What it answers to programs."""
        return self._answer("GET", path, None)

    def api(self, path: str) -> Any:
        """The same of the API's JSON."""
        return json.loads(self.get(f"/api/v1/{path}"))

    def send(self, path: str, value: object) -> Any:
        """Posts JSON to the API."""
        return json.loads(self._answer("POST", f"/api/v1/{path}", json.dumps(value).encode()))

    def delete(self, path: str) -> None:
        """Of the API."""
        self._answer("DELETE", f"/api/v1/{path}", None)

    def _answer(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        asked = urllib.request.Request(self.url + path, body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return bytes(answer.read())

    def _is_ready(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.said()[-2000:]
        found = _ADDRESS.search(self.said())
        if found is None:
            return False
        self.url, self._port = found[1], int(found[2])
        info = self.api("info")
        return bool(info["ready"]) and (info["cameras"] > 0 or "--config" not in self._options)
