"""From settings to a classifier: which engine, which precision, and why.

A plain model goes to torch as it is, or is converted for a faster engine once and then taken from
the cache, without torch. A bundle says itself what runs it.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.builders.backend import (
    MIN_AGREEMENT,
    ConversionError,
    Work,
    converted,
    engine_backend,
    folder_of,
    load_network,
    threads_sleep_while_waiting,
    torch_backend,
)
from streamcls.config.settings import ModelSettings
from streamcls.errors import (
    MissingPackageError,
    ModelSettingsError,
    OutputError,
    SettingsError,
)
from streamcls.runtime.stop import end_if_signalled
from streamcls.runtime.threads import in_background

if TYPE_CHECKING:
    from streamcls.inference.bundle import Bundle
    from streamcls.inference.classifier import ImageClassifier

log = logging.getLogger(__name__)

# In fours OpenVINO gains another 5 % on a picture, and twice as many pictures are in memory.
_ENGINE_BATCH = 2


def load_classifier(settings: ModelSettings, work: Work, *, progress: bool) -> "ImageClassifier":
    """A classifier that is warmed up.

    Args:
        settings: which model, on what.
        work: how it will be called.
        progress: whether a download or a conversion may say so.

    Raises:
        SettingsError, ModelSettingsError: name, weights, labels, engine and precision don't fit.
        WeightsUnavailableError: the weights are nowhere.
        MissingPackageError: the engine that was asked for is not installed.
        KeyboardInterrupt, SystemExit: for a signal that was swallowed in here.
    """
    threads_sleep_while_waiting()
    try:
        return _bundle_classifier(settings, work) or _plain_classifier(settings, work, progress)
    finally:
        end_if_signalled()  # which a library may have made another error of


def _bundle_classifier(settings: ModelSettings, work: Work) -> "ImageClassifier | None":
    """The classifier of a bundle, or None where the settings name none."""
    from streamcls.inference.bundle import is_bundle, read_bundle

    folder = folder_of(settings.name)
    if folder is None or not is_bundle(folder):
        return None
    bundle = read_bundle(folder)
    fixed = {"backend": bundle.engine, "precision": bundle.precision}
    for key, value in fixed.items():
        if getattr(settings, key) not in ("auto", value):
            raise SettingsError(
                f"--{key} {getattr(settings, key)}: {folder} is a bundle for {bundle.engine} in "
                f"{bundle.precision}; export another one"
            )
    if settings.weights is not None:
        raise SettingsError(f"--weights: {folder} is a bundle, which has its own")
    if settings.input_size not in (None, bundle.card.input_size):
        raise SettingsError(
            f"--input-size {settings.input_size}: {folder} is a bundle for "
            f"{bundle.card.input_size} px; export another one"
        )
    return bundle_classifier(bundle, bundle.precision, work, "as exported", settings.labels)


def bundle_classifier(
    bundle: "Bundle", precision: str, work: Work, choice: str, labels: Path | None = None
) -> "ImageClassifier":
    """A bundle, or a converted model of the cache, at work; without torch.

    Raises:
        MissingPackageError: its engine is not installed.
        ModelSettingsError: the engine can't read it, or the labels don't fit.
    """
    from streamcls.inference.card import read_labels
    from streamcls.inference.classifier import ImageClassifier
    from streamcls.inference.engines import has_bf16
    from streamcls.inference.preprocess import Preprocess

    card = bundle.card
    if labels is not None:
        given = read_labels(labels)
        if len(given) != len(card.labels):
            raise ModelSettingsError(
                f"{labels}: {len(given)} labels; {bundle.folder} has {len(card.labels)} classes"
            )
        card = replace(card, labels=given)
    if precision == "bf16" and not has_bf16(bundle.engine):
        precision, choice = "fp32", "this CPU has no bf16"
        log.warning(
            "%s: made for bf16, which this CPU can't compute; it runs slower", bundle.folder
        )
    # These take batches of one size only; half full ones cost more than they gain.
    work = replace(work, batch=min(work.batch, _ENGINE_BATCH) if work.padded else 1)
    # The engine's threads are those of the one that loads it.
    backend = in_background(
        lambda: engine_backend(bundle.file, bundle.engine, precision, card.input_size, work)
    )
    return ImageClassifier(card, Preprocess(card), backend, batch=work.batch, choice=choice)


def _plain_classifier(settings: ModelSettings, work: Work, progress: bool) -> "ImageClassifier":
    from streamcls.inference import engines

    if settings.precision == "int8":
        raise SettingsError(
            "--precision int8: int8 is calibrated on your own frames; make a bundle with: "
            f"streamcls export {settings.name} --precision int8 --calibrate VIDEO --out DIR"
        )
    by_name = settings.backend != "auto"
    engine = settings.backend
    if engine == "auto":
        engine = engines.fastest_installed()
        if settings.precision == "bf16" and not engines.has_bf16(engine):
            engine = "torch"
    engines.require(engine)
    if settings.precision == "bf16" and not engines.has_bf16(engine):
        raise SettingsError(f"--precision bf16: {engine} can't compute in bf16 here")
    if engine == "torch":
        why = "as asked for" if by_name else "no faster engine is installed"
        return _torch_classifier(settings, work, progress, why)
    try:
        bundle = converted(settings, engine, progress=progress)
    except (ConversionError, MissingPackageError, OutputError) as error:
        if by_name:
            raise
        log.warning("%s; it runs on torch instead, which is slower", error)
        kept = not isinstance(error, OutputError)
        why = f"{engine} can't run it" if kept else "what is converted can't be kept"
        return _torch_classifier(settings, work, progress, why)
    precision, why = _precision(settings, bundle)
    chosen = "as asked for" if by_name else "the fastest engine installed"
    return bundle_classifier(bundle, precision, work, f"{chosen}{why}", settings.labels)


def _precision(settings: ModelSettings, bundle: "Bundle") -> tuple[str, str]:
    """What a converted model computes in, and why if that was chosen here."""
    from streamcls.inference.bundle import read_report
    from streamcls.inference.engines import has_bf16

    if settings.precision != "auto":
        return settings.precision, ""
    agreement = read_report(bundle.folder).get("bf16_agreement")
    # Machines that share a cache may have different CPUs.
    if not isinstance(agreement, float) or not has_bf16(bundle.engine):
        return "fp32", ""
    if agreement >= MIN_AGREEMENT["bf16"]:
        return "bf16", f"; bf16 gave the same label to {agreement:.1%} of test pictures"
    return "fp32", f"; bf16 gave the same label to only {agreement:.1%} of test pictures"


def _torch_classifier(
    settings: ModelSettings, work: Work, progress: bool, why: str
) -> "ImageClassifier":
    network = load_network(settings, progress=progress)
    from streamcls.inference.cache import recall, torch_form_fact
    from streamcls.inference.classifier import ImageClassifier
    from streamcls.inference.preprocess import Preprocess
    from streamcls.inference.torch_backend import FORMS
    from streamcls.inference.torch_resize import TorchResize

    card = network.card
    precision = "bf16" if settings.precision == "bf16" else "fp32"
    form = "eager"
    if (
        precision == "fp32" and work.padded and settings.input_size is None
    ):  # which is what bench looked at
        form = recall(torch_form_fact(card.sha256, work.batch, work.threads)) or form
    backend = torch_backend(network, work, precision, form if form in FORMS else "eager")
    resized = Preprocess(card, TorchResize)
    return ImageClassifier(card, resized, backend, batch=work.batch, choice=why, padded=work.padded)


def describe_model(settings: ModelSettings) -> dict[str, str]:
    """Which model and weights would be used, without loading them.

    Raises:
        ModelSettingsError: no such model; its folder or its weights file is wrong.
    """
    for given in (settings.weights, settings.labels):
        if given is not None and not given.is_file():
            raise ModelSettingsError(f"{given}: no such file")
    path = folder_of(settings.name)
    rows = _describe_folder(settings, path) if path is not None else _describe_named(settings)
    if settings.labels is not None:
        rows["labels"] = str(settings.labels)
    return rows


def _describe_folder(settings: ModelSettings, path: Path) -> dict[str, str]:
    from streamcls.inference import model_folder
    from streamcls.inference.bundle import is_bundle, read_bundle

    if is_bundle(path):
        bundle = read_bundle(path)
        about = f"{bundle.card.arch}, {len(bundle.card.labels)} classes"
        return {
            "model": f"{settings.name} ({about}), a bundle made from {bundle.model}",
            "runs on": f"{bundle.engine} in {bundle.precision}",
        }
    card, file = model_folder.describe(path)
    name = f"{settings.name} ({card.arch}, {len(card.labels)} classes)"
    if card.note and settings.weights is None:
        name += f". {card.note}"
    return {"model": name, "weights": str(settings.weights or file), **_engine(settings)}


def _describe_named(settings: ModelSettings) -> dict[str, str]:
    from streamcls.inference import torchvision_models

    if settings.name not in torchvision_models.names():
        raise ModelSettingsError(torchvision_models.unknown_model(settings.name))
    file = settings.weights or torchvision_models.published_file(settings.name)
    state = "" if file.exists() else ": not there yet; run downloads them"
    return {"model": settings.name, "weights": f"{file}{state}", **_engine(settings)}


def _engine(settings: ModelSettings) -> dict[str, str]:
    from streamcls.inference.engines import fastest_installed

    chosen = settings.backend if settings.backend != "auto" else fastest_installed()
    return {"runs on": chosen}
