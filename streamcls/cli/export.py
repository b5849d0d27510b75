"""streamcls export"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamcls.cli.options import settings_options, verbosity
from streamcls.cli.report import print_table
from streamcls.config.options import from_options

if TYPE_CHECKING:
    from streamcls.export.make import Measured

_SHARE = click.FloatRange(0, 1)


@click.command(name="export")
@click.argument("model")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The new bundle."
)
@click.option(
    "--calibrate",
    metavar="SOURCE",
    help="Your own frames, for int8 and to measure on: a video, a folder of pictures, a camera.",
)
@click.option(
    "--min-agreement",
    type=_SHARE,
    metavar="P",
    help="Share of pictures with the original's label that is needed. [0.9 for int8, else 0.99]",
)
@settings_options(
    "weights", "labels", "backend", "precision", "input_size", "rtsp_transport", "overwrite"
)
@verbosity
def command(
    model: str,
    out: Path,
    calibrate: str | None,
    min_agreement: float | None,
    quiet: bool,
    verbose: int,
    **given: Any,
) -> None:
    """Makes a bundle of MODEL: converted, quantised, and measured against the original.

    It runs with --model DIR, without torch. Half of the frames are calibrated on, the other half
    measured on; below the needed agreement nothing is written. Pictures in folders that are named
    after classes tell the accuracy, too.

    \b
    streamcls export resnet18 --precision int8 --calibrate line.mp4 --out line-int8
    streamcls run rtsp://10.0.0.7/cam --model line-int8
    """
    from streamcls.export.make import export

    chosen = from_options({"source": calibrate or "pictures", "model": model, **given})
    measured = export(
        chosen,
        out,
        calibrate=calibrate is not None,
        min_agreement=min_agreement,
        overwrite=chosen.outputs.overwrite,
        progress=not quiet and sys.stderr.isatty(),
    )
    if not quiet:
        print_measured(str(out), measured)


def print_measured(name: str, measured: "Measured") -> None:
    """A table of a model beside its original."""
    found = measured.agreement
    rows = [
        ("runs on", f"{measured.engine} in {measured.precision}"),
        ("measured on", f"{found.pictures} pictures of {measured.source}"),
        ("calibrated on", f"{measured.calibrated_on} others" if measured.calibrated_on else "-"),
        ("same label as the original", f"{found.top1:.1%}"),
        ("change of its probability", f"{found.mean_change:.4f} on average"),
    ]
    if measured.accuracy is not None and measured.accuracy_before is not None:
        rows.append(("accuracy", f"{measured.accuracy:.1%}, was {measured.accuracy_before:.1%}"))
    speed, was = f"{measured.ms:.1f}", f"torch eager {measured.ms_before:.1f}"
    speed += f", {was} ({measured.ms_before / measured.ms:.1f}x)"
    rows += [
        ("ms a picture", speed),
        ("MB", f"{measured.mb:.1f}, was {measured.mb_before:.1f}"),
    ]
    print_table(("", name), rows)
