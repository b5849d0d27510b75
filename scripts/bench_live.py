"""Measures from outside how old a live frame really is when its label is ready.

An RTSP server on loopback (rtsp_clock.py of the test data) writes the time of the push into the
pixels of every frame, so the age is read from the frame itself: encoder, wire, decoder and all
waits are in it, and no reader's own account is believed. Every measurement is a process of its own
with a server of its own; readers take turns.

The classifier is a stand-in, `time.sleep(step)`: like real inference it keeps its caller waiting
and releases the GIL, unlike it it takes no CPU. So the differences seen are those of the readers;
with a real model beside the decoder everything is older. The reading of the code, about 0.1 ms,
comes after the age was taken.

    python scripts/bench_live.py --step-ms 100 --readers plain,plain1,streamcls --csv ages.csv
"""

import argparse
import csv
import importlib
import math
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # peers have another Python, which may lack anything but the standard library
    from cv2 import VideoCapture
    from cv2.typing import MatLike

    from streamcls.records import Result as StreamclsResult

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("STREAMCLS_TEST_DATA", PROJECT.parent / "shared"))
TOOLS = DATA / "tools"
WARM_UP_S = 2.0  # frames are read without the step, so that all begin with what is newest
WINDOW_S = 10
START_S, STALL_S = 60.0, 40.0  # importing torch on a busy machine; OpenCV gives up after 30 s

Ages = Iterator[tuple[float | None, float | None]]
"""True and reported age in ms of each label; None where the code is unreadable, or none is said."""


class Label(NamedTuple):
    """One label: seconds since the first one, and ages in ms."""

    t_s: float
    age_ms: float | None
    reported_ms: float | None


@dataclass(slots=True)
class Result:
    """The labels of one reader, a list for each round, and what went wrong."""

    rounds: list[list[Label]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


# Readers: each runs in a child process and yields the ages of its labels for so many seconds, after
# a warm-up of WARM_UP_S without the step.


def clock_reader() -> "Callable[[MatLike, float], int | None]":
    """What reads the age in ms of an image (BGR) at a time from the code in it."""
    sys.path.append(str(TOOLS))
    read: Callable[[MatLike, float], int | None] = importlib.import_module("clock_code").age_ms
    return read


def labelled(images: "Iterator[MatLike]", step_s: float, seconds: float) -> Ages:
    """Classifies, in its stand-in, every image (BGR) that a reader hands out."""
    age_ms = clock_reader()
    warm = None
    for image in images:
        warm = warm or time.monotonic() + WARM_UP_S
        if time.monotonic() < warm:
            continue
        if time.monotonic() >= warm + seconds:
            return
        time.sleep(step_s)
        yield age_ms(image, time.monotonic()), None


def read_all(capture: "VideoCapture") -> "Iterator[MatLike]":
    """The tutorials' loop."""
    while True:
        ok, image = capture.read()
        if not ok:
            return
        yield image


def plain_ages(url: str, step_s: float, seconds: float) -> Ages:
    """OpenCV as it comes: over TCP, with a decode thread for each core."""
    import cv2

    return labelled(read_all(cv2.VideoCapture(url, cv2.CAP_FFMPEG)), step_s, seconds)


def plain1_ages(url: str, step_s: float, seconds: float) -> Ages:
    """OpenCV with one decode thread."""
    import cv2

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    return labelled(read_all(capture), step_s, seconds)


def ultralytics_ages(url: str, step_s: float, seconds: float) -> Ages:
    """The loader that ultralytics' `predict` reads cameras with, its settings as they come."""
    declare_torchvision_operators()
    loader = importlib.import_module("ultralytics.data.loaders").LoadStreams(url)
    with closing(loader):
        yield from labelled((images[0] for _, images, _ in loader), step_s, seconds)


def declare_torchvision_operators() -> None:
    """Lets PyPI's torchvision load beside a CPU build of torch, as streamcls does for itself."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        import torch

        for name in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
        importlib.import_module("torchvision")


def streamcls_ages(url: str, step_s: float, seconds: float) -> Ages:
    """The pipeline of this project, with the stand-in as its classifier."""
    import numpy as np

    from streamcls.builders.live import build_live
    from streamcls.config.options import from_options
    from streamcls.metrics import Metrics
    from streamcls.protocols import Classified
    from streamcls.records import Prediction
    from streamcls.runtime.output_queue import Wanted
    from streamcls.runtime.stop import Stop

    warm_s = time.monotonic() + WARM_UP_S + 1

    class StandIn:
        """Takes its time."""

        batch = 1
        answer = Prediction(np.array([1.0], np.float32), ("anything",))

        def classify(self, _images: object) -> Classified:
            if time.monotonic() > warm_s:
                time.sleep(step_s)
            return Classified((self.answer,), 0.0, step_s * 1000)

    run = build_live(
        from_options({"source": url}),
        stop=Stop(),
        metrics=Metrics(),
        progress=False,
        classifier=StandIn(),  # type: ignore[arg-type]
    )
    output = run.pipeline.output("bench", Wanted(images=True, newest=True))
    with run.pipeline:
        run.pipeline.start()
        yield from judged(run.pipeline.results(output), seconds)


def resnet18_ages(url: str, _step_s: float, seconds: float) -> Ages:
    """This project with its default model instead of the stand-in."""
    import streamcls

    weights = DATA / "weights" / "resnet18_imagenet.pth"
    yield from judged(streamcls.stream(url, weights=weights), seconds)


def judged(results: "Iterable[StreamclsResult | None]", seconds: float) -> Ages:
    """True age of each result when its label was ready, beside the reported one."""
    age_ms = clock_reader()
    warm = None
    for result in results:
        warm = warm or time.monotonic() + WARM_UP_S
        if time.monotonic() >= warm + seconds:
            return
        if time.monotonic() >= warm and result is not None and result.timing is not None:
            reported_ms = result.timing.age_ms
            ready_s = result.frame.captured_ns / 1e9 + reported_ms / 1000
            yield age_ms(result.frame.image, ready_s), reported_ms


READERS: dict[str, Callable[[str, float, float], Ages]] = {
    "plain": plain_ages,
    "plain1": plain1_ages,
    "ultralytics": ultralytics_ages,
    "streamcls": streamcls_ages,
    "resnet18": resnet18_ages,
}
PEERS = {"ultralytics"}


def child(options: argparse.Namespace) -> None:
    """Runs one reader, and writes each label down at once: a reader that hangs is killed."""
    begun = None
    ages = READERS[options.child](options.url, options.step_ms / 1000, options.seconds)
    with options.labels.open("w", newline="", buffering=1) as file:
        writer = csv.writer(file)
        for age_ms, reported_ms in ages:
            now = time.monotonic()
            begun = begun or now
            writer.writerow((f"{now - begun:.3f}", age_ms, reported_ms))


@contextmanager
def clock_server(options: argparse.Namespace) -> Iterator[str]:
    """The URL of a server whose frames say when they were pushed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [options.server_python, str(TOOLS / "rtsp_clock.py"), port]
    command += [options.size, str(options.fps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ready, _, _ = select.select([server.stdout], [], [], START_S)
            if not ready or server.stdout.readline().strip() != "up":
                sys.exit(f"{TOOLS / 'rtsp_clock.py'} does not start (see above)")
            yield f"rtsp://127.0.0.1:{port}/cam"
        finally:
            server.kill()


def measure(reader: str, options: argparse.Namespace, result: Result) -> None:
    """Adds one round of one reader."""
    with tempfile.TemporaryDirectory() as name, clock_server(options) as url:
        labels, log = Path(name) / "labels.csv", Path(name) / "log"
        python = options.peer_python if reader in PEERS else sys.executable
        command = [python, __file__, "--child", reader, "--url", url, "--labels", str(labels)]
        command += ["--step-ms", str(options.step_ms), "--seconds", str(options.seconds)]
        # Readers as they come; ultralytics leaves no settings behind and asks no network.
        environ = {k: v for k, v in os.environ.items() if k != "OPENCV_FFMPEG_CAPTURE_OPTIONS"}
        environ |= {"YOLO_CONFIG_DIR": name, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
        limit_s = START_S + WARM_UP_S + options.seconds + STALL_S
        trouble = ""
        with log.open("w") as out:
            try:
                code = subprocess.run(
                    command, stdout=out, stderr=out, env=environ, timeout=limit_s
                ).returncode
                trouble = f"ended with {code}" if code else ""
            except subprocess.TimeoutExpired:
                trouble = f"hung, killed after {limit_s:.0f} s"
        found = read_labels(labels)
        result.rounds.append(found)
        if trouble:
            last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
            result.notes.append(f"{trouble}: {last}")
        elif not found or found[-1].t_s < options.seconds - 1:
            last_s = f"{found[-1].t_s:.1f} s" if found else "the warm-up"
            result.notes.append(f"no more labels after {last_s}")


def read_labels(path: Path) -> list[Label]:
    """What a child has written."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [[float(cell) if cell else None for cell in row] for row in csv.reader(file)]
    return [Label(row[0] or 0.0, row[1], row[2]) for row in rows if len(row) == 3]


def percentile(values: list[float], percent: float) -> str:
    """The nearest rank, as text."""
    if not values:
        return "-"
    return f"{sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]:.0f}"


def ages_within(labels: list[Label], begin_s: float, end_s: float) -> list[float]:
    """True ages in ms of the labels given in a part of the time."""
    return [x.age_ms for x in labels if x.age_ms is not None and begin_s <= x.t_s < end_s]


def report(results: dict[str, Result], options: argparse.Namespace) -> None:
    """A table of all rounds together; a column for each window shows whether the age grows."""
    print(
        f"{options.size} at {options.fps} fps, step {options.step_ms:g} ms,"
        f" {options.rounds} x {options.seconds:g} s; true age in ms of a frame at its label"
    )
    begins = range(0, math.ceil(options.seconds), WINDOW_S)
    print(f"{'':12} {'labels':>7} {'/s':>6} {'p50':>6} {'p99':>6} {'rep. p50':>9}", end="  ")
    print("p50 from", *(f"{begin:>4} s" for begin in begins))
    for reader, result in results.items():
        labels = [label for one in result.rounds for label in one]
        ages = ages_within(labels, 0, math.inf)
        reported = [x.reported_ms for x in labels if x.reported_ms is not None]
        rate = len(labels) / (options.seconds * options.rounds)
        print(f"{reader:12} {len(labels):7} {rate:6.1f}", end=" ")
        print(f"{percentile(ages, 50):>6} {percentile(ages, 99):>6}", end=" ")
        print(f"{percentile(reported, 50):>9}", " " * 9, end=" ")
        windows = (ages_within(labels, begin, begin + WINDOW_S) for begin in begins)
        print(*(f"{percentile(window, 50):>6}" for window in windows))
        if len(ages) < len(labels):
            result.notes.append(f"{len(labels) - len(ages)} labels of frames without a whole code")
    for reader, result in results.items():
        for note in result.notes:
            print(f"{reader}: {note}")


def write_csv(path: Path, results: dict[str, Result]) -> None:
    """A row for each label."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("reader", "t_s", "age_ms", "reported_ms", "round"))
        for reader, result in results.items():
            for number, labels in enumerate(result.rounds, start=1):
                writer.writerows((reader, *label, number) for label in labels)


def plot(path: Path, results: dict[str, Result], seconds: float) -> None:
    """Draws the median age of each second, on a logarithmic scale from 10 ms to 100 s."""
    from PIL import Image, ImageDraw, ImageFont

    left, top, width, height = 70, 20, 800, 400
    picture = Image.new("RGB", (left + width + 150, top + height + 40), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)

    def place(t_s: float, age_ms: float) -> tuple[float, float]:
        share = (math.log10(max(age_ms, 10)) - 1) / 4
        return left + width * t_s / seconds, top + height * (1 - share)

    for power in range(1, 6):
        draw.line([place(0, 10**power), place(seconds, 10**power)], fill="lightgrey")
        draw.text((5, place(0, 10**power)[1] - 8), f"{10**power} ms", fill="black", font=font)
    for t_s in range(0, int(seconds) + 1, max(WINDOW_S, int(seconds) // 10)):
        draw.text((place(t_s, 10)[0], top + height + 8), f"{t_s} s", fill="black", font=font)
    colours = ("firebrick", "darkorange", "royalblue", "seagreen")
    for number, (reader, result) in enumerate(results.items()):
        labels = [label for one in result.rounds for label in one]
        spans = ((t_s, ages_within(labels, t_s, t_s + 1)) for t_s in range(math.ceil(seconds)))
        curve = [place(t_s + 0.5, statistics.median(ages)) for t_s, ages in spans if ages]
        colour = colours[number % len(colours)]
        draw.line(curve, fill=colour, width=3)
        draw.text((left + width + 15, top + 22 * number), reader, fill=colour, font=font)
    picture.save(path)


def parsed() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--size", default="1280x720", help="WIDTHxHEIGHT, even and at least 640 wide")
    add("--fps", type=int, default=30)
    add("--seconds", type=float, default=60.0, help="for each reader, after the warm-up")
    add("--step-ms", type=float, default=7.0, help="what the stand-in classifier takes")
    add("--readers", default=",".join(READERS), help="in this order; default: %(default)s")
    add("--rounds", type=int, default=1, help="turns of all readers")
    add("--csv", type=Path, help="write every label")
    add("--plot", type=Path, help="draw the ages as a PNG")
    add("--peer-python", help="a Python that has ultralytics and OpenCV")
    add("--server-python", default="/usr/bin/python3", help="one with gi and gst-rtsp-server")
    add("--child", choices=READERS, help=argparse.SUPPRESS)
    add("--url", help=argparse.SUPPRESS)
    add("--labels", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.readers = options.readers.split(",")
    if unknown := set(options.readers) - set(READERS):
        parser.error(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(READERS)}")
    if options.seconds <= 0 or options.rounds < 1:
        parser.error("--seconds must be above 0, --rounds at least 1")
    if not options.child and not options.peer_python and PEERS & set(options.readers):
        parser.error("ultralytics needs --peer-python; leave it out with --readers plain,streamcls")
    if not (TOOLS / "rtsp_clock.py").exists():
        parser.error(f"no rtsp_clock.py in {TOOLS}; STREAMCLS_TEST_DATA can name another folder")
    return options


def main() -> None:
    """Lets the readers take turns, prints the table."""
    options = parsed()
    if options.child:
        child(options)
        return
    results = {reader: Result() for reader in options.readers}
    for number in range(options.rounds):
        for reader, result in results.items():
            print(f"round {number + 1} of {options.rounds}: {reader}", file=sys.stderr)
            measure(reader, options, result)
    report(results, options)
    if options.csv:
        write_csv(options.csv, results)
    if options.plot:
        plot(options.plot, results, options.seconds)


if __name__ == "__main__":
    main()
