"""Requests a second of `streamcls serve`, beside the usual Flask service in the same run.

    .venv/bin/pip install flask gunicorn
    .venv/bin/python scripts/bench_web.py --model match-int8 --weights resnet18.pth photo.jpg

Both classify one photograph of 500x375 again and again, asked by wrk on the same machine, taking
turns. Flask gets the best of three settings, which a trial at the most clients finds, as workers,
threads of each, and threads of torch: a worker for each CPU; one worker whose torch uses all; one
worker with more threads.
"""

import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import click
from PIL import Image

HERE = Path(__file__).parent
SIZE = (500, 375)  # px
BOUNDARY = "----streamcls"
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured."""

    per_s: float
    p50_ms: float
    p99_ms: float
    bad: int


@contextmanager
def running(command: list[str], url: str, **environment: str) -> Iterator[str]:
    """A service at this address."""
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env=environ, stdout=said, stderr=said) as service,
    ):
        try:
            _await(service, url)
            yield url
        except BaseException:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace")[-2000:])
            raise
        finally:
            service.terminate()


def _await(service: "subprocess.Popen[bytes]", url: str) -> None:
    host, path = url.removeprefix("http://").split("/", 1)
    until = time.monotonic() + START_S
    ready = "/readyz" if path.startswith("api") else "/"
    while time.monotonic() < until and service.poll() is None:
        try:
            connection = http.client.HTTPConnection(host, timeout=5)
            connection.request("GET", ready)
            if connection.getresponse().status != 503:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url}: does not answer")


def loaded(url: str, script: Path, clients: int, seconds: int) -> Load:
    """So many clients ask again and again."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "--latency"]
    said = subprocess.run(
        [*command, "-s", str(script), url], check=True, capture_output=True, text=True
    ).stdout
    times = {
        share: float(number) * UNITS_MS[unit]
        for share, number, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)
    }
    per_s = re.search(r"Requests/sec:\s+([\d.]+)", said)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    assert per_s is not None
    return Load(float(per_s[1]), times["50"], times["99"], int(bad[1]) if bad else 0)


def request_script(picture: Path, folder: Path) -> Path:
    """What wrk sends: a form with the photograph, scaled."""
    data = BytesIO()
    Image.open(picture).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC).save(
        data, "JPEG", quality=90
    )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n'
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode()
    body += data.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()
    (folder / "body").write_bytes(body)
    script = folder / "post.lua"
    script.write_text(
        f'local file = io.open("{folder / "body"}", "rb")\n'
        'wrk.method, wrk.body = "POST", file:read("*all")\nfile:close()\n'
        f'wrk.headers["Content-Type"] = "multipart/form-data; boundary={BOUNDARY}"\n'
    )
    return script


def services(model: str, weights: Path, folder: Path, cpus: int) -> dict[str, tuple[object, ...]]:
    """Command, address and environment of each."""
    ours = [sys.executable, "-m", "streamcls", "serve", "--model", model]
    found: dict[str, tuple[object, ...]] = {
        "streamcls": (
            [*ours, "--port", "8601", "--jobs", str(folder / "jobs"), "--quiet"],
            "http://127.0.0.1:8601/api/v1/classify",
            {},
        )
    }
    settings = ((cpus, 1, 1), (1, 1, cpus), (1, 2 * cpus, 1))
    for at, (workers, threads, of_torch) in enumerate(settings):
        port = 8602 + at
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", str(workers), "--threads", str(threads)]
        command += ["--chdir", str(HERE), "plain_service:app"]
        environment = {"THREADS": str(of_torch), "WEIGHTS": str(weights.absolute())}
        found[f"Flask {workers}/{threads}/{of_torch}"] = (
            command,
            f"http://127.0.0.1:{port}/predict",
            environment,
        )
    return found


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, exists=True))
@click.option("--model", required=True, help="Bundle that streamcls serves.")
@click.option("--weights", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--clients", multiple=True, type=int, default=(1, 4, 16), show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=10, show_default=True)
def main(
    picture: Path, model: str, weights: Path, clients: tuple[int, ...], rounds: int, seconds: int
) -> None:
    """Asks both for PICTURE's labels, and prints what came of it."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; on Debian and Ubuntu: apt install wrk")
    cpus = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, known = request_script(picture, folder), services(model, weights, folder, cpus)
        trials = {}
        for service in [one for one in known if one.startswith("Flask")]:
            command, url, environment = known[service]
            with running(command, url, **environment):  # type: ignore[arg-type]
                loaded(str(url), script, max(clients), 3)
                trials[service] = loaded(str(url), script, max(clients), seconds).per_s
                print(f"{service}: {trials[service]:.1f}/s at a trial", flush=True)
        best = max(trials, key=lambda service: trials[service])
        found: dict[tuple[str, int], list[Load]] = defaultdict(list)
        for _ in range(rounds):
            for service in (best, "streamcls"):
                command, url, environment = known[service]
                with running(command, url, **environment):  # type: ignore[arg-type]
                    loaded(str(url), script, 4, 3)
                    for count in clients:
                        found[service, count].append(loaded(str(url), script, count, seconds))
        _print(found, best)


def _print(found: dict[tuple[str, int], list[Load]], best: str) -> None:
    print("service        clients  requests/s (spread)      p50 ms  p99 ms  not 200  times Flask")
    for (service, count), loads in sorted(found.items(), key=lambda one: (one[0][1], one[0][0])):
        rates = [one.per_s for one in loads]
        base = statistics.median(one.per_s for one in found[best, count])
        p50, p99 = (
            statistics.median(getattr(one, name) for one in loads) for name in ("p50_ms", "p99_ms")
        )
        spread = f"({min(rates):.0f}-{max(rates):.0f})"
        rate = statistics.median(rates)
        bad = sum(one.bad for one in loads)
        print(
            f"{service:15}{count:7}{rate:9.1f} {spread:14}{p50:10.1f}{p99:8.1f}{bad:9}"
            f"{rate / base:13.2f}"
        )


if __name__ == "__main__":
    main()
