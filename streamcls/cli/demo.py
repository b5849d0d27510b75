"""streamcls demo"""

import csv
from pathlib import Path

import click

from streamcls.builders.backend import DEMO_MODEL
from streamcls.cli.log import say
from streamcls.cli.options import settings_options, verbosity
from streamcls.cli.run import run_settings
from streamcls.config.options import from_options
from streamcls.demo.clip import FPS, render, truths
from streamcls.demo.scene import EMPTY
from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.sinks.files import creating


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("streamcls-demo"),
    metavar="FOLDER",
    help="Where the clip and what is made of it go. [streamcls-demo]",
)
@settings_options("threads", "overwrite")
@verbosity
def command(
    out: Path, threads: str | None, overwrite: bool | None, quiet: bool, verbose: int
) -> None:
    """Runs the built-in clip through the built-in model, offline, and compares with the truth.

    The model knows the parts of this clip and nothing else.

    \b
    streamcls demo
    """
    clip, video, rows = out / "clip.mp4", out / "annotated.mp4", out / "labels.csv"
    segments, stats = out / "segments.vtt", out / "stats.json"
    made = [path for path in (clip, video, rows, segments, stats) if path.exists()]
    if made and not overwrite:
        raise OutputPathError(f"{made[0]}: exists; give --overwrite or another --out")
    given = {
        "model": DEMO_MODEL,
        "video": str(video),
        "csv": str(rows),
        "events": str(segments),
        "stats": str(stats),
        "overwrite": overwrite,
        "threads": threads,
    }
    chosen = from_options({"source": str(clip), **given})
    _make_clip(out, clip, overwrite=bool(overwrite), quiet=quiet)
    run_settings(chosen, Metrics(), quiet=quiet)
    click.echo(f"clip             {clip}")
    click.echo(f"annotated video  {video}")
    click.echo(f"labels (CSV)     {rows}")
    click.echo(f"segments         {segments}")
    click.echo(f"statistics       {stats}")
    click.echo(f"agreement: {agreement(rows):.1%}".replace("%", " %"))


def _make_clip(out: Path, clip: Path, *, overwrite: bool, quiet: bool) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputPathError(f"--out {out}: can't be made: {error.strerror}") from error
    if not quiet:
        say(f"rendering the clip: {clip}")
    with creating(clip, overwrite=overwrite) as file:
        file.close()
        render(clip)


def agreement(rows: Path) -> float:
    """Share of the frames that show one part whose best label is the true one."""
    expected = truths()
    right = total = 0
    with rows.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            true = expected[round(float(row["pts_s"]) * FPS)]
            if true is not None and true != EMPTY:
                total += 1
                right += row["label_1"] == true
    return right / total
