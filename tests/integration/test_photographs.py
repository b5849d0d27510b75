"""Real photographs with real weights: as good as torchvision's own transform and model."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps

import streamcls
from streamcls.builders.backend import Work, torch_backend
from streamcls.capture.picture_file import read_picture
from streamcls.inference import torchvision_models
from streamcls.inference.agreement import answers
from streamcls.inference.preprocess import Preprocess, Resize
from streamcls.inference.resize_products import Products
from streamcls.inference.resize_weights import Geometry
from streamcls.inference.torch_resize import TorchResize
from streamcls.inference.torchvision_import import import_torchvision
from tests.conftest import Cli

import_torchvision()
from torchvision.models import ResNet18_Weights  # noqa: E402 - needs the import above

WORK = Work(batch=4, threads=2)


@pytest.fixture(scope="module")
def accepted(data: Path) -> dict[str, set[str]]:
    """The accepted classes of each photograph."""
    with (data / "media" / "images" / "LABELS.tsv").open(encoding="utf-8") as file:
        return {
            row["file"]: set(row["accepted_classes"].split("/"))
            for row in csv.DictReader(file, delimiter="\t")
        }


@pytest.fixture(scope="module")
def reference(data: Path, weights: Path, accepted: dict[str, set[str]]) -> dict[str, str]:
    """torchvision's own answer: its transform on Pillow's picture, the eager model, one by one."""
    network = torchvision_models.load("resnet18", weights, None, progress=False)
    transform = ResNet18_Weights.IMAGENET1K_V1.transforms()
    found = {}
    with torch.inference_mode():
        for name in accepted:
            with Image.open(data / "media" / "images" / name) as picture:
                upright = ImageOps.exif_transpose(picture).convert("RGB")
            best = int(network.module(transform(upright)[None]).argmax())
            found[name] = network.card.labels[best]
    return found


def test_no_more_than_one_picture_worse_than_torchvision(
    cli: Cli,
    data: Path,
    weights: Path,
    accepted: dict[str, set[str]],
    reference: dict[str, str],
    tmp_path: Path,
) -> None:
    photographs = data / "media" / "images"
    done = cli("classify", photographs, "--weights", weights, "--csv", tmp_path / "o.csv")
    assert (done.code, done.out, done.err) == (0, "", "")
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) == "file,label_1,prob_1,label_2,prob_2,label_3,prob_3"
    found = {str(Path(row[0]).relative_to(photographs)): row[1] for row in rows}
    assert list(found) == sorted(found)
    assert set(found) == set(accepted)
    right = sum(found[name] in accepted[name] for name in accepted)
    reference_right = sum(reference[name] in accepted[name] for name in accepted)
    assert right >= reference_right - 1
    agreement = sum(found[name] == reference[name] for name in accepted) / len(accepted)
    assert agreement >= 0.99


@pytest.mark.parametrize("resizer", [Products, TorchResize])
def test_the_preprocessing_changes_hardly_any_label(
    resizer: Callable[[Geometry], Resize], data: Path, weights: Path, reference: dict[str, str]
) -> None:
    """All else is the same: the model on torch in float32."""
    network = torchvision_models.load("resnet18", weights, None, progress=False)
    preprocess, backend = Preprocess(network.card, resizer), torch_backend(network, WORK, "fp32")
    pictures = [preprocess(read_picture(data / "media" / "images" / name)) for name in reference]
    best = answers(backend, pictures, WORK.batch).argmax(axis=1)
    found = [network.card.labels[number] for number in best]
    same = sum(one == label for one, label in zip(found, reference.values(), strict=True))
    assert len(reference) == 242
    assert same / len(reference) >= 0.995


def test_the_bottle_is_found(cli: Cli, videos: Path, weights: Path, tmp_path: Path) -> None:
    clip = videos / "intel_bottle-detection.mp4"
    events = tmp_path / "o.json"
    cli("run", clip, "--weights", weights, "--every", 10, "--events", events)
    segments = json.loads(events.read_text())
    bottle_s = sum(s["end_s"] - s["start_s"] for s in segments if s["label"] == "water bottle")
    assert bottle_s > 20


def test_the_api_gives_the_command_lines_answers(
    cli: Cli, data: Path, weights: Path, tmp_path: Path
) -> None:
    photographs = sorted((data / "media" / "images" / "val_20").iterdir())[:5]
    done = cli("classify", *photographs, "--weights", weights, "--json", "--top-k", 2)
    shown = json.loads(done.out)["results"]
    answers = streamcls.classify(*photographs, weights=weights)
    for one, answer, photograph in zip(shown, answers, photographs, strict=True):
        assert one["file"] == str(photograph)
        assert one["error"] is None
        expected = [(s.label, s.class_id, round(s.prob, 6)) for s in answer.top(2)]
        assert [(t["label"], t["class_id"], t["prob"]) for t in one["top"]] == expected
