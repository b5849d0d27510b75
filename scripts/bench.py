"""Measures streamcls beside the loop that tutorials show, on the same clip with the same weights.

The plain loop reads with cv2.VideoCapture, goes through Pillow and torchvision's transforms, and
calls the eager model, one frame at a time with torch's default threads. Every measurement is a
process of its own; they take turns, since a machine's speed drifts, and medians and ratios are what
counts.
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
from fractions import Fraction
from pathlib import Path

from streamcls.demo.clip import render
from streamcls.media import av, cv2

PROJECT = Path(__file__).parent.parent
DATA = Path(os.environ.get("STREAMCLS_TEST_DATA", PROJECT.parent / "shared"))
WEIGHTS = DATA / "weights" / "resnet18_imagenet.pth"
CLIP = DATA / "media" / "videos" / "drewnoakes_Issue_515__java_.mp4"
SIZE, BIT_RATE, LOOPS = (1920, 1080), 5_000_000, 3
WAYS = ("plain loop", "streamcls, CSV", "streamcls, CSV + video")


def make_clip(source: Path, target: Path) -> None:
    """The source several times over as 1080p H.264 at 5 Mbit/s."""
    with av.open(str(target), "w") as output:
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

    from streamcls.build_network import load_network
    from streamcls.settings import ModelSettings

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


def measure(way: str, clip: Path, weights: Path | None, folder: Path) -> dict[str, float]:
    """One way in a process of its own: frames a second, CPU ms a frame, peak MB, start-up s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if way == WAYS[0]:
        command = [sys.executable, __file__, "--plain", str(clip)]
        command += ["--weights", str(weights)] if weights else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
    else:
        stats = folder / "stats.json"
        command = [sys.executable, "-m", "streamcls", "run", str(clip), "--quiet", "--overwrite"]
        command += ["--weights", str(weights)] if weights else ["--model", "demo"]
        command += ["--csv", str(folder / "out.csv"), "--stats", str(stats)]
        command += ["--video", str(folder / "out.mp4")] if "video" in way else []
        subprocess.run(command, check=True)
        read = json.loads(stats.read_text())
        found = {"frames": read["read"], "fps": read["fps"], "peak_mb": read["peak_rss_mb"]}
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found | {"cpu_ms": cpu_s * 1000 / found["frames"]}


def report(rounds: dict[str, list[dict[str, float]]]) -> None:
    """A table of medians, with the spread of the rates."""
    base = statistics.median(one["fps"] for one in rounds[WAYS[0]])
    print(f"{'':24} {'fps':>7} {'(spread)':>15} {'ratio':>7} {'CPU ms':>8} {'peak MB':>8}")
    for way, found in rounds.items():
        rates = sorted(one["fps"] for one in found)
        fps = statistics.median(rates)
        spread = f"({rates[0]:.1f}-{rates[-1]:.1f})"
        cpu, peak = (statistics.median(one[key] for one in found) for key in ("cpu_ms", "peak_mb"))
        print(f"{way:24} {fps:7.1f} {spread:>15} {fps / base:6.2f}x {cpu:8.1f} {peak:8.0f}")
    print("CPU ms: a frame, start-up included")


def main() -> None:
    """Makes the clip, takes turns, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "clip", type=Path, nargs="?", help="a video; without it, a 1080p one is made"
    )
    parser.add_argument("--weights", type=Path, help="of ResNet-18; without them, the demo model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    weights = options.weights or (WEIGHTS if WEIGHTS.exists() else None)
    if options.plain:
        frames, seconds = plain_loop(options.clip, options.weights)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(json.dumps({"frames": frames, "fps": frames / seconds, "peak_mb": peak}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, clip = Path(name), options.clip
        if clip is None:
            source, clip = CLIP, folder / "clip.mp4"
            if not CLIP.exists():
                render(source := folder / "demo.mp4")
            print(f"making a 1080p clip of {source.name}", file=sys.stderr)
            make_clip(source, clip)
        rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for way, found in rounds.items():
                found.append(measure(way, clip, weights, folder))
    report(rounds)


if __name__ == "__main__":
    main()
