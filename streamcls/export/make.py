"""From a plain model to a bundle that was measured, and a bundle checked against its original."""

import logging
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.builders.backend import (
    MIN_AGREEMENT,
    Work,
    available_threads,
    engine_backend,
    folder_of,
    lasting_name,
    load_network,
    torch_backend,
)
from streamcls.config.settings import Settings
from streamcls.errors import AgreementError, ModelSettingsError, OutputPathError, SettingsError
from streamcls.export.pictures import Pictures, gather
from streamcls.protocols import Backend
from streamcls.records import ENGINES

if TYPE_CHECKING:
    from streamcls.inference.agreement import Agreement
    from streamcls.inference.engines import Pixels
    from streamcls.inference.torchvision_models import Network

log = logging.getLogger(__name__)

_BATCH = 4
_ROUNDS = 10  # of the measurement of speed


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A model for another engine beside the original: torch in float32, speed of torch eager.

    Speeds are of single pictures with all threads, in ms; sizes in MB; accuracies 0 to 1, None
    where no truth is known.
    """

    engine: str
    precision: str
    source: str
    calibrated_on: int
    agreement: "Agreement"
    accuracy_before: float | None
    accuracy: float | None
    ms_before: float
    ms: float
    mb_before: float
    mb: float

    def report(self) -> dict[str, object]:
        """For the bundle."""
        return {
            "engine": self.engine,
            "precision": self.precision,
            "pictures": {
                "from": self.source,
                "calibrated_on": self.calibrated_on,
                "measured_on": self.agreement.pictures,
            },
            "top1_agreement": self.agreement.top1,
            "mean_change_of_probability": self.agreement.mean_change,
            "accuracy": {"before": self.accuracy_before, "after": self.accuracy},
            "ms_a_picture": {"torch eager": self.ms_before, "after": self.ms},
            "threads": available_threads(),
            "megabytes": {"before": self.mb_before, "after": self.mb},
        }


def export(
    settings: Settings,
    folder: Path,
    *,
    calibrate: bool,
    min_agreement: float | None,
    overwrite: bool,
    progress: bool,
) -> Measured:
    """Makes a bundle of the model that the settings name.

    Args:
        settings: the model with engine and precision; `source` is what to calibrate on.
        folder: for the bundle.
        calibrate: whether `source` counts; without it nothing can be int8.
        min_agreement: share of pictures with the original's label that it must reach, 0 to 1.
        overwrite: whether a bundle that is there is replaced.
        progress: whether a download shows its progress.

    Returns:
        How it measured.

    Raises:
        AgreementError: it differs too much; nothing is written.
        StreamclsError: model, engine, pictures or folder can't be had.
    """
    from streamcls.inference.bundle import Made, is_bundle, write_bundle

    _check_folder(folder, overwrite=overwrite)
    path = folder_of(settings.model.name)
    if path is not None and is_bundle(path):
        raise ModelSettingsError(f"{path}: a bundle already; export the model it was made from")
    engine, precisions = _wanted(settings, calibrate=calibrate)
    network = load_network(settings.model, progress=progress)
    pictures = gather(settings if calibrate else None, network)
    found: list[Measured] = []

    def make(inside: Path) -> Made:
        file, measured = _first_good(network, engine, precisions, pictures, inside, min_agreement)
        found.append(measured)
        return Made(file, measured.precision, measured.report())

    write_bundle(
        folder,
        make,
        card=network.card,
        engine=engine,
        model=lasting_name(settings.model.name),
        overwrite=overwrite,
    )
    return found[0]


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    from streamcls.inference.bundle import check_replaceable

    if folder.exists() or folder.is_symlink():
        if not overwrite:
            raise OutputPathError(f"{folder}: there already; --overwrite replaces it")
        check_replaceable(folder.resolve())
    there = next(path for path in folder.resolve().parents if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise OutputPathError(f"{folder}: can't be made there: {error.strerror}") from error


def _wanted(settings: Settings, *, calibrate: bool) -> tuple[str, list[str]]:
    """The engine, and the precisions to try, fastest first.

    Raises:
        SettingsError: they don't go together.
        MissingPackageError: the engine is not installed.
    """
    from streamcls.inference import engines

    model = settings.model
    if model.backend == "torch":
        raise SettingsError("--backend torch: torch runs models as they are; use openvino or onnx")
    engine = model.backend
    if engine == "auto":
        formats = [name for name in ENGINES if engines.engine(name).format is not None]
        engine = next((name for name in formats if engines.installed(name)), formats[0])
    engines.require(engine, export=True)
    if model.precision == "int8" and not calibrate:
        raise SettingsError("--precision int8: give frames to calibrate on, --calibrate VIDEO")
    if model.precision == "bf16" and not engines.has_bf16(engine):
        raise SettingsError(f"--precision bf16: {engine} can't compute in bf16 here")
    if model.precision != "auto":
        return engine, [model.precision]
    able = reversed(engines.precisions(engine))
    return engine, [precision for precision in able if precision != "int8" or calibrate]


def _first_good(
    network: "Network",
    engine: str,
    precisions: Sequence[str],
    pictures: Pictures,
    folder: Path,
    min_agreement: float | None,
) -> tuple[Path, Measured]:
    """The first precision that agrees well enough, its files moved into the folder."""
    from streamcls.inference.conversion import convert
    from streamcls.inference.quantization import quantize

    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        original = convert(network, engine, Path(name))
        for precision in precisions:
            file = original
            if precision == "int8":
                (Path(name) / "int8").mkdir()
                file = quantize(original, engine, pictures.calibration, Path(name) / "int8")
            measured = measure(network, file, engine, precision, pictures)
            least = MIN_AGREEMENT[precision] if min_agreement is None else min_agreement
            if measured.agreement.top1 >= least:
                return _moved(file, folder), measured
            if precision != precisions[-1]:
                log.warning("%s", refusal(measured, least))
    raise AgreementError(refusal(measured, least))


def _moved(file: Path, folder: Path) -> Path:
    """Takes a network's file, and those beside it that belong to it, into a folder."""
    for part in [path for path in file.parent.iterdir() if path.is_file()]:
        part.rename(folder / part.name)
    return folder / file.name


def refusal(measured: Measured, least: float) -> str:
    """What is wrong with a model that differs too much, and what may help."""
    if measured.precision == "int8":
        hint = (
            "calibrate on more and other frames (--calibrate takes a video or a folder), or try "
            "--precision bf16 or fp32"
        )
    else:
        hint = "try --precision fp32 or another --backend"
    return (
        f"{measured.engine} {measured.precision} gives the original's label to "
        f"{measured.agreement.top1:.1%} of {measured.agreement.pictures} pictures, less than "
        f"--min-agreement {least:g}; {hint}"
    )


def measure(
    network: "Network", file: Path, engine: str, precision: str, pictures: Pictures
) -> Measured:
    """A converted network beside the original, on pictures that it was not calibrated on."""
    from streamcls.inference.agreement import accuracy, answers, compare

    threads, side = available_threads(), network.card.input_size
    many, one = Work(_BATCH, threads), Work(1, threads)
    reference = torch_backend(network, many, "fp32")
    before = answers(reference, pictures.measured, _BATCH)
    after = answers(engine_backend(file, engine, precision, side, many), pictures.measured, _BATCH)
    single = engine_backend(file, engine, precision, side, one)
    ms_before, ms = _speeds(network, single, pictures.measured[0], threads)
    return Measured(
        engine=engine,
        precision=precision,
        source=pictures.source,
        calibrated_on=len(pictures.calibration) if precision == "int8" else 0,
        agreement=compare(before, after),
        accuracy_before=accuracy(before, pictures.truth),
        accuracy=accuracy(after, pictures.truth),
        ms_before=ms_before,
        ms=ms,
        mb_before=sum(t.numel() * 4 for t in network.module.parameters()) / 1e6,
        mb=sum(p.stat().st_size for p in file.parent.iterdir() if p.is_file()) / 1e6,
    )


def _speeds(
    network: "Network", found: Backend, picture: "Pixels", threads: int
) -> tuple[float, float]:
    """Medians of torch eager and of another backend, in ms a picture; they take turns."""
    from streamcls.inference.torch_backend import PlainEager

    eager = PlainEager(network, threads=threads)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for backend, taken in zip((eager, found), times, strict=True):
            backend.infer(picture[None])  # the caches are the other one's
            begun = time.perf_counter()
            backend.infer(picture[None])
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])
