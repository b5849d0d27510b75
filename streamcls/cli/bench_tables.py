"""The tables of `streamcls bench`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streamcls.cli.report import SCREEN, print_table
from streamcls.sinks.files import writing

if TYPE_CHECKING:
    from streamcls.bench.pipeline import PipelineFound
    from streamcls.bench.report import BenchReport
    from streamcls.bench.rows import Row
    from streamcls.bench.torch_forms import Form

_BUSY = 1.15  # times the CPU time
_SHAPES = {1: "alone (live)", 4: "in fours (recordings)"}


def print_report(found: "BenchReport") -> None:
    """Everything, to standard output; fits 80 columns."""
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    _say(f"{found.model} ({found.arch}) on {found.source}")
    _say(f"{machine.cpu}, {machine.cores} CPUs; {versions}")
    _say(f"medians of {found.rounds} rounds; ± half of what lies between the slowest and fastest")
    _say("\nEngines")
    _print_rows("engine", [(f"{row.backend} {row.precision}", row) for row in found.engines])
    _say("  p50 / p99: of single pictures; pictures/s: fours, as many callers as threads")
    _say(f"  same: label as torch in fp32, on {found.compared_on} frames; MB: memory it adds")
    if found.calibrated_on:
        _say(f"  int8 was calibrated on {found.calibrated_on} other frames")
    if found.input_sizes:
        own = found.input_sizes[0]
        _say(f"\nInput size, on {own.backend} {own.precision}")
        _print_rows("input", [(f"{row.input_size} px", row) for row in found.input_sizes])
        _say(f"  same: label as at {own.input_size} px")
    if found.torch_forms:
        _say("\nForms of torch")
        _print_forms(found.torch_forms)
    _print_pipeline(found.pipeline)
    for one in found.left_out:
        _say(f"not measured: {one.what}: {one.why}")


def _print_rows(kind: str, rows: Sequence[tuple[str, "Row"]]) -> None:
    columns = ("threads", "load s", "p50 / p99 ms", "pictures/s", "same", "MB")
    print_table((kind, *columns), [[name, *_figures(row)] for name, row in rows], right=columns)


def _figures(row: "Row") -> list[str]:
    return [
        str(row.threads),
        f"{row.load_s:.2f}",
        f"{_ms(row.p50_ms)} / {_ms(row.p99_ms)}",
        _rate(row.rate, row.rate_spread),
        "-" if row.agreement is None else f"{row.agreement:.1%}",
        f"{row.memory_mb:.0f}",
    ]


def _ms(value: float) -> str:
    return f"{value:.{1 if value < 100 else 0}f}"


def _rate(rate: float, ends: tuple[float, float]) -> str:
    return f"{rate:.{1 if rate < 100 else 0}f} ±{(ends[1] - ends[0]) / 2 / rate:.0%}"


def _print_forms(forms: Sequence["Form"]) -> None:
    rows = [
        [
            form.form,
            _SHAPES.get(form.batch, str(form.batch)),
            str(form.threads),
            "-" if form.ms is None else f"{form.ms:.1f}",
            "-" if form.max_change is None else f"{form.max_change:.0e}",
            "used" if form.used else "",
        ]
        for form in forms
    ]
    right = ("threads", "ms", "change")
    print_table(("form", "pictures", *right, ""), rows, right=right)
    _say("  ms: a picture; change: the largest of a probability; used: by runs from now on")
    for form in forms:
        if form.failure:
            _say(f"not measured: {form.form}, {_SHAPES.get(form.batch)}: {form.failure}")


def _print_pipeline(found: "PipelineFound") -> None:
    _say(f"\nA run on {found.engine}: {found.frames} frames, {found.cores} CPUs")
    runs = [
        [
            run.outputs,
            _rate(run.fps, run.fps_spread),
            f"{run.cpu_ms:.1f}",
            f"{run.floor.fps:.1f}",
            f"{run.ratio:.0%}",
            run.floor.bottleneck,
        ]
        for run in found.runs
    ]
    columns = ("frames/s", "CPU ms", "floor", "reached")
    print_table(("outputs", *columns, "bottleneck"), runs, right=columns)
    costs = [[n, f"{c.cpu_ms:.2f}", f"{c.wall_ms:.2f}"] for n, c in found.parts.items()]
    alone = ("CPU ms", "ms")
    print_table(("part, alone", *alone), costs, right=alone)
    _say("  ms: a frame; floor: frames/s of the parts with every CPU busy")
    _say("  CSV needs neither convert (to BGR) nor encode")
    infer = found.parts["infer"]  # has one thread, so both times are the same on a free CPU
    if infer.wall_ms > _BUSY * infer.cpu_ms:
        _say("  other programs took CPU time meanwhile: it could be faster than measured")
    for run in found.runs:
        _say(f"Bottleneck with {run.outputs}: {run.floor.why}.")


def _say(text: str) -> None:
    with writing(SCREEN):
        click.echo(text)
