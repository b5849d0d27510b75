"""Labels that are left out or called otherwise, as the settings say."""

from collections.abc import Callable, Sequence

import numpy as np

from streamcls.config.options import did_you_mean
from streamcls.config.settings import PostprocessSettings
from streamcls.errors import SettingsError
from streamcls.records import Prediction


def relabelling(
    settings: PostprocessSettings, labels: Sequence[str]
) -> Callable[[Prediction], Prediction]:
    """What makes of a model's answer the one that the settings want.

    Probabilities stay as the model gives them, so what is left may sum to less than 1. Those of
    labels with the same alias are added up, in the place of the first of them; what is left out has
    probability 0 and no name.

    Raises:
        SettingsError: the model has no such label; with a line for each.
    """
    _check(settings, labels)
    allowed = set(settings.allow or labels) - set(settings.deny or ())
    if allowed >= set(labels) and not settings.aliases:
        return lambda prediction: prediction
    place: dict[str, int] = {}
    to, names = np.full(len(labels), -1), [""] * len(labels)
    for index, label in enumerate(labels):
        if label in allowed:
            name = settings.aliases.get(label, label)
            to[index] = place.setdefault(name, index)
            names[place[name]] = name
    kept, shown = np.flatnonzero(to >= 0), tuple(names)

    def relabel(prediction: Prediction) -> Prediction:
        probs = np.zeros_like(prediction.probs)  # (C,)
        np.add.at(probs, to[kept], prediction.probs[kept])
        probs.flags.writeable = False
        return Prediction(probs, shown)

    return relabel


def _check(settings: PostprocessSettings, labels: Sequence[str]) -> None:
    given = {
        "allow": settings.allow or (),
        "deny": settings.deny or (),
        "aliases": tuple(settings.aliases),
    }
    wrong = [
        f"postprocess.{key}: the model has no label {label!r}{did_you_mean(label, labels)}"
        for key, names in given.items()
        for label in names
        if label not in labels
    ]
    if set(labels) <= set(settings.deny or ()):
        wrong.append("postprocess.deny: leaves no label of the model")
    if wrong:
        raise SettingsError("\n".join(wrong))
