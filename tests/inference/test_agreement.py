import numpy as np
import pytest
from numpy.typing import NDArray

from streamcls.inference.agreement import accuracy, answers, compare

REFERENCE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.4, 0]], np.float32)
OTHER = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.4, 0.3, 0.3], [0.4, 0.6, 0]], np.float32)


class Sums:
    """A backend whose one probability is the sum of a picture's pixels."""

    name = "fake"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(pixels.shape)
        return np.asarray(pixels.sum(axis=(1, 2, 3), dtype=np.float32)[:, None])


def test_agreement_is_of_labels_and_of_the_references_best_probability() -> None:
    found = compare(REFERENCE, OTHER)
    assert found.pictures == 4
    assert found.top1 == pytest.approx(2 / 4)  # the third and the fourth have another best class
    # 0.7 to 0.5, 0.8 to 0.7, 0.4 to 0.3, 0.6 to 0.4
    assert found.mean_change == pytest.approx((0.2 + 0.1 + 0.1 + 0.2) / 4)


def test_the_same_answers_agree_wholly() -> None:
    found = compare(REFERENCE, REFERENCE)
    assert (found.top1, found.mean_change) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, 2 / 3),  # the first and the third are right, the second is class 1, the last unknown
        (2, 2 / 3),  # the second's true class is its last: of two that are equal, the first leads
        (3, 1.0),
    ],
)
def test_accuracy_is_of_those_with_a_truth(k: int, expected: float) -> None:
    truth = [frozenset({0}), frozenset({2}), frozenset({1, 2}), None]
    assert accuracy(REFERENCE, truth, k) == pytest.approx(expected)


def test_without_any_truth_there_is_no_accuracy() -> None:
    assert accuracy(REFERENCE, [None] * 4) is None


def test_a_truth_that_is_no_class_of_the_model_is_never_right() -> None:
    assert accuracy(REFERENCE, [frozenset(), frozenset({1}), None, None]) == 0.5


def test_answers_come_in_order_from_batches_of_one_shape() -> None:
    pictures = [np.full((2, 2, 3), value, np.uint8) for value in range(5)]
    backend = Sums()
    found = answers(backend, pictures, 2)
    assert found[:, 0].tolist() == [12 * value for value in range(5)]
    assert backend.shapes == [(2, 2, 2, 3)] * 3
