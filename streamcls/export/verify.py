"""A bundle checked against the model it was made from."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from streamcls.builders.backend import load_network
from streamcls.config.settings import Settings
from streamcls.errors import ModelSettingsError, SettingsError
from streamcls.export.make import Measured, measure
from streamcls.export.pictures import MADE_UP, gather


def verify(settings: Settings, folder: Path, *, pictures: bool, progress: bool) -> Measured:
    """Checks a bundle against its original once more.

    Args:
        settings: `model.weights` may say where the original's weights are now; `source` is what to
            compare on.
        folder: the bundle.
        pictures: whether `source` counts; without it the one that it was exported with does.
        progress: whether a download shows its progress.

    Raises:
        ModelSettingsError: its files, labels or weights are not those of the original.
        StreamclsError: the original or the pictures can't be had.
    """
    from streamcls.inference.bundle import check_labels_file, is_bundle, read_bundle, read_report

    if not is_bundle(folder):
        raise ModelSettingsError(f"{folder}: no bundle (a folder made by streamcls export)")
    bundle = read_bundle(folder)
    check_labels_file(bundle)
    made_from = {"name": bundle.model, "input_size": bundle.card.input_size}
    original = settings.model.model_copy(update=made_from)
    network = load_network(original, progress=progress)
    if network.card.sha256 != bundle.card.sha256:
        raise ModelSettingsError(
            f"{folder}: made from other weights than these of {bundle.model}; --weights names "
            f"the original's (SHA-256 {bundle.card.sha256[:16]}...)"
        )
    if network.card.labels != bundle.card.labels:
        raise ModelSettingsError(f"{folder}: its labels are not those of {bundle.model}")
    report = read_report(folder)
    others = pictures and str(Path(settings.source).absolute()) != _source(report)
    if not pictures:
        settings, pictures = _recorded_source(settings, report)
    # Of what it was exported with, half is what it was calibrated on.
    found = gather(settings if pictures else None, network, calibrate=not others)
    measured = measure(network, bundle.file, bundle.engine, bundle.precision, found)
    return replace(measured, calibrated_on=_calibrated_on(report))


def _calibrated_on(report: Mapping[str, object]) -> int:
    about = report.get("pictures")
    number = about.get("calibrated_on") if isinstance(about, dict) else 0
    return number if isinstance(number, int) else 0


def _source(report: Mapping[str, object]) -> str:
    about = report.get("pictures")
    return str(about.get("from")) if isinstance(about, dict) else ""


def _recorded_source(settings: Settings, report: Mapping[str, object]) -> tuple[Settings, bool]:
    """Where the pictures of an export came from, if they are still there."""
    source = _source(report)
    if source == MADE_UP:
        return settings, False
    if not Path(source).expanduser().exists():
        raise SettingsError(
            f"--pictures: it was exported with {source}, which is not there; name others"
        )
    return settings.model_copy(update={"source": source}), True
