"""How many cameras this machine holds: real RTSP on loopback, one classifier for all.

    .venv/bin/python scripts/bench_plant.py --model line-int8 --cameras 4 --cameras 16 CLIP…

Each camera plays one of the clips at 1280x720 and 15 fps, encoded beforehand, so the server takes a
few per cent of a CPU. Needs ffmpeg and what the integration tests need (scripts/test installs it).
"""

import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from streamcls.config.plant import PlantSettings
from streamcls.media import av
from streamcls.plant.plant import Plant
from streamcls.records import Event, Result
from streamcls.runtime.stop import Stop

SERVER = Path(__file__).with_name("rtsp_cameras.py")
WARM_UP_S = 8.0
TICKS = 100  # of /proc's clock, a second


def encoded(clip: Path, folder: Path, *, fps: int, bitrate: str) -> Path:
    """The clip as a camera sends it: access units of H.264, one slice each, no reordering."""
    raw, units = folder / f"{clip.stem}.264", folder / f"{clip.stem}.units"
    fit = "scale=1280:720:force_original_aspect_ratio=increase,crop=1280:720"
    codec = f"-c:v libx264 -preset medium -tune zerolatency -threads 1 -bf 0 -g {2 * fps}"
    rate = f"-b:v {bitrate} -maxrate {bitrate} -bufsize {bitrate} -pix_fmt yuv420p"
    command = ["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", str(clip), "-t", "20", "-an"]
    command += ["-vf", fit, "-r", str(fps), *codec.split(), *rate.split(), str(raw)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with av.open(str(raw)) as container, units.open("wb") as out:
        for packet in container.demux(video=0):
            if packet.size:
                out.write(struct.pack(">I", packet.size) + bytes(packet))
    return units


@contextmanager
def cameras(count: int, fps: int, files: list[Path]) -> Iterator[list[str]]:
    """Addresses of so many cameras, which play while inside."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["/usr/bin/python3", str(SERVER), str(port), str(count), str(fps), *map(str, files)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None and server.stdin is not None
        server.stdout.readline()
        try:
            yield [f"rtsp://127.0.0.1:{port}/cam{number}" for number in range(count)]
        finally:
            server.stdin.close()


def cpu_s() -> dict[str, float]:
    """CPU seconds of this process so far, by what its threads do."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: dict[str, float] = defaultdict(float)
    for task in Path("/proc/self/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # it has just ended
            continue
        name = names.get(int(task.name), "classify")  # threads that are not ours are the engine's
        part = next((part for part in ("capture", "classify") if part in name), "other")
        found[part] += (int(fields[11]) + int(fields[12])) / TICKS
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """What a number of cameras came to."""

    cameras: int
    labels: list[float]
    lost: Counter[str]
    ages_ms: NDArray[np.float64]
    cpus: dict[str, float]
    rss_mb: float

    def line(self) -> str:
        """It as a line of the table."""
        p50, p99 = np.percentile(self.ages_ms, (50, 99))
        cpus = "".join(f"{self.cpus.get(part, 0):6.2f}" for part in ("capture", "classify"))
        lost = ", ".join(f"{count} {cause}" for cause, count in self.lost.items()) or "none"
        return (
            f"{self.cameras:7}{min(self.labels):9.2f}{max(self.labels):6.2f}{sum(self.labels):8.1f}"
            f"{p50:9.0f}{p99:6.0f}{cpus}{sum(self.cpus.values()):6.2f}{self.rss_mb:7.0f}  {lost}"
        )


HEAD = (
    "         labels/s of each camera     age ms      CPUs: reading,\n"
    "cameras      min   max     sum      p50   p99  inference, all        MB  lost"
)


class Ages:
    """A sink that keeps the labels' ages while it is told to."""

    every_frame = False

    def __init__(self) -> None:
        """Is not told to yet."""
        self.on = False
        self.kept: list[float] = []

    def write(self, result: Result) -> None:
        """Keeps one."""
        if self.on and result.timing is not None:
            self.kept.append(result.timing.age_ms)

    def event(self, event: Event) -> None:
        """Of no interest."""

    def close(self) -> None:
        """Nothing to end."""


def measured(settings: PlantSettings, seconds: float) -> Row:
    """Runs them all, and looks at the seconds after the warm-up."""
    stop, ages = Stop(), Ages()
    with Plant(settings, Path("bench"), stop, progress=False) as plant:
        plant.start()
        running = plant.cameras.running
        for one in running:
            one.run.pipeline.add("ages", ages)
        time.sleep(WARM_UP_S)
        before, cpu_before, begun = (
            [one.metrics.snapshot() for one in running],
            cpu_s(),
            time.monotonic(),
        )
        ages.on = True
        time.sleep(seconds)
        ages.on, took = False, time.monotonic() - begun
        cpus = {part: (now - cpu_before[part]) / took for part, now in cpu_s().items()}
        after = [one.metrics.snapshot() for one in running]
        status = Path("/proc/self/status").read_text()
    lost: Counter[str] = Counter()
    for a, b in zip(before, after, strict=True):
        lost.update(dict(b.dropped) | dict(b.rejected))
        lost.subtract(dict(a.dropped) | dict(a.rejected))
    labels = [(b.classified - a.classified) / took for a, b in zip(before, after, strict=True)]
    (rss,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return Row(len(running), labels, +lost, np.array(ages.kept), cpus, int(rss) * 1.024e-3)


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="resnet18", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path))
@click.option("--backend", default="auto", show_default=True)
@click.option("--cameras", "counts", type=int, multiple=True, default=(4, 16), show_default=True)
@click.option("--fps", default=15, show_default=True, help="Frames a second of each camera.")
@click.option("--labels", default=5.0, show_default=True, help="Labels a second of each camera.")
@click.option("--bitrate", default="1500k", show_default=True, help="Of each camera.")
@click.option("--seconds", default=30.0, show_default=True)
def main(
    clips: tuple[Path, ...],
    model: str,
    weights: Path | None,
    backend: str,
    counts: tuple[int, ...],
    fps: int,
    labels: float,
    bitrate: str,
    seconds: float,
) -> None:
    """Plays CLIPs from so many cameras, and prints what became of their labels."""
    asked = {"name": model, "backend": backend} | ({"weights": weights} if weights else {})
    with tempfile.TemporaryDirectory() as folder:
        files = [encoded(clip, Path(folder), fps=fps, bitrate=bitrate) for clip in clips]
        print(HEAD)
        for count in counts:
            with cameras(count, fps, files) as urls:
                given = [
                    {"camera": f"cam{at}", "source": url, "sample": {"fps": labels}}
                    for at, url in enumerate(urls)
                ]
                settings = PlantSettings.model_validate({"cameras": given, "model": asked})
                print(measured(settings, seconds).line(), flush=True)


if __name__ == "__main__":
    main()
