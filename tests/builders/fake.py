"""A classifier that costs nothing, as builders want one."""

from collections.abc import Sequence

import numpy as np

from streamcls.protocols import Classified
from streamcls.records import Picture
from tests.fakes import FakeClassifier


class Fake(FakeClassifier):
    """With what the command line says of a classifier."""

    backend_name, choice = "fake", "for tests"

    def __init__(self) -> None:
        super().__init__(batch=1)

    def classify(self, images: Sequence[Picture]) -> Classified:
        pictures = [one if isinstance(one, np.ndarray) else one.bgr() for one in images]
        return super().classify(pictures)
