"""streamcls check"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from streamcls.builders.look import look
from streamcls.builders.model import describe_model
from streamcls.builders.source import describe_recorded, is_live
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import SCREEN, print_table
from streamcls.config.options import from_options
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.config.settings import Settings
from streamcls.masking import mask
from streamcls.runtime.stop import Stop
from streamcls.sinks.files import writing


@click.command(name="check")
@click.argument("source", required=False)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check everything that a settings file names.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@settings_options("rtsp_transport", "connect_timeout", "read_timeout", *MODEL_OPTIONS, "threads")
@verbosity
def command(
    source: str | None,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: int,
    **given: Any,
) -> None:
    """Says what SOURCE is, what can read it, and which model would be used.

    Of a live source, also why it can't be had, or what comes in the first seconds. Of a settings
    file with cameras: all of them, the receivers of events, the folders, and whether this CPU can
    hold what is asked for; exit code 1 if not.

    \b
    streamcls check match.mp4
    streamcls check rtsp://10.0.0.7/cam
    streamcls check --config configs/line.yaml
    """
    if config is None and source is None:
        raise click.UsageError("missing SOURCE or --config FILE")
    chosen: Settings | PlantSettings
    if config is not None:
        chosen = read_settings(config, {"source": source, **given})
    else:
        chosen = from_options({"source": source, **given})
    if isinstance(chosen, PlantSettings):
        from streamcls.cli.check_plant import check_plant

        assert config is not None
        check_plant(chosen, config, as_json=as_json, progress=not quiet and sys.stderr.isatty())
        return
    about = _live_rows(chosen) if is_live(chosen.source) else describe_recorded(chosen)
    rows = [*about, *describe_model(chosen.model).items()]
    shown = mask(chosen.source)
    if as_json:
        print_json({"source": shown, **{key.replace(" ", "_"): value for key, value in rows}})
    else:
        print_table(("", shown), rows)


def print_json(values: object) -> None:
    """On standard output."""
    with writing(SCREEN):
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))


def _live_rows(chosen: Settings) -> list[tuple[str, str]]:
    """What comes in the first seconds.

    Raises:
        SourceError: it can't be had; with the reason.
    """
    stop = Stop()
    with stop.on_signals():
        seen = look(chosen, stop)
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    faults = ", ".join(f"{n} {why}" for why, n in seen.faults.items())
    return [
        ("source", seen.description),
        ("first frame after", f"{seen.first_frame_s:.2f} s"),
        ("size", ", ".join(seen.sizes) or "no picture"),
        ("real rate", f"{seen.fps:.1f} fps" if seen.fps else "too few frames to say"),
        ("without a label", faults or "none"),
    ]
