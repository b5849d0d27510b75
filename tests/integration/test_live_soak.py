"""Memory, threads and files of a live run stay what they are, across losses of the camera, too."""

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.rtsp import RtspServer

pytestmark = pytest.mark.alone

ALLOWED_MB = 40.0  # by which memory may still move after the first minute
LOSS_EVERY = 6  # looks at the process between two losses of the camera


@dataclass(frozen=True)
class Look:
    """The process at one moment."""

    seconds: float
    rss_mb: float
    threads: int
    files: int


def look(pid: int, begun_s: float) -> Look:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Look(
        seconds=time.monotonic() - begun_s,
        rss_mb=int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        threads=int(status["Threads"]),
        files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
    )


def median(looks: list[Look], what: str) -> float:
    return float(statistics.median(getattr(look, what) for look in looks))


@pytest.mark.usefixtures("converted_demo")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
@pytest.mark.parametrize(
    ("looks", "every_s"),
    [
        pytest.param(5, 3, id="short"),
        pytest.param(180, 10, id="30-minutes", marks=[pytest.mark.soak, pytest.mark.timeout(2400)]),
    ],
)
def test_it_can_go_on_for_ever(
    looks: int,
    every_s: float,
    rtsp_server: Callable[..., RtspServer],
    process: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    server = rtsp_server(size="1280x720", fps=30)
    outputs = ["--csv", "o-%H%M%S.csv", "--video", "o-%H%M%S.mp4", "--rotate", "20MB"]
    more = ["--events", "e.json", "--stats", "s.json", "--quiet"]
    run = process("run", server.url, "--model", "demo", *outputs, *more)
    begun_s = time.monotonic()
    seen: list[Look] = []
    for number in range(looks):
        with pytest.raises(subprocess.TimeoutExpired):  # it runs on
            run.wait(every_s)
        seen.append(look(run.pid, begun_s))
        print(seen[-1], flush=True)
        if number % LOSS_EVERY == LOSS_EVERY // 2:
            server.restart()
    # Single looks differ by some 30 MB, as buffers come and go on a busy machine.
    part = max(1, looks // 10)
    early, late = seen[part : 3 * part], seen[-2 * part :]
    assert median(late, "rss_mb") - median(early, "rss_mb") < ALLOWED_MB, seen
    assert median(late, "threads") <= median(early, "threads"), seen
    assert median(late, "files") <= median(early, "files"), seen
    os.kill(run.pid, signal.SIGINT)
    run.communicate(timeout=20)
    assert run.returncode == 130
