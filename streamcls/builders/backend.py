"""Networks: found, loaded, converted for an engine once and kept, and put on their engine."""

import logging
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.config.settings import ModelSettings
from streamcls.errors import ModelSettingsError, OutputError
from streamcls.protocols import Backend

if TYPE_CHECKING:
    from streamcls.inference.bundle import Bundle, Made
    from streamcls.inference.torchvision_models import Network

log = logging.getLogger(__name__)

DEMO_MODEL = "demo"
_DEMO_FOLDER = Path(__file__).parent.parent / "demo" / "model"
# Share of pictures to which another engine or precision must give the same label.
MIN_AGREEMENT = {"fp32": 0.99, "bf16": 0.99, "int8": 0.90}
_PROBES = 200  # pictures on which a converted model is checked
_CHECK_BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """How a backend is called: by `parallel` callers, with up to `batch` pictures, on `threads`.

    `padded` says that answers must not depend on how many pictures come together, to the bit, as of
    recordings; else short batches stay short.
    """

    batch: int
    threads: int
    parallel: int = 1
    padded: bool = True


class ConversionError(ModelSettingsError):
    """A model can't be converted, or what came out is not the same."""


def folder_of(name: str) -> Path | None:
    """The model folder or bundle that a model's name means, or None for torchvision's names."""
    from streamcls.inference.model_folder import is_model_folder

    if name == DEMO_MODEL:
        return _DEMO_FOLDER
    return Path(name) if is_model_folder(Path(name)) else None


def lasting_name(name: str) -> str:
    """A model's name that means the same from every folder."""
    folder = folder_of(name)
    return name if folder is None or name == DEMO_MODEL else str(folder.absolute())


def load_network(settings: ModelSettings, *, progress: bool) -> "Network":
    """The network that the settings name, with its card.

    Raises:
        ModelSettingsError: name, weights and labels don't fit each other; a bundle.
        WeightsUnavailableError: the weights are nowhere.
    """
    threads_sleep_while_waiting()
    from streamcls.inference import model_folder, torchvision_models
    from streamcls.inference.card import read_labels, with_input_size

    labels = read_labels(settings.labels) if settings.labels is not None else None
    path = folder_of(settings.name)
    if path is not None:
        network = model_folder.load(path, settings.weights, labels)
    else:
        network = torchvision_models.load(
            settings.name, settings.weights, labels, progress=progress
        )
    if settings.input_size is None:
        return network
    return replace(network, card=with_input_size(network.card, settings.input_size))


def torch_backend(network: "Network", work: Work, precision: str, form: str = "eager") -> Backend:
    """A network on torch.

    Raises:
        ModelSettingsError: the network can't take pictures of its card's size.
    """
    from streamcls.inference.torch_backend import TorchBackend

    try:
        return TorchBackend(
            network, batch=work.batch, threads=work.threads, precision=precision, form=form
        )
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        card = network.card
        raise ModelSettingsError(
            f"{card.arch} can't take pictures of {card.input_size} px: {error}"
        ) from error


def engine_backend(file: Path, engine: str, precision: str, side: int, work: Work) -> Backend:
    """A converted network on its engine.

    Raises:
        MissingPackageError: the engine is not installed.
        ModelSettingsError: it can't read the file.
    """
    from streamcls.inference.engines import format_of, loading, require

    require(engine)
    with loading(engine):
        return format_of(engine).load(
            file,
            precision=precision,
            side=side,
            batch=work.batch,
            parallel=work.parallel,
            threads=work.threads,
        )


def converted(settings: ModelSettings, engine: str, *, progress: bool) -> "Bundle":
    """A plain model for another engine than torch: from the cache, or converted into it.

    Raises:
        ModelSettingsError: it can't be converted, or does not agree with torch afterwards.
        OutputError: the cache can't be written.
    """
    from streamcls.inference.bundle import is_bundle, read_bundle, write_bundle
    from streamcls.inference.cache import converted_folder, remember, weights_fact

    def place(weights: Path) -> Path:
        name = str(folder_of(settings.name) or settings.name)
        side, labels = settings.input_size, settings.labels
        return converted_folder(engine, weights, model=name, side=side, labels=labels)

    known = weights_file(settings)
    if known is not None and (kept := _kept(place(known))) is not None:
        return kept
    level = logging.WARNING if progress else logging.INFO
    log.log(level, "%s is converted for %s; this is done once", settings.name, engine)
    network = load_network(settings, progress=progress)
    if known is None:
        known = _published_file(settings)
        remember(weights_fact(settings.name), str(known))
    folder = place(known)
    try:
        write_bundle(
            folder,
            lambda inside: _convert(network, engine, inside),
            card=network.card,
            engine=engine,
            model=settings.name,
        )
    except OutputError:
        if not is_bundle(folder):  # another process was faster
            raise
    return read_bundle(folder)


def _kept(folder: Path) -> "Bundle | None":
    """What an earlier run converted; taken away if it is damaged."""
    from streamcls.inference.bundle import read_bundle

    if not folder.exists():
        return None
    try:
        return read_bundle(folder)
    except ModelSettingsError as error:
        log.warning("%s; it is converted again", error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def weights_file(settings: ModelSettings) -> Path | None:
    """The weights of a plain model, if that can be told without torch."""
    from streamcls.inference import model_folder
    from streamcls.inference.cache import recall, weights_fact

    if settings.weights is not None:
        return settings.weights if settings.weights.is_file() else None
    path = folder_of(settings.name)
    if path is not None:
        return model_folder.describe(path)[1]
    known = recall(weights_fact(settings.name))
    return Path(known) if known is not None and Path(known).is_file() else None


def _published_file(settings: ModelSettings) -> Path:
    from streamcls.inference.torchvision_models import published_file

    return published_file(settings.name)


def _convert(network: "Network", engine: str, folder: Path) -> "Made":
    """Converts and checks."""
    from streamcls.inference.agreement import answers, compare
    from streamcls.inference.bundle import Made
    from streamcls.inference.conversion import convert
    from streamcls.inference.engines import has_bf16
    from streamcls.inference.made_up_pictures import probe_pictures

    card, work = network.card, Work(_CHECK_BATCH, available_threads())
    pictures = probe_pictures(_PROBES, card.input_size)
    # First, because a size that the network can't take is no fault of the engine's.
    reference = answers(torch_backend(network, work, "fp32"), pictures, work.batch)
    report: dict[str, float] = {"pictures": _PROBES}
    try:
        file = convert(network, engine, folder)
        for precision in ("fp32", "bf16") if has_bf16(engine) else ("fp32",):
            backend = engine_backend(file, engine, precision, card.input_size, work)
            found = compare(reference, answers(backend, pictures, work.batch))
            report[f"{precision}_agreement"] = found.top1
            report[f"{precision}_mean_change"] = found.mean_change
    except ModelSettingsError as error:
        raise ConversionError(str(error)) from error
    agreement = report["fp32_agreement"]
    if agreement < MIN_AGREEMENT["fp32"]:
        raise ConversionError(
            f"{card.arch} converted for {engine} gives the same label as torch to only "
            f"{agreement:.1%} of test pictures"
        )
    return Made(file, "fp32", report)


def available_threads() -> int:
    """The CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_sleep_while_waiting() -> None:
    """OpenMP's threads would spin and take the CPU from the decoder; read when torch loads."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
