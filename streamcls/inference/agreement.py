"""How far one way of running a network agrees with another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamcls.protocols import Backend

Probs = NDArray[np.float32]  # (pictures, classes)


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Two answers to the same pictures.

    Attributes:
        pictures: how many.
        top1: share of them with the same most probable class, 0 to 1.
        mean_change: of the probability of the reference's best class, in absolute terms.
    """

    pictures: int
    top1: float
    mean_change: float


def answers(backend: Backend, pictures: Sequence[NDArray[np.uint8]], batch: int) -> Probs:
    """Probabilities for preprocessed pictures, (S, S, 3) each, in batches of a backend's shape."""
    found = []
    for first in range(0, len(pictures), batch):
        part = pictures[first : first + batch]
        pixels = np.zeros((batch, *part[0].shape), np.uint8)
        pixels[: len(part)] = part
        found.append(backend.infer(pixels)[: len(part)])
    return np.concatenate(found)


def compare(reference: Probs, found: Probs) -> Agreement:
    """How far `found` agrees with `reference`, both (pictures, classes)."""
    best = reference.argmax(axis=1)
    each = np.arange(len(best))
    change = np.abs(reference[each, best] - found[each, best])
    same = found.argmax(axis=1) == best
    return Agreement(len(best), float(same.mean()), float(change.mean()))


def accuracy(probs: Probs, truth: Sequence[frozenset[int] | None], k: int = 1) -> float | None:
    """Share of the pictures with a known truth that have an accepted class among the k best."""
    best = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    right = [
        not accepted.isdisjoint(row.tolist())
        for row, accepted in zip(best, truth, strict=True)
        if accepted is not None
    ]
    return sum(right) / len(right) if right else None
