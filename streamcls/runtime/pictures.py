"""Classifies single pictures, a batch at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from streamcls.errors import PictureError
from streamcls.protocols import Classifier
from streamcls.records import Image, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """What came of one file: a prediction, or the error that says why there is none."""

    file: Path
    prediction: Prediction | None
    error: PictureError | None


def classify_files(
    files: Iterable[Path], read: Callable[[Path], Image], classifier: Classifier
) -> Iterator[Classification]:
    """Reads and classifies files in their order.

    Args:
        files: the pictures.
        read: gives (H, W, 3) uint8 BGR, or raises PictureError.
        classifier: takes them in batches.
    """
    waiting = iter(files)
    while batch := list(islice(waiting, classifier.batch)):
        images: list[Image] = []
        errors: dict[Path, PictureError] = {}
        for file in batch:
            try:
                images.append(read(file))
            except PictureError as error:
                errors[file] = error
        answers = iter(classifier.classify(images).predictions if images else ())
        for file in batch:
            failed = errors.get(file)
            yield Classification(file, None if failed else next(answers), failed)
