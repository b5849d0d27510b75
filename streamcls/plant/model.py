"""The one classifier of a plant, and how its work is shared out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.config.plant import PlantSettings
from streamcls.config.settings import ModelSettings, RuntimeSettings
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

# Of those cameras that wait at the same moment. With torch they pay: 30 % more labels from ten
# cameras in fours. The other engines take them one by one, since in twos they give no more labels,
# and older ones; docs/performance.md has the measurement.
_BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class SharedModel:
    """A classifier at work for all cameras.

    Attributes:
        asked: the settings that it was loaded for.
        classifier: what answers.
        turns: whose picture is next.
        threads: of the whole process.
    """

    asked: tuple[ModelSettings, RuntimeSettings]
    classifier: "ImageClassifier"
    turns: Turns
    threads: int


def load_shared(plant: PlantSettings, stop: Stop, *, progress: bool) -> SharedModel:
    """Loads it; its workers are not started yet.

    Workers that use one thread each get more done than one that uses all, and leave the decoders
    the cores in between.

    Raises:
        StreamclsError: the model can't be had.
    """
    threads = plant.runtime.threads or available_threads()
    work = Work(_BATCH, threads=1, parallel=threads, padded=False)
    classifier = load_classifier(plant.model, work, progress=progress)
    turns = Turns(
        classifier,
        stop,
        workers=threads,
        room=plant.runtime.queue_size,
        newest=plant.runtime.queue_policy == "newest",
    )
    return SharedModel((plant.model, plant.runtime), classifier, turns, threads)
