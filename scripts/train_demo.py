#!/usr/bin/env python3
"""Trains the demo model that ships in streamcls/demo/model, from random initialisation.

    .venv/bin/python scripts/train_demo.py --out /tmp/model

The pictures are random scenes of the clip's renderer, drawn from other seeds than the clip; no
other weights or pictures go in. Takes about half an hour on two cores and ends with the accuracy on
unseen scenes and on the clip's frames, measured with the packed weights as they ship.
"""

import argparse
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from streamcls.demo.clip import random_part, scenes
from streamcls.demo.scene import EMPTY, LABELS, PARTS, WIDTH, Image, Scene, draw, truth
from streamcls.inference.packed_weights import pack, unpack
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.media import cv2

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STAGES = (  # input size px, pictures, batch, peak rate
    (112, 60_000, 64, 0.1),
    (224, 16_000, 32, 0.02),
)


def random_scene(rng: random.Random) -> Scene:
    """One part or none in the view, with every condition of the clip and a little more."""
    label = rng.choice((*PARTS, rng.choice(PARTS), EMPTY))
    while True:
        parts = []
        if label != EMPTY:
            parts.append(random_part(rng, label, WIDTH / 2 + rng.uniform(-180, 180)))
        if rng.random() < 0.3:  # the neighbour, out of the model's view
            parts.append(random_part(rng, rng.choice(PARTS), WIDTH / 2 + rng.choice((-960, 960))))
        scene = Scene(
            parts=tuple(parts),
            belt_px=rng.uniform(0, 5000),
            gain=rng.uniform(0.5, 1.6),
            light=(rng.uniform(-0.7, 0.7), rng.uniform(-0.7, 0.7)),
            warmth=rng.uniform(-1.2, 1.2),
            blur_px=rng.uniform(0, 4.5),
            motion_px=rng.choice((0, 0, rng.uniform(0, 60))),
            noise=rng.uniform(2, 14),
            seed=rng.randrange(1 << 30),
        )
        if truth(scene) == label:
            return scene


def view(scene: Scene, size: int) -> Image:
    """What the model sees of a scene, half of them JPEG-coded: (size, size, 3) uint8 RGB."""
    image = draw(scene, round(WIDTH / 720 * size * 256 / 224))
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    image = image[top : top + size, left : left + size]
    if scene.seed % 2:
        quality = 40 + scene.seed % 60
        coded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return image[..., ::-1]


def as_tensor(images: list[Image]) -> torch.Tensor:
    """A list of (S, S, 3) uint8 RGB to (N, 3, S, S) float32, normalised."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def batches(
    rng: random.Random, size: int, batch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless random batches: (N, 3, size, size) and (N,) class numbers."""
    while True:
        drawn = [random_scene(rng) for _ in range(batch)]
        targets = [LABELS.index(truth(scene) or "") for scene in drawn]
        yield as_tensor([view(scene, size) for scene in drawn]), torch.tensor(targets)


def train(model: torch.nn.Module, seed: int) -> None:
    """Small pictures first, then full size; one cycle of the rate in each stage."""
    rng = random.Random(seed)
    for size, pictures, batch, rate in STAGES:
        steps = pictures // batch
        optimizer = torch.optim.SGD(
            model.parameters(), rate, momentum=0.9, weight_decay=1e-4, nesterov=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        source = batches(rng, size, batch)
        loss_sum = 0.0
        for step in range(1, steps + 1):
            images, targets = next(source)
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(images)
            loss = torch.nn.functional.cross_entropy(scores.float(), targets, label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            loss_sum += loss.item()
            if step % 50 == 0:
                print(f"{size} px: step {step} of {steps}, loss {loss_sum / 50:.3f}", flush=True)
                loss_sum = 0.0


@torch.inference_mode()
def accuracy(model: torch.nn.Module, drawn: list[Scene]) -> float:
    """Share of the scenes with a known truth whose top class is right."""
    known = [scene for scene in drawn if truth(scene) is not None]
    right = 0
    for at in range(0, len(known), 32):
        part = known[at : at + 32]
        found = model(as_tensor([view(scene, 224) for scene in part])).argmax(1)
        right += sum(
            LABELS[k] == truth(scene) for k, scene in zip(found.tolist(), part, strict=True)
        )
    return right / len(known)


def main() -> None:
    """Trains, packs, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    import_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(options.seed)
    model = resnet18(num_classes=len(LABELS)).to(memory_format=torch.channels_last)
    train(model, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    packed = pack({name: value.numpy() for name, value in model.state_dict().items()})
    (options.out / "weights.npz").write_bytes(packed)
    restored = unpack(io.BytesIO(packed))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in restored.items()})
    model.eval()
    rng = random.Random(options.seed + 1_000_000)
    unseen = accuracy(model, [random_scene(rng) for _ in range(2000)])
    on_clip = accuracy(model, scenes())
    card = {
        "arch": "resnet18",
        "labels": LABELS,
        "input_size": 224,
        "resize": 256,
        "interpolation": "bilinear",
        "mean": MEAN,
        "std": STD,
        "note": "Demo model: it knows the parts of the built-in clip's renderer and nothing else.",
        "accuracy": {"unseen scenes": round(unseen, 4), "built-in clip": round(on_clip, 4)},
    }
    (options.out / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    print(
        f"accuracy: {unseen:.2%} of unseen scenes, {on_clip:.2%} of the clip; {len(packed)} bytes"
    )


if __name__ == "__main__":
    main()
