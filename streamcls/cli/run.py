"""streamcls run"""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from streamcls.builders.outputs import asked_outputs, check_outputs, sink_opener
from streamcls.builders.recording import Run, build_run
from streamcls.builders.source import is_live
from streamcls.cli.log import say, set_level
from streamcls.cli.options import settings_options, verbosity
from streamcls.cli.report import Progress, SegmentTable, model_line
from streamcls.config.options import from_options
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.config.settings import SampleSettings, Settings
from streamcls.errors import SourceError
from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import SourceInfo
from streamcls.runtime.file_pipeline import run as run_pipeline
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop

log = logging.getLogger(__name__)


@click.command(name="run")
@click.argument("source", required=False)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings from a YAML file."
)
@settings_options()
@verbosity
def command(
    source: str | None, config: Path | None, quiet: bool, verbose: int, **given: Any
) -> None:
    """Classifies the frames of SOURCE: a video file, a webcam or a stream.

    Of a file every frame, in order; of a live source always the newest one, with reconnects. A
    webcam is shown in a window. Without any output the segments are printed. Options overrule the
    --config file.

    \b
    streamcls run 0
    streamcls run 'rtsp://anna:${CAM_PASSWORD}@10.0.0.7/cam' --csv labels.csv --events events.json
    streamcls run match.mp4 --csv labels.csv --video out.mp4
    streamcls run match.mp4 --fps 5 --events segments.vtt
    streamcls run --config configs/recording.yaml
    streamcls run --config configs/line.yaml
    """
    metrics = Metrics()
    try:
        chosen = _settings({"source": source, **given}, config)
        if isinstance(chosen, PlantSettings):
            from streamcls.cli.run_plant import run_plant

            assert config is not None
            if not quiet and not verbose:
                set_level(1)  # what happens in months is worth its lines
            shown = not quiet and sys.stderr.isatty()
            run_plant(chosen, config, given, quiet=quiet, progress=shown)
            return
        check_outputs(chosen, [] if config is None else [config], live=is_live(chosen.source))
        if is_live(chosen.source):
            from streamcls.cli.run_live import run_live

            run_live(chosen, metrics, quiet=quiet)
        else:
            run_settings(chosen, metrics, quiet=quiet)
    except (KeyboardInterrupt, SystemExit):
        # A service, which is what a settings file describes, has done its work when it is told to
        # stop.
        if config is None:
            raise


def _settings(given: Mapping[str, object], config: Path | None) -> Settings | PlantSettings:
    return from_options(given) if config is None else read_settings(config, given)


def run_settings(chosen: Settings, metrics: Metrics, *, quiet: bool) -> None:
    """Runs one source to its end or to a signal, with progress and all outputs.

    Raises:
        StreamclsError: the first failure, after all outputs are closed.
        KeyboardInterrupt, SystemExit: a signal ended it.
    """
    shown = not quiet and sys.stderr.isatty()
    stop = Stop()
    asked = asked_outputs(chosen)
    frames = any(one.output.every_frame for one in asked.values())
    built = build_run(
        chosen,
        wanted=Wanted(frames=frames, images=frames),
        stop=stop,
        metrics=metrics,
        progress=shown,
    )
    if not quiet:
        say(_heading(built, chosen))
    table = SegmentTable()
    try:
        with (
            stop.on_signals(),
            Progress(length_s(built.source.info, chosen.sample), metrics, shown=shown) as progress,
        ):
            more: list[Sink] = [progress, table]
            run_pipeline(built.pipeline, sink_opener(chosen, built, more))
    finally:
        _say_ledger(built, quiet=quiet)
    if not asked:
        table.print()
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


def length_s(info: SourceInfo, sample: SampleSettings) -> float | None:
    """How much media time is asked for; None where nobody knows."""
    if info.duration_s is None:
        return sample.duration
    left_s = info.duration_s - max(0.0, (sample.start or 0.0) - info.start_s)
    return left_s if sample.duration is None else min(left_s, sample.duration)


def _heading(built: Run, chosen: Settings) -> str:
    info = built.source.info
    model = model_line(chosen.model.name, built.classifier, built.threads)
    return f"{info.path}: {info.description}; {model}"


def _say_ledger(built: Run, *, quiet: bool) -> None:
    done = built.metrics.snapshot()
    rejected = sum(done.rejected.values())
    if rejected:
        log.warning(
            "%s: %d of %d frames could not be decoded and have no label",
            built.source.info.path,
            rejected,
            done.read,
        )
    if done.read and not quiet:
        say(done.summary)
    if done.read == rejected and done.read and sys.exc_info()[0] is None:
        raise SourceError(f"{built.source.info.path}: not one frame is readable")
