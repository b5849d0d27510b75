"""streamcls bench"""

import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from streamcls.builders.outputs import inputs
from streamcls.builders.source import is_live
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import SCREEN
from streamcls.config.options import from_options
from streamcls.config.settings import Settings
from streamcls.errors import SettingsError
from streamcls.masking import mask
from streamcls.sinks.files import check_outputs, writing

if TYPE_CHECKING:
    from streamcls.bench.report import BenchReport

_DEMO_CLIP = "demo-clip.mp4"


@click.command(name="bench")
@click.argument("source", required=False)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    metavar="N",
    help="How often each is measured, in turns; medians count. [5]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="PNG", help="Draw a bar chart.")
@settings_options(*MODEL_OPTIONS, "threads", "overwrite")
@verbosity
def command(
    source: str | None,
    rounds: int,
    as_json: bool,
    plot: Path | None,
    quiet: bool,
    verbose: int,
    **given: Any,
) -> None:
    """Measures the model on this machine, and a whole run on SOURCE, a recorded file.

    Every engine and precision that is installed, unless --backend or --precision name one: speed,
    load time, memory, and on how many frames of SOURCE the label is that of torch in float32. Then
    smaller inputs; then a run beside what its parts alone allow, and what limits it. Runs take the
    form of torch that is found to be fastest. Takes about five minutes.

    \b
    streamcls bench
    streamcls bench line.mp4 --plot bench.png
    streamcls bench line.mp4 --backend openvino --precision int8 --json
    """
    with ExitStack() as stack:
        path = source or _demo_place(stack)
        if is_live(path):
            raise SettingsError(f"{mask(path)}: a live source; bench needs a recorded file")
        chosen = from_options({"source": path, **given})
        if plot is not None:
            _check_plot(plot, chosen)
        shown = not quiet and sys.stderr.isatty()
        status = Console(stderr=True).status("") if shown else None
        if status is not None:
            stack.enter_context(status)
        found = _measure(chosen, source, rounds, status, progress=shown)
    if plot is not None:
        from streamcls.bench.chart import draw

        title = f"{found.model} on {found.machine.cpu}, {found.machine.cores} CPUs"
        draw(title, found.engines, found.pipeline, plot, overwrite=chosen.outputs.overwrite)
    _print(found, as_json=as_json)


def _demo_place(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    return str(Path(folder) / _DEMO_CLIP)


def _check_plot(plot: Path, chosen: Settings) -> None:
    from streamcls.bench.chart import check

    check(plot)
    check_outputs({"--plot": plot}, inputs(chosen), overwrite=chosen.outputs.overwrite)


def _measure(
    chosen: Settings, source: str | None, rounds: int, status: Any, *, progress: bool
) -> "BenchReport":
    from streamcls.bench.report import bench

    def say(what: str) -> None:
        if status is not None:
            status.update(what)

    if source is None:
        from streamcls.demo.clip import render

        say("the built-in clip is made")
        render(Path(chosen.source))
    return bench(chosen, rounds=rounds, progress=progress, say=say)


def _print(found: "BenchReport", *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(_rounded(asdict(found)), indent=1)
        with writing(SCREEN):
            click.echo(text)
        return
    from streamcls.cli.bench_tables import print_report

    print_report(found)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return value
