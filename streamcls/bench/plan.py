"""Which ways there are to run a model here: engines, precisions, sizes, and what each takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamcls.bench.rows import LeftOut, Way, same
from streamcls.builders.backend import (
    available_threads,
    converted,
    folder_of,
    load_network,
    weights_file,
)
from streamcls.config.settings import ModelSettings, Settings
from streamcls.errors import MissingPackageError, ModelSettingsError, OutputError, SettingsError
from streamcls.export.pictures import gather
from streamcls.records import ENGINES

if TYPE_CHECKING:
    from streamcls.inference.bundle import Bundle
    from streamcls.inference.engines import Pixels
    from streamcls.inference.torchvision_models import Network
    from streamcls.records import ModelCard

_CALIBRATED_ON, _COMPARED_ON = 100, 200  # pictures, at the most
_SMALLER = (6 / 7, 5 / 7)  # of the input size: 192 and 160 of 224 px
_STEP_PX = 32  # a whole number of these, since most networks halve the picture five times

Say = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Plan:
    """What is going to be measured.

    Attributes:
        settings: of the measurement.
        folder: for files.
        card: of the model.
        run_model: what whole runs use.
        ways: engine x precision x threads.
        reference: torch in float32, or None where the original is not there.
        sizes: the model's own input size and smaller ones, on the fastest engine in float32.
        torch_forms: whether it is worth knowing how torch runs it fastest.
        calibrated_on, compared_on: pictures.
        left_out: what can't be measured.
    """

    settings: Settings
    folder: Path
    card: "ModelCard"
    run_model: ModelSettings
    ways: list[Way] = field(default_factory=list)
    reference: Way | None = None
    sizes: list[Way] = field(default_factory=list)
    torch_forms: bool = False
    calibrated_on: int = 0
    compared_on: int = 0
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def threads(self) -> int:
        """All that may be used."""
        return self.settings.runtime.threads or available_threads()

    @property
    def pictures(self) -> Path:
        """What everything but other sizes is measured on."""
        return self.folder / f"pictures-{self.card.input_size}.npy"

    def add(self, engine: str, precision: str, file: Path | None) -> None:
        """A way for one thread, and one for all."""
        for threads in sorted({1, self.threads}):
            self.ways.append(self.way(engine, precision, file, threads))

    def way(self, engine: str, precision: str, file: Path | None, threads: int) -> Way:
        """A way that takes the model's pictures."""
        side, model = self.card.input_size, self.settings.model
        return Way(engine, precision, threads, side, model, self.pictures, file)


def make_plan(settings: Settings, folder: Path, *, progress: bool, say: Say) -> Plan:
    """Converts and quantises what is to be measured.

    Args:
        settings: source, model, and what to restrict it to.
        folder: for what is only needed now; conversions to float32 are kept in the cache.
        progress: whether a download shows its progress.
        say: is told what goes on.

    Raises:
        StreamclsError: source or model can't be had, or nothing runs as it was asked for.
    """
    from streamcls.inference.bundle import is_bundle, read_bundle

    path = folder_of(settings.model.name)
    if path is not None and is_bundle(path):
        return _of_bundle(settings, read_bundle(path), folder)
    wanted = _wanted(settings.model)
    network = load_network(settings.model, progress=progress)
    plan = Plan(settings, folder, network.card, settings.model)
    say("frames are taken from the recording")
    calibration = _take_pictures(plan, network)
    for engine, precisions in wanted.items():
        say(f"the model is prepared for {engine}")
        _add_engine(plan, network, engine, precisions, calibration, progress=progress)
    if not plan.ways:
        raise ModelSettingsError(f"{plan.left_out[0].what}: {plan.left_out[0].why}")
    key = "torch", "fp32", network.card.input_size
    plan.torch_forms = same(plan.ways, key, plan.threads) is not None
    plan.reference = same(plan.ways, key, plan.threads) or plan.way(
        "torch", "fp32", None, plan.threads
    )
    plan.sizes = _sizes(plan, say, progress=progress)
    return plan


def _wanted(model: ModelSettings) -> dict[str, list[str]]:
    """Engines with their precisions, as installed here and asked for.

    Raises:
        SettingsError: there is no such thing.
        MissingPackageError: the engine that was named is not installed.
    """
    from streamcls.inference import engines

    if model.backend != "auto":
        engines.require(model.backend)
        names = [model.backend]
    else:
        names = [name for name in reversed(ENGINES) if engines.installed(name)]
    found = {}
    for name in names:
        able = engines.precisions(name)
        found[name] = [one for one in able if model.precision in ("auto", one)]
    if not any(found.values()):
        raise SettingsError(
            f"--precision {model.precision}: {' and '.join(names)} can't compute in it on this CPU"
        )
    return {name: precisions for name, precisions in found.items() if precisions}


def _take_pictures(plan: Plan, network: "Network") -> "list[Pixels]":
    """Keeps pictures to compare on; gives others to calibrate on."""
    pictures = gather(plan.settings, network)
    calibration = _spread(pictures.calibration, _CALIBRATED_ON)
    compared = _spread(pictures.measured, _COMPARED_ON)
    np.save(plan.folder / f"pictures-{network.card.input_size}.npy", np.stack(compared))
    plan.compared_on = len(compared)
    return calibration


def _spread(pictures: "Sequence[Pixels]", count: int) -> "list[Pixels]":
    count = min(count, len(pictures))
    return [pictures[number * len(pictures) // count] for number in range(count)]


def _add_engine(
    plan: Plan,
    network: "Network",
    engine: str,
    precisions: Sequence[str],
    calibration: "list[Pixels]",
    *,
    progress: bool,
) -> None:
    file = None
    if engine != "torch":
        try:
            file = converted(plan.settings.model, engine, progress=progress).file
        except (ModelSettingsError, OutputError) as error:
            plan.left_out.append(LeftOut(engine, str(error)))
            return
    for precision in precisions:
        if precision != "int8":
            plan.add(engine, precision, file)
            continue
        assert file is not None  # torch has no int8
        try:
            bundle = _quantized(plan, network, file, engine, calibration)
        except (ModelSettingsError, MissingPackageError) as error:
            plan.left_out.append(LeftOut(f"{engine} int8", str(error)))
            continue
        plan.calibrated_on = len(calibration)
        plan.add(engine, precision, bundle.file)
        if plan.settings.model.precision == "int8":  # the last one is the fastest
            runtime = {"backend": "auto", "precision": "auto", "weights": None, "input_size": None}
            update = runtime | {"name": str(bundle.folder)}
            plan.run_model = plan.settings.model.model_copy(update=update)


def _quantized(
    plan: Plan, network: "Network", file: Path, engine: str, calibration: "list[Pixels]"
) -> "Bundle":
    """A bundle in int8, for as long as the measurement lasts."""
    from streamcls.inference.bundle import Made, read_bundle, write_bundle
    from streamcls.inference.engines import require
    from streamcls.inference.quantization import quantize

    require(engine, export=True)
    folder = plan.folder / f"{engine}-int8"
    write_bundle(
        folder,
        lambda inside: Made(quantize(file, engine, calibration, inside), "int8", {}),
        card=network.card,
        engine=engine,
        model=plan.settings.model.name,
    )
    return read_bundle(folder)


def _sizes(plan: Plan, say: Say, *, progress: bool) -> list[Way]:
    """The model's own input size and smaller ones, or the one that was asked for; else nothing."""
    model = plan.settings.model
    own_model = model.model_copy(update={"input_size": None})
    own = load_network(own_model, progress=progress).card.input_size
    sides = [model.input_size] if model.input_size is not None else smaller_sizes(own)
    engine = plan.ways[-1].engine  # the fastest one
    ways = []
    for side in [own, *(side for side in sides if side != own)]:
        say(f"the model is prepared for pictures of {side} px")
        known = same(plan.ways, (engine, "fp32", side), plan.threads)
        try:
            ways.append(known or _sized(plan, engine, side, progress=progress))
        except ModelSettingsError as error:
            plan.left_out.append(LeftOut(f"input size {side} px", str(error)))
    return ways if len(ways) > 1 and ways[0].side == own else []


def smaller_sizes(own: int) -> list[int]:
    """The input sizes to try below a model's own, in px."""
    sides = {round(own * share / _STEP_PX) * _STEP_PX for share in _SMALLER}
    return sorted((side for side in sides if _STEP_PX <= side < own), reverse=True)


def _sized(plan: Plan, engine: str, side: int, *, progress: bool) -> Way:
    """The model for another input size.

    Raises:
        ModelSettingsError: it takes no pictures of this size.
    """
    model = plan.settings.model.model_copy(update={"input_size": side})
    network, file = load_network(model, progress=progress), None
    pictures = plan.folder / f"pictures-{side}.npy"
    if not pictures.exists():
        np.save(pictures, np.stack(_spread(gather(plan.settings, network).measured, _COMPARED_ON)))
    if engine != "torch":
        from streamcls.inference.conversion import convert

        folder = plan.folder / f"{engine}-{side}"
        folder.mkdir()
        file = convert(network, engine, folder)
    return Way(engine, "fp32", plan.threads, side, model, pictures, file)


def _of_bundle(settings: Settings, bundle: "Bundle", folder: Path) -> Plan:
    from torch import nn

    from streamcls.inference.torchvision_models import Network

    plan = Plan(settings, folder, bundle.card, settings.model)
    _take_pictures(plan, Network(nn.Identity(), bundle.card))  # only its card counts
    plan.add(bundle.engine, bundle.precision, bundle.file)
    original = _original(bundle)
    if original is not None:
        side = bundle.card.input_size
        plan.reference = Way("torch", "fp32", plan.threads, side, original, plan.pictures, None)
    return plan


def _original(bundle: "Bundle") -> ModelSettings | None:
    """What a bundle was made from, if it is still there."""
    from streamcls.inference.card import sha256_of

    original = ModelSettings(name=bundle.model, input_size=bundle.card.input_size)
    file = weights_file(original)
    if file is None or sha256_of(file) != bundle.card.sha256:
        return None
    return original.model_copy(update={"weights": file} if folder_of(bundle.model) is None else {})
