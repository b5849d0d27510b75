"""streamcls verify"""

import sys
from pathlib import Path
from typing import Any

import click

from streamcls.cli.export import print_measured
from streamcls.cli.options import settings_options, verbosity
from streamcls.config.options import from_options
from streamcls.errors import AgreementError


@click.command(name="verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--pictures",
    metavar="SOURCE",
    help="What to compare on: a video, a folder, a camera. [what it was exported with]",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Share of pictures with the original's label that is needed. [0.9 for int8, else 0.99]",
)
@settings_options("weights", "labels", "rtsp_transport")
@verbosity
def command(
    bundle: Path,
    pictures: str | None,
    min_agreement: float | None,
    quiet: bool,
    verbose: int,
    **given: Any,
) -> None:
    """Checks BUNDLE against the model it was made from: its files, labels, and agreement.

    \b
    streamcls verify line-int8
    streamcls verify line-int8 --pictures today.mp4
    """
    from streamcls.builders.backend import MIN_AGREEMENT
    from streamcls.export.make import refusal
    from streamcls.export.verify import verify

    chosen = from_options({"source": pictures or "pictures", **given})
    progress = not quiet and sys.stderr.isatty()
    measured = verify(chosen, bundle, pictures=pictures is not None, progress=progress)
    if not quiet:
        print_measured(str(bundle), measured)
    least = MIN_AGREEMENT[measured.precision] if min_agreement is None else min_agreement
    if measured.agreement.top1 < least:
        raise AgreementError(f"{bundle}: {refusal(measured, least)}")
