"""The measurements as a bar chart: engines, and the pipeline beside its floor."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.bench.pipeline import PipelineFound
from streamcls.bench.rows import Row
from streamcls.errors import MissingPackageError, OutputPathError
from streamcls.sinks.files import creating

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _PALE, _GREY, _LIGHT = "#1f2933", "#a9c8e8", "#7b8794", "#e4e7eb"
_STRONG = "#1c76b0"  # the colour of the overlay's bars
_PART_COLOURS = {
    "decode": "#8d6a9f",
    "preprocess": "#e0a13c",
    "infer": "#1c76b0",
    "convert": "#b8b8b8",
    "encode": "#4f9d69",
}
_WIDTH_IN, _ROW_IN, _DPI = 11.0, 0.36, 150
_BAR = 0.38  # of a row


def check(path: Path) -> None:
    """Raises unless a chart can be drawn into a file of this name.

    Raises:
        MissingPackageError: matplotlib is not installed.
        OutputPathError: another ending.
    """
    if path.suffix.lower() != ".png":
        raise OutputPathError(f"--plot {path}: PNG is written; let its name end in .png")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError(
            "--plot: matplotlib not installed; install with: pip install 'streamcls[bench]'"
        )


def draw(
    title: str, engines: Sequence[Row], pipeline: PipelineFound, path: Path, *, overwrite: bool
) -> None:
    """Writes the chart as PNG.

    Args:
        title: model and recording.
        engines: speeds of all engines.
        pipeline: whole runs and their parts.
        path: the file.
        overwrite: whether an existing file is replaced.

    Raises:
        OutputPathError: it exists by now, and `overwrite` is False.
        OutputError: it can't be written.
    """
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(f"{row.backend} {row.precision}" for row in engines))
    height = 2.2 + _ROW_IN * 2 * max(3, len(names))
    figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=_INK)
    axes = figure.subplot_mosaic([["engines", "runs"], ["engines", "parts"]], width_ratios=(3, 2))
    _draw_engines(axes["engines"], names, engines)
    _draw_runs(axes["runs"], pipeline)
    _draw_parts(axes["parts"], pipeline)
    with creating(path, overwrite=overwrite) as file:
        figure.savefig(file, format="png", dpi=_DPI)
        file.close()


def _draw_engines(axes: "Axes", names: Sequence[str], rows: Sequence[Row]) -> None:
    """Pictures a second with one thread and with all, each with its spread."""
    threads = sorted({row.threads for row in rows})
    for number, count in enumerate(threads):
        colour = _STRONG if count == threads[-1] else _PALE
        of_count = [row for row in rows if row.threads == count]
        label = f"{count} thread" + "s" * (count > 1)
        for row in of_count:
            at = names.index(f"{row.backend} {row.precision}")
            y = at + _BAR * (number - (len(threads) - 1) / 2)
            low, high = row.rate - row.rate_spread[0], row.rate_spread[1] - row.rate
            axes.barh(y, row.rate, _BAR * 0.92, color=colour, label=label)
            axes.errorbar(row.rate, y, xerr=[[low], [high]], color=_INK, lw=0.9, capsize=2)
            text = f"{row.rate:.0f}  ({row.p50_ms:.1f} ms)"
            axes.annotate(
                text,
                (row.rate_spread[1], y),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=_INK,
            )
            label = "_"
    axes.set_ylim(-0.6, max(3, len(names)) - 0.4)  # a few bars are no thicker than many
    axes.set_yticks(range(len(names)), [_named(name, rows) for name in names], fontsize=9)
    title = "pictures/s of recordings (and ms of a single picture)"
    axes.set_title(title, fontsize=9, loc="left", pad=22)
    axes.set_xlim(0, 1.3 * max(row.rate_spread[1] for row in rows))
    _plain(axes)


def _named(name: str, rows: Sequence[Row]) -> str:
    """Engine and precision with how often its label is the reference's."""
    shares = [row.agreement for row in rows if f"{row.backend} {row.precision}" == name]
    share = next((one for one in shares if one is not None), None)
    return name if share is None else f"{name}\n{share:.1%} same label"


def _draw_runs(axes: "Axes", found: PipelineFound) -> None:
    """Each run's frames a second in front of its floor."""
    for number, run in enumerate(found.runs):
        hidden = "_" * number  # one entry of the legend is enough
        axes.barh(number, run.floor.fps, 0.62, color=_LIGHT, label=f"{hidden}floor")
        axes.barh(number, run.fps, 0.36, color=_STRONG, label=f"{hidden}measured")
        text = f" {run.fps:.0f} of {run.floor.fps:.0f} ({run.ratio:.0%})"
        at = max(run.fps, run.floor.fps)
        axes.text(at, number, text, va="center", fontsize=8, color=_INK)
    axes.set_yticks(range(len(found.runs)), [run.outputs for run in found.runs], fontsize=9)
    axes.set_xlim(0, 1.45 * max(max(run.fps, run.floor.fps) for run in found.runs))
    axes.set_title(f"frames/s of a run on {found.engine}", fontsize=9, loc="left", pad=22)
    _plain(axes)


def _draw_parts(axes: "Axes", found: PipelineFound) -> None:
    """The CPU time of each run's parts, one behind the other."""
    longest = max(sum(found.parts[part].cpu_ms for part in run.parts) for run in found.runs)
    for number, run in enumerate(found.runs):
        left = 0.0
        for part in run.parts:
            cpu_ms = found.parts[part].cpu_ms
            label = part if number == len(found.runs) - 1 else "_"
            axes.barh(number, cpu_ms, 0.5, left=left, color=_PART_COLOURS[part], label=label)
            if cpu_ms > 0.08 * longest:
                at, text = left + cpu_ms / 2, f"{cpu_ms:.1f}"
                axes.text(at, number, text, ha="center", va="center", fontsize=8, color="white")
            left += cpu_ms
        axes.text(left, number, f" {left:.1f} ms", va="center", fontsize=8, color=_INK)
    axes.set_yticks(range(len(found.runs)), [run.outputs for run in found.runs], fontsize=9)
    axes.set_xlim(0, 1.2 * longest)
    axes.set_title("CPU ms a frame of the parts, each alone", fontsize=9, loc="left", pad=22)
    _plain(axes)


def _plain(axes: "Axes") -> None:
    """Bars from top to bottom, a grid behind them, and the legend above."""
    axes.invert_yaxis()
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.99),
        borderaxespad=0.3,
        ncols=5,
        columnspacing=1.0,
        handlelength=1.2,
        fontsize=8,
        frameon=False,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GREY)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, colors=_GREY)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=_LIGHT, lw=0.8)
