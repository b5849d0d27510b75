"""Accuracy of each engine and precision on labelled photographs, beside torch and torchvision.

Each photograph is measured in int8 by a network that was calibrated on the other half of them. The
reference is torch in float32 behind torchvision's own transform of Pillow's picture.
"""

import argparse
import csv
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from streamcls.builders.backend import Work, engine_backend, load_network, torch_backend
from streamcls.capture.picture_file import read_picture
from streamcls.config.settings import ModelSettings
from streamcls.inference.agreement import Probs, accuracy, answers, compare
from streamcls.inference.conversion import convert
from streamcls.inference.engines import Pixels, has_bf16
from streamcls.inference.preprocess import Preprocess
from streamcls.inference.quantization import quantize
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.inference.torchvision_models import Network

PROJECT = Path(__file__).parent.parent
DATA = Path(os.environ.get("STREAMCLS_TEST_DATA", PROJECT.parent / "shared"))
WORK = Work(batch=2, threads=os.cpu_count() or 1)


def photographs(labels: tuple[str, ...]) -> tuple[list[Path], list[frozenset[int] | None]]:
    """The files, and the classes that are accepted for each."""
    folder = DATA / "media" / "images"
    with (folder / "LABELS.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    truth = [
        frozenset(labels.index(name) for name in row["accepted_classes"].split("/")) for row in rows
    ]
    return [folder / row["file"] for row in rows], list(truth)


def reference(network: Network, files: list[Path]) -> Probs:
    """torchvision's transform, and the network as it came."""
    import_torchvision()
    from torchvision.transforms import v2

    resize = v2.Compose(
        [v2.Resize(network.card.resize, antialias=True), v2.CenterCrop(network.card.input_size)]
    )
    pixels = []
    for file in files:
        with PillowImage.open(file) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        pixels.append(np.asarray(resize(upright), np.uint8))
    return answers(torch_backend(network, WORK, "fp32"), pixels, WORK.batch)


def ways(network: Network, pixels: list[Pixels], folder: Path) -> Iterator[tuple[str, Probs]]:
    """Every engine in every precision, with its answers to all photographs."""
    for precision in ("fp32", "bf16") if has_bf16("torch") else ("fp32",):
        backend = torch_backend(network, WORK, precision)
        yield f"torch {precision}", answers(backend, pixels, WORK.batch)
    side = network.card.input_size
    for engine in ("onnx", "openvino"):
        (folder / engine).mkdir()
        file = convert(network, engine, folder / engine)
        for precision in ("fp32", "bf16") if has_bf16(engine) else ("fp32",):
            backend = engine_backend(file, engine, precision, side, WORK)
            yield f"{engine} {precision}", answers(backend, pixels, WORK.batch)
        found: Probs = np.zeros((len(pixels), len(network.card.labels)), np.float32)
        for half in (0, 1):
            made = folder / f"{engine}-int8-{half}"
            made.mkdir()
            quantised = quantize(file, engine, pixels[1 - half :: 2], made)
            backend = engine_backend(quantised, engine, "int8", side, WORK)
            found[half::2] = answers(backend, pixels[half::2], WORK.batch)
        yield f"{engine} int8", found


def report(model: str, weights: Path) -> None:
    """A table for one model."""
    network = load_network(ModelSettings(name=model, weights=weights), progress=False)
    files, truth = photographs(network.card.labels)
    right, preprocess = reference(network, files), Preprocess(network.card)
    pixels = [preprocess(read_picture(file)) for file in files]
    print(f"\n| {model}, {len(files)} photographs | top-1 | top-5 | same label |")
    print("| --- | --- | --- | --- |")
    row("torch fp32, torchvision's transform", right, right, truth)
    with tempfile.TemporaryDirectory() as name:
        for way, probs in ways(network, pixels, Path(name)):
            row(way, probs, right, truth)


def row(way: str, probs: Probs, right: Probs, truth: list[frozenset[int] | None]) -> None:
    """One line of the table."""
    top1, top5 = (accuracy(probs, truth, k) or 0.0 for k in (1, 5))
    print(f"| {way} | {top1:.1%} | {top5:.1%} | {compare(right, probs).top1:.1%} |", flush=True)


def main() -> None:
    """Both models of the test data, or one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="an architecture; without it, both of the test data")
    parser.add_argument("--weights", type=Path, help="its weights, if it is another one")
    options = parser.parse_args()
    for model in [options.model] if options.model else ["resnet18", "squeezenet1_0"]:
        report(model, options.weights or DATA / "weights" / f"{model}_imagenet.pth")


if __name__ == "__main__":
    main()
