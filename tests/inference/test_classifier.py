import numpy as np
import pytest
from numpy.typing import NDArray

from streamcls.inference.classifier import ImageClassifier
from streamcls.records import Decoded, Image
from tests.fakes import FakeClassifier

CARD = FakeClassifier().card  # input_size 24


class Brightest:
    """A backend for which the class is the brightest channel."""

    name = "fake"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(pixels.shape)
        sums = pixels.astype(np.float32).sum(axis=(1, 2)) + 1e-9
        return np.asarray(sums / sums.sum(axis=1, keepdims=True), np.float32)


def shrink(image: Image | Decoded) -> Image:
    assert isinstance(image, np.ndarray)
    return np.resize(image[..., ::-1], (24, 24, 3))


def colour(blue: int, green: int, red: int) -> Image:
    return np.full((5, 7, 3), (blue, green, red), np.uint8)


def test_a_batch_always_has_the_same_shape_and_answers_keep_their_order() -> None:
    backend = Brightest()
    classifier = ImageClassifier(CARD, shrink, backend, batch=4)
    images = [colour(0, 0, 9), colour(9, 0, 0), colour(0, 9, 0)]
    for count in (1, 2, 3):
        found = classifier.classify(images[:count]).predictions
        assert [one.top(1)[0].class_id for one in found] == [0, 2, 1][:count]
    assert backend.shapes == [(4, 24, 24, 3)] * 3


def test_answers_are_read_only_and_share_their_labels() -> None:
    classifier = ImageClassifier(CARD, shrink, Brightest(), batch=2)
    one, two = classifier.classify([colour(1, 2, 3), colour(3, 2, 1)]).predictions
    assert one.labels is two.labels
    with pytest.raises(ValueError, match="read-only"):
        one.probs[0] = 1


@pytest.mark.parametrize("count", [0, 3])
def test_only_a_batch_at_a_time(count: int) -> None:
    classifier = ImageClassifier(CARD, shrink, Brightest(), batch=2)
    with pytest.raises(ValueError, match="a batch has 1 to 2"):
        classifier.classify([colour(0, 0, 0)] * count)


def test_a_short_batch_stays_short_where_bits_may_differ() -> None:
    backend = Brightest()
    classifier = ImageClassifier(CARD, shrink, backend, batch=4, padded=False)
    images = [np.full((24, 24, 3), value, np.uint8) for value in (10, 200, 30)]
    answers = classifier.classify(images).predictions
    assert backend.shapes == [(3, 24, 24, 3)]
    assert len(answers) == 3
