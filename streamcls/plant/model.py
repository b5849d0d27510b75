"""The one classifier of a plant, and how its work is shared out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.config.settings import ModelSettings, RuntimeSettings
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

# Of those cameras that wait at the same moment. With torch they pay: 30 % more labels from ten
# cameras in fours. The other engines take them one by one, since in twos they give no more labels,
# and older ones; docs/performance.md has the measurement.
_BATCH = 4

Asked: TypeAlias = tuple[ModelSettings, RuntimeSettings]


@dataclass(frozen=True, slots=True, eq=False)
class SharedModel:
    """A classifier at work for all cameras.

    Attributes:
        asked: the settings that it was loaded for.
        classifier: what answers.
        turns: whose picture is next.
        threads: of the whole process.
    """

    asked: Asked
    classifier: "ImageClassifier"
    turns: Turns
    threads: int


def load_shared(asked: Asked, stop: Stop, *, progress: bool, spare: int = 0) -> SharedModel:
    """Loads what is asked for; its workers are not started yet.

    Workers that use one thread each get more done than one that uses all, and leave the decoders
    the cores in between.

    Args:
        asked: which model, and how it runs.
        stop: is set by a worker that fails.
        progress: whether a download shows its progress.
        spare: workers beyond one for each thread. While one prepares a picture another one's is in
            the network: 25 % more pictures a second where there are always some, but older labels.

    Raises:
        StreamclsError: the model can't be had.
    """
    model, runtime = asked
    threads = runtime.threads or available_threads()
    work = Work(_BATCH, threads=1, parallel=threads + spare, padded=False)
    classifier = load_classifier(model, work, progress=progress)
    turns = Turns(
        classifier,
        stop,
        workers=work.parallel,
        room=runtime.queue_size,
        newest=runtime.queue_policy == "newest",
    )
    return SharedModel(asked, classifier, turns, threads)
