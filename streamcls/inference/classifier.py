"""Preprocessing, a backend and labels together: pictures in, predictions out."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from streamcls import clock
from streamcls.protocols import Backend, Classified
from streamcls.records import ModelCard, Picture, Prediction


class ImageClassifier:
    """Classifies pictures in batches of a fixed shape."""

    def __init__(
        self,
        card: ModelCard,
        preprocess: Callable[[Picture], NDArray[np.uint8]],
        backend: Backend,
        *,
        batch: int,
        choice: str = "",
        padded: bool = True,
    ) -> None:
        """Puts the parts together.

        Args:
            card: of the model.
            preprocess: a picture to (S, S, 3) uint8 RGB.
            backend: runs the network on batches of exactly `batch` pictures; of any number up to
                that where `padded` is False.
            batch: how many.
            choice: why this backend was chosen, for people.
            padded: whether shorter batches are filled up.
        """
        self.choice = choice
        self._card = card
        self._preprocess = preprocess
        self._backend = backend
        self._batch, self._padded = batch, padded

    @property
    def card(self) -> ModelCard:
        """The model and its preprocessing."""
        return self._card

    @property
    def batch(self) -> int:
        """How many pictures `classify` takes at once, at the most."""
        return self._batch

    @property
    def backend_name(self) -> str:
        """Engine and precision."""
        return self._backend.name

    def classify(self, images: Sequence[Picture]) -> Classified:
        """Classifies 1 to `batch` pictures of any size, decoded or (H, W, 3) uint8 BGR.

        A shorter batch is filled up where answers must be the same to the bit, because they move in
        the sixth decimal with the batch's shape.
        """
        if not 1 <= len(images) <= self._batch:
            raise ValueError(f"{len(images)} images; a batch has 1 to {self._batch}")
        side = self._card.input_size
        count = self._batch if self._padded else len(images)
        pixels = np.zeros((count, side, side, 3), np.uint8)
        begun = clock.now_s()
        for row, image in zip(pixels, images, strict=False):
            row[:] = self._preprocess(image)
        prepared = clock.now_s()
        probs = self._backend.infer(pixels)[: len(images)]  # (n, C)
        ended = clock.now_s()
        probs.flags.writeable = False
        return Classified(
            predictions=tuple(Prediction(row, self._card.labels) for row in probs),
            preprocess_ms=(prepared - begun) * 1000 / len(images),
            infer_ms=(ended - prepared) * 1000 / len(images),
        )
