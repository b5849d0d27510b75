"""What live views cost: one real RTSP camera's labels with no viewer and with many.

    .venv/bin/python scripts/bench_viewers.py --model match-int8 CLIP

The camera plays CLIP at 1280x720 and 30 fps and every frame is classified. Then so many viewers
look at its large pictures, one of which reads a byte a second. They run on the same machine, and
so does the camera. Needs what scripts/bench_plant.py needs.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))
from bench_plant import cameras, encoded

PORT = 8606
WARM_UP_S = 8.0
TICKS = 100  # of /proc's clock, a second


def asked(path: str) -> Any:
    """An answer of the server."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=5) as answer:
        return json.load(answer)


def ready() -> None:
    """Waits for the camera's first label."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if asked("/api/v1/status")["cameras"][0]["ledger"]["classified"]:
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.2)
    raise SystemExit("no label came")


@dataclass(frozen=True, slots=True)
class Row:
    """What a number of viewers came to."""

    viewers: int
    labels_per_s: float
    lost: int
    ages_ms: list[float]
    cpus: float
    pictures_per_s: float


async def look(count: int, seconds: float, pictures: list[int], slow: bool) -> None:
    """One viewer: reads all it gets and counts the pictures, or a byte a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=2**20)
    writer.write(b"GET /api/v1/cameras/line/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = await reader.read(1 if slow else 2**18)
        pictures[count] += data.count(b"X-Camera")
        if slow:
            await asyncio.sleep(1)
    writer.close()


def looking(viewers: int, seconds: float) -> "subprocess.Popen[str]":
    """All of them, in a process of their own."""
    command = [sys.executable, __file__, "--look", str(viewers), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _look(viewers: int, seconds: float) -> None:
    pictures = [0] * viewers

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for at in range(viewers):
                group.create_task(look(at, seconds, pictures, slow=at == 0))

    asyncio.run(all_of_them())
    print(statistics.median(pictures[1:]) / seconds if viewers > 1 else 0.0)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(pid: int, viewers: int, seconds: float) -> Row:
    """The labels while so many look."""
    process = looking(viewers, seconds + 2) if viewers else None
    time.sleep(1)
    before, begun, cpu = asked("/api/v1/status")["cameras"][0], time.monotonic(), cpu_s(pid)
    ages = []
    while time.monotonic() < begun + seconds:
        time.sleep(0.25)
        age = asked("/api/v1/cameras/line")["age_ms"]
        ages += [] if age is None else [age]
    after, took = asked("/api/v1/status")["cameras"][0], time.monotonic() - begun
    cpus = (cpu_s(pid) - cpu) / took
    then, now = before["ledger"], after["ledger"]
    lost = sum(now["dropped"].values()) + sum(now["rejected"].values())
    lost -= sum(then["dropped"].values()) + sum(then["rejected"].values())
    pictures = 0.0
    if process is not None:
        pictures = float(process.communicate(timeout=60)[0])
    labels = (now["classified"] - then["classified"]) / took
    return Row(viewers, labels, lost, ages, cpus, pictures)


@click.command()
@click.argument("clip", type=click.Path(path_type=Path, exists=True))
@click.option("--model", required=True, help="Bundle.")
@click.option("--viewers", default=20, show_default=True)
@click.option("--rounds", default=2, show_default=True)
@click.option("--seconds", default=20.0, show_default=True)
def main(clip: Path, model: str, viewers: int, rounds: int, seconds: float) -> None:
    """Plays CLIP, and prints what became of its labels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = encoded(clip, folder, fps=30, bitrate="3000k")
        with cameras(1, 30, [file]) as (url,):
            config = folder / "line.yaml"
            config.write_text(
                f"model: {{name: {Path(model).absolute()}}}\n"
                f"cameras:\n  - {{camera: line, source: '{url}'}}\n"
            )
            command = [sys.executable, "-m", "streamcls", "serve", "--config", str(config)]
            command += ["--port", str(PORT), "--jobs", str(folder / "jobs"), "--quiet"]
            with subprocess.Popen(command, env=os.environ) as server:
                try:
                    ready()
                    time.sleep(WARM_UP_S)
                    print("viewers  labels/s  lost  age p50, p99 ms  CPUs  pictures/s of a viewer")
                    for _ in range(rounds):
                        for count in (0, viewers):
                            _print(measured(server.pid, count, seconds))
                finally:
                    server.terminate()


def _print(row: Row) -> None:
    ages = sorted(row.ages_ms)
    p50, p99 = (ages[min(len(ages) - 1, round(share * len(ages)))] for share in (0.5, 0.99))
    print(
        f"{row.viewers:7}{row.labels_per_s:10.2f}{row.lost:6}{p50:10.0f}{p99:6.0f}"
        f"{row.cpus:7.2f}{row.pictures_per_s:12.1f}",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        _look(int(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
