"""Measures streamcls beside the loop that tutorials show, on the same clip with the same weights.

The plain loop reads with cv2.VideoCapture, goes through Pillow and torchvision's transforms, and
calls the eager model, one frame at a time with torch's default threads. Every measurement is a
process of its own; they take turns, since a machine's speed drifts, and medians and ratios are what
counts. At the end openvino int8 beside its floor: its parts alone, with every CPU busy.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from streamcls.bench.parts import Cost
from streamcls.bench.pipeline import floor
from streamcls.builders.backend import available_threads
from streamcls.demo.clip import render
from streamcls.inference import engines
from streamcls.media import av, cv2

PROJECT = Path(__file__).parent.parent
DATA = Path(os.environ.get("STREAMCLS_TEST_DATA", PROJECT.parent / "shared"))
WEIGHTS = DATA / "weights" / "resnet18_imagenet.pth"
CLIP = DATA / "media" / "videos" / "drewnoakes_Issue_515__java_.mp4"
SIZE, BIT_RATE, LOOPS = (1920, 1080), 5_000_000, 3
IMAGES = DATA / "media" / "images"  # to calibrate on
PLAIN, FLOOR = "plain loop", "openvino int8"
WAYS = {  # engine, precision, whether it writes an annotated video, too
    PLAIN: ("", "", False),
    "torch fp32": ("torch", "fp32", False),
    "torch fp32 + video": ("torch", "fp32", True),
    "onnx fp32": ("onnx", "fp32", False),
    "onnx int8": ("onnx", "int8", False),
    "openvino fp32": ("openvino", "fp32", False),
    "openvino bf16": ("openvino", "bf16", False),
    "openvino int8": ("openvino", "int8", False),
    "openvino int8 + video": ("openvino", "int8", True),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is: clip, weights (None is the demo model), and a folder for the rest."""

    clip: Path
    weights: Path | None
    folder: Path

    def plain_model(self) -> list[str]:
        """Options that name the model."""
        return ["--weights", str(self.weights)] if self.weights else ["--model", "demo"]

    def model(self, way: str) -> list[str]:
        """Options that name it as a way runs it."""
        engine, precision, _ = WAYS[way]
        if precision == "int8":
            return ["--model", str(self.bundle(engine))]
        return [*self.plain_model(), "--backend", engine, "--precision", precision]

    def bundle(self, engine: str) -> Path:
        """Where the bundle in int8 is."""
        return self.folder / f"{engine}-int8"


def possible(way: str) -> bool:
    """Whether its engine is installed and this CPU can compute so."""
    engine, precision, _ = WAYS[way]
    if way == PLAIN:
        return True
    return engines.installed(engine) and (precision != "bf16" or engines.has_bf16(engine))


def prepare(place: Place, ways: list[str]) -> None:
    """Exports to int8 and converts to float32, so that no measurement has to."""
    calibrate = IMAGES if place.weights and IMAGES.is_dir() else place.clip
    for engine in sorted({WAYS[way][0] for way in ways if WAYS[way][1] == "int8"}):
        print(f"exporting to {engine} int8, calibrated on {calibrate}", file=sys.stderr)
        weights = ["--weights", str(place.weights)] if place.weights else []
        command = ["export", "resnet18" if place.weights else "demo", *weights, "--quiet"]
        command += ["--backend", engine, "--precision", "int8", "--calibrate", str(calibrate)]
        streamcls(*command, "--min-agreement", "0", "--out", str(place.bundle(engine)))
    for way in ways:
        if way != PLAIN:
            run(place, way, "--duration", "0.5")


def streamcls(*arguments: str) -> None:
    """The command line, in a process of its own."""
    subprocess.run([sys.executable, "-m", "streamcls", *arguments], check=True)


def run(place: Place, way: str, *more: str) -> dict[str, float]:
    """`streamcls run`; its statistics."""
    stats = place.folder / "stats.json"
    video = ["--video", str(place.folder / "out.mp4")] if WAYS[way][2] else []
    outputs = ["--csv", str(place.folder / "out.csv"), "--stats", str(stats), *video]
    common = ["--quiet", "--overwrite", *place.model(way), *outputs, *more]
    streamcls("run", str(place.clip), *common)
    read: dict[str, float] = json.loads(stats.read_text())
    return read


def make_clip(place: Place) -> None:
    """A clip several times over as 1080p H.264 at 5 Mbit/s."""
    source = CLIP
    if not CLIP.exists():
        render(source := place.folder / "demo.mp4")
    with av.open(str(place.clip), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate = BIT_RATE
        count = itertools.count()
        for _ in range(LOOPS):
            with av.open(str(source)) as container:
                for frame in container.decode(video=0):
                    scaled = frame.reformat(*SIZE, format="yuv420p")
                    scaled.pts, scaled.time_base = next(count), Fraction(1, 30)
                    output.mux(stream.encode(scaled))
        output.mux(stream.encode(None))


def plain_loop(clip: Path, weights: Path | None) -> tuple[int, float]:
    """Frames and seconds of the tutorials' loop, start-up apart."""
    from PIL import Image

    from streamcls.builders.backend import load_network
    from streamcls.config.settings import ModelSettings

    name = "demo" if weights is None else "resnet18"
    model = load_network(ModelSettings(name=name, weights=weights), progress=False).module
    import torch
    from torchvision import transforms

    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )
    capture = cv2.VideoCapture(str(clip))
    frames = 0
    with torch.no_grad():
        model(torch.zeros(1, 3, 224, 224))
        begun = time.monotonic()
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            picture = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            probs = torch.softmax(model(transform(picture).unsqueeze(0)), dim=1)
            torch.topk(probs, 3)
            frames += 1
    return frames, time.monotonic() - begun


def parts_alone(place: Place) -> dict[str, dict[str, float]]:
    """What each part of `FLOOR` takes a frame; in this process."""
    from streamcls.bench import parts
    from streamcls.builders.backend import Work
    from streamcls.builders.model import load_classifier
    from streamcls.builders.recording import BATCH
    from streamcls.capture.file import FileSource
    from streamcls.config.settings import ModelSettings

    settings = ModelSettings(name=str(place.bundle("openvino")))
    classifier = load_classifier(settings, Work(BATCH, 1), progress=False)
    pictures = parts.first_pictures(FileSource(place.clip, camera=""))
    decoded = parts.decode(FileSource(place.clip, camera=""))
    found = {"decode": decoded, "convert": parts.to_bgr(pictures)[0]}
    found["preprocess"], found["infer"] = parts.classify(classifier, pictures)
    return {name: asdict(cost) for name, cost in found.items()}


def own_process(place: Place, what: str) -> str:
    """Runs this script for one measurement; what it printed."""
    command = [sys.executable, __file__, str(place.clip), "--inner", what]
    command += ["--folder", str(place.folder)]
    command += ["--weights", str(place.weights)] if place.weights else []
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(place: Place, way: str) -> dict[str, float]:
    """One way in a process of its own: frames a second, CPU ms a frame, peak MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if way == PLAIN:
        found: dict[str, float] = json.loads(own_process(place, "plain"))
    else:
        read = run(place, way)
        found = {"frames": read["read"], "fps": read["fps"], "peak_mb": read["peak_rss_mb"]}
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found | {"cpu_ms": cpu_s * 1000 / found["frames"]}


def report(rounds: dict[str, list[dict[str, float]]]) -> None:
    """A table of medians, with the spread of the rates and the ratios to the first."""
    first = next(iter(rounds))
    base = statistics.median(one["fps"] for one in rounds[first])
    heading = f"{'':24} {'fps':>7} {'(spread)':>15} {'ratio':>7} {'CPU ms':>8} {'peak MB':>8}"
    print(heading)
    for way, found in rounds.items():
        rates = sorted(one["fps"] for one in found)
        fps = statistics.median(rates)
        spread = f"({rates[0]:.1f}-{rates[-1]:.1f})"
        cpu, peak = (statistics.median(one[key] for one in found) for key in ("cpu_ms", "peak_mb"))
        print(f"{way:24} {fps:7.1f} {spread:>15} {fps / base:6.2f}x {cpu:8.1f} {peak:8.0f}")
    print(f"ratio: to {first}; CPU ms: a frame, start-up included")


def report_floor(rounds: list[dict[str, dict[str, float]]], fps: float) -> None:
    """The parts, and how near the whole comes to what they allow."""
    costs = {
        part: Cost(
            *(statistics.median(one[part][key] for one in rounds) for key in rounds[0][part])
        )
        for part in rounds[0]
    }
    shown = ", ".join(f"{part} {cost.cpu_ms:.1f}" for part, cost in costs.items())
    print(f"\n{FLOOR}, CPU ms a frame of its parts alone: {shown}")
    used = {part: cost for part, cost in costs.items() if part != "convert"}
    for name, of in (("its parts", used), ("its parts, and BGR, which it does without", costs)):
        at_best = floor(of, available_threads()).fps
        print(f"floor of {name}: {at_best:.1f} frames/s; it reaches {fps / at_best:.0%}")


def main() -> None:
    """Makes the clip, takes turns, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "clip", type=Path, nargs="?", help="a video; without it, a 1080p one is made"
    )
    parser.add_argument("--weights", type=Path, help="of ResNet-18; without them, the demo model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", help=f"some of: {', '.join(WAYS)}; with commas between them")
    inner = {"plain": plain_figures, "parts": parts_alone, "make": make_clip}
    parser.add_argument("--inner", choices=inner, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        place = Place(options.clip, options.weights, options.folder)
        print(json.dumps(inner[options.inner](place)))
        return
    named = [way.strip() for way in options.ways.split(",")] if options.ways else list(WAYS)
    unknown = [way for way in named if way not in WAYS]
    if unknown:
        parser.error(f"--ways {unknown[0]}: there are {', '.join(WAYS)}")
    weights = options.weights or (WEIGHTS if WEIGHTS.exists() else None)
    with tempfile.TemporaryDirectory() as name:
        place = Place(options.clip or Path(name) / "clip.mp4", weights, Path(name))
        if options.clip is None:
            print("making a 1080p clip", file=sys.stderr)
            own_process(place, "make")  # a child's peak of memory is never below its parent's
        compare(place, [way for way in named if possible(way)], options.rounds)


def plain_figures(place: Place) -> dict[str, float]:
    """The plain loop in this process."""
    frames, seconds = plain_loop(place.clip, place.weights)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"frames": frames, "fps": frames / seconds, "peak_mb": peak}


def compare(place: Place, ways: list[str], count: int) -> None:
    """All rounds, and what came out."""
    prepare(place, ways)
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    parts = []
    for number in range(count):
        print(f"round {number + 1} of {count}", file=sys.stderr)
        for way, found in rounds.items():
            found.append(measure(place, way))
        if FLOOR in ways:
            parts.append(json.loads(own_process(place, "parts")))
    report(rounds)
    if FLOOR in ways:
        report_floor(parts, statistics.median(one["fps"] for one in rounds[FLOOR]))


if __name__ == "__main__":
    main()
