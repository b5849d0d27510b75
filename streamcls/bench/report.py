"""From settings to measurements: engines, smaller inputs, forms of torch, and the whole run."""

import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamcls.bench import torch_forms
from streamcls.bench.pipeline import PipelineFound, measure_pipeline
from streamcls.bench.plan import Plan, make_plan
from streamcls.bench.rows import LeftOut, Rounds, Row, Way
from streamcls.bench.torch_forms import Form
from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.builders.recording import BATCH
from streamcls.builders.source import open_recorded
from streamcls.config.options import check_fits
from streamcls.config.settings import Settings
from streamcls.errors import ModelSettingsError
from streamcls.records import ENGINES

_FORM_SECONDS = 0.4  # of a round, for each form of torch and shape of work

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """On what it was measured: the CPU's name, CPUs that may be used, versions of the engines."""

    cpu: str
    cores: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class BenchReport:
    """All that was measured.

    Attributes:
        machine: on what.
        model, arch: the name that was asked for, and its architecture.
        source: description of the recording.
        calibrated_on, compared_on: pictures of it, none of them in both.
        rounds: how often each was measured.
        engines: backend x precision x threads, compared with torch in float32.
        input_sizes: smaller inputs, compared with the model's own size; none for bundles.
        torch_forms: how torch can run it; none where torch is not among the engines.
        pipeline: the whole run.
        left_out: what did not run.
    """

    machine: Machine
    model: str
    arch: str
    source: str
    calibrated_on: int
    compared_on: int
    rounds: int
    engines: Sequence[Row]
    input_sizes: Sequence[Row]
    torch_forms: Sequence[Form]
    pipeline: PipelineFound
    left_out: Sequence[LeftOut]


def bench(settings: Settings, *, rounds: int, progress: bool, say: Say) -> BenchReport:
    """Measures a model on a recording; which form of torch is fastest is kept for runs.

    Args:
        settings: source, model, and number of threads; backend and precision restrict the rows.
        rounds: how often each is measured; medians count.
        progress: whether a download shows its progress.
        say: is told what goes on.

    Raises:
        StreamclsError: source or model can't be had, or nothing runs as it was asked for.
    """
    check_fits(settings, live=False)
    info = open_recorded(settings).info
    with tempfile.TemporaryDirectory(prefix="streamcls-bench-") as name:
        plan = make_plan(settings, Path(name), progress=progress, say=say)
        classifier = load_classifier(plan.run_model, Work(BATCH, 1), progress=progress)
        measured = _measured(plan, rounds, say)
        torch_forms = _torch_forms(plan, rounds, say) if plan.torch_forms else []
        run = settings.model_copy(update={"model": plan.run_model})
        pipeline = measure_pipeline(run, classifier, plan.folder, rounds=rounds, say=say)
        return BenchReport(
            machine=_machine(),
            model=settings.model.name,
            arch=plan.card.arch,
            source=f"{info.path}: {info.description}",
            calibrated_on=plan.calibrated_on,
            compared_on=plan.compared_on,
            rounds=rounds,
            engines=_rows(measured, plan.ways, plan.reference),
            input_sizes=_rows(measured, plan.sizes, plan.sizes[0] if plan.sizes else None),
            torch_forms=torch_forms,
            pipeline=pipeline,
            left_out=measured.left_out,
        )


def _measured(plan: Plan, rounds: int, say: Say) -> Rounds:
    more = [way for way in plan.sizes if way not in plan.ways]
    measured = Rounds([*plan.ways, *more], plan.folder, plan.left_out)
    measured.measure(rounds, say)
    if plan.reference is not None:
        measured.answer_only(plan.reference)
    return measured


def _rows(measured: Rounds, ways: Sequence[Way], reference: Way | None) -> list[Row]:
    found = [measured.row(way, reference) for way in ways]
    return [row for row in found if row is not None]


def _torch_forms(plan: Plan, rounds: int, say: Say) -> list[Form]:
    """How torch can run the network; the fastest one is remembered."""
    say("forms of torch; torch.compile takes a while")
    task = torch_forms.Task(
        model=plan.settings.model.model_dump_json(),
        threads=plan.threads,
        forms=torch_forms.known_forms(),
        pictures=str(plan.pictures),
        rounds=rounds,
        seconds=_FORM_SECONDS,
    )
    try:
        found = torch_forms.measure_forms(task)
    except ModelSettingsError as error:
        plan.left_out.append(LeftOut("forms of torch", str(error)))
        return []
    torch_forms.keep(found, plan.card.sha256)
    return found


def _machine() -> Machine:
    from streamcls.inference.engines import engine

    versions = {}
    for name in (engine(one).distribution for one in reversed(ENGINES)):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(_cpu_name(), available_threads(), versions)


def _cpu_name() -> str:
    """The CPU's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
