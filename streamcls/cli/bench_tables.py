"""The tables of `streamcls bench`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streamcls.cli.report import SCREEN, print_table
from streamcls.sinks.files import writing

if TYPE_CHECKING:
    from streamcls.bench.forms import Form
    from streamcls.bench.pipeline import PipelineFound
    from streamcls.bench.rows import Row
    from streamcls.build_bench import BenchReport

_SHAPES = {1: "alone (live)", 4: "in fours (recordings)"}


def print_report(found: "BenchReport") -> None:
    """Everything, to standard output."""
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    _say(f"{found.model} ({found.arch}) on {found.source}")
    _say(f"{machine.cpu}, {machine.cores} CPUs; {versions}; medians of {found.rounds} rounds")
    _say("")
    _say("Engines: single pictures (ms); recordings (pictures/s, as many callers as threads)")
    _print_rows(found.engines, "backend", "precision", "threads")
    compared = f"same label: as torch fp32 gives, on {found.compared_on} frames"
    others = f"; int8 was calibrated on {found.calibrated_on} others" * bool(found.calibrated_on)
    _say(f"  {compared}{others}")
    if found.input_sizes:
        own = found.input_sizes[0]
        _say(f"\nInput size: {own.backend} {own.precision}, {own.threads} threads")
        _print_rows(found.input_sizes, "input px")
        _say(f"  same label: as at {own.input_size} px")
    if found.torch_forms:
        _say("\nForms of torch: the fastest correct one is used by runs from now on")
        _print_forms(found.torch_forms)
    _print_pipeline(found.pipeline)
    for one in found.left_out:
        _say(f"not measured: {one.what}: {one.why}")


def _print_rows(rows: Sequence["Row"], *names: str) -> None:
    columns = ("load s", "p50 ms", "p99 ms", "pictures/s", "(spread)", "same label", "memory MB")
    print_table(
        (*names, *columns),
        [[_name(row, name) for name in names] + _figures(row) for row in rows],
        right=("threads", "input px", *columns),
    )


def _name(row: "Row", name: str) -> str:
    values = {"backend": row.backend, "precision": row.precision, "threads": str(row.threads)}
    return values.get(name, str(row.input_size))


def _figures(row: "Row") -> list[str]:
    return [
        f"{row.load_s:.2f}",
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
        f"{row.rate:.1f}",
        _spread(row.rate_spread),
        "-" if row.agreement is None else f"{row.agreement:.1%}",
        f"{row.memory_mb:.0f}",
    ]


def _spread(ends: tuple[float, float]) -> str:
    return f"({ends[0]:.1f}-{ends[1]:.1f})"


def _print_forms(forms: Sequence["Form"]) -> None:
    rows = [
        [
            form.form,
            _SHAPES.get(form.batch, str(form.batch)),
            str(form.threads),
            "-" if form.ms is None else f"{form.ms:.1f}",
            form.failure if form.max_change is None else f"{form.max_change:.0e}",
            "used" if form.used else "",
        ]
        for form in forms
    ]
    right = ("threads", "ms a picture")
    print_table(
        ("form", "pictures", *right, "largest change of a probability", ""), rows, right=right
    )


def _print_pipeline(found: "PipelineFound") -> None:
    _say(f"\nA run on {found.engine}: {found.frames} frames, {found.cores} CPUs")
    runs = [
        [
            run.outputs,
            f"{run.fps:.1f}",
            _spread(run.fps_spread),
            f"{run.cpu_ms:.1f}",
            f"{run.floor.fps:.1f}",
            f"{run.ratio:.0%}",
            run.floor.bottleneck,
        ]
        for run in found.runs
    ]
    columns = ("frames/s", "(spread)", "CPU ms a frame", "floor, frames/s", "of the floor")
    print_table(("outputs", *columns, "bottleneck"), runs, right=columns)
    costs = [[n, f"{c.cpu_ms:.2f}", f"{c.wall_ms:.2f}"] for n, c in found.parts.items()]
    alone = ("CPU ms a frame", "ms a frame")
    print_table(("part, alone", *alone), costs, right=alone)
    _say("  floor: the parts alone with every CPU busy; CSV needs neither convert nor encode")
    limits = "; ".join(f"with {run.outputs} {run.floor.why}" for run in found.runs)
    _say(f"Bottleneck: {limits}.")


def _say(text: str) -> None:
    with writing(SCREEN):
        click.echo(text)
