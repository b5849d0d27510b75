"""Pictures to calibrate and to measure a model on, from what the user has."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.builders.source import is_live, open_live, source_path
from streamcls.config.settings import Settings
from streamcls.errors import SettingsError
from streamcls.masking import mask_address
from streamcls.records import Image, LiveFrame, as_bgr
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.inference.engines import Pixels
    from streamcls.inference.torchvision_models import Network

MADE_UP = "made-up pictures"
_PICTURES = 500  # half of them to calibrate on, half to measure on
_FEWEST = 20  # distinct ones; fewer say nothing
_PROBES = 200
_LIVE_S, _LIVE_EVERY_S = 60.0, 0.12  # how long a live source is looked at, and how often
_STRETCHES = 10  # into which a recording is cut

Truth = frozenset[int] | None  # accepted classes, or not known


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Preprocessed pictures, (S, S, 3) uint8 RGB each, and where they come from.

    `truth` has the accepted classes of each picture that is measured on, None where not known.
    """

    source: str
    calibration: "Sequence[Pixels]"
    measured: "Sequence[Pixels]"
    truth: Sequence[Truth]


def gather(settings: Settings | None, network: "Network", *, calibrate: bool = True) -> Pictures:
    """Distinct pictures from the settings' source; without one, made-up ones.

    Args:
        settings: with the source, or None.
        network: with the card that says how they are preprocessed.
        calibrate: whether half of them are to calibrate on; else all are to measure on.

    Raises:
        SourceError, SourceNotFoundError: it can't be read.
        SettingsError: too few distinct pictures in it.
    """
    from streamcls.capture.picture_samples import Distinct
    from streamcls.inference.made_up_pictures import probe_pictures
    from streamcls.inference.preprocess import Preprocess

    if settings is None:
        made = probe_pictures(_PROBES, network.card.input_size)
        return Pictures(MADE_UP, (), made, [None] * len(made))
    path = source_path(settings)
    live, folder = is_live(settings.source), path.is_dir()
    shown = mask_address(settings.source) if live else str(path.absolute())
    preprocess, known = Preprocess(network.card), Distinct()
    found = [
        (preprocess(image), truth)
        for image, truth in _pictures(settings, path, network.card.labels)
        if known.is_new(image)
    ]
    if folder and not found:
        raise SettingsError(f"{shown}: no pictures in this folder; give pictures, or one video")
    if len(found) < _FEWEST:
        raise SettingsError(
            f"{shown}: {len(found)} distinct pictures in it, at least {_FEWEST} are needed; give "
            "a longer recording, or a folder of pictures"
        )
    # Neighbours in a recording are alike: it is cut into stretches, of which each second one is
    # measured on. In a folder each second picture is.
    stretch = 1 if folder else max(1, len(found) // _STRETCHES)
    calibration, measured = [], []
    for at, (pixels, accepted) in enumerate(found):
        if calibrate and at // stretch % 2 == 0:
            calibration.append(pixels)
        else:
            measured.append((pixels, accepted))
    pictures, truth = zip(*measured, strict=True)
    return Pictures(shown, calibration, pictures, truth)


def _pictures(
    settings: Settings, path: Path, labels: Sequence[str]
) -> Iterator[tuple[Image, Truth]]:
    """What the source has, with the class where that is known."""
    from streamcls.capture.picture_samples import spread_frames

    if is_live(settings.source):
        yield from ((image, None) for image in _grab(settings))
    elif path.is_dir():
        yield from _from_folder(path, labels)
    else:
        yield from ((image, None) for image in spread_frames(path, _PICTURES))


def _from_folder(folder: Path, labels: Sequence[str]) -> Iterator[tuple[Image, Truth]]:
    """Pictures with the class that the folder they are in is named after, if it is one."""
    from streamcls.capture.picture_samples import spread_pictures

    numbers = {_as_words(label): number for number, label in enumerate(labels)}
    for file, image in spread_pictures(folder, _PICTURES):
        number = numbers.get(_as_words(file.parent.name))
        yield image, None if number is None else frozenset([number])


def _as_words(name: str) -> str:
    return name.replace("_", " ").casefold()


def _grab(settings: Settings) -> Iterator[Image]:
    """Good frames of a live source, for a while."""
    stop, next_s, count = Stop(), 0.0, 0
    begun_s = clock.now_s()
    with stop.on_signals(), closing(open_live(settings, stop).watch()) as items:
        for item in items:
            now_s = clock.now_s()
            if stop.is_set or now_s - begun_s > _LIVE_S or count == _PICTURES:
                break
            if isinstance(item, LiveFrame) and item.fault is None and now_s >= next_s:
                assert item.picture is not None
                next_s, count = now_s + _LIVE_EVERY_S, count + 1
                yield as_bgr(item.picture)
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
