"""From settings to outputs, of recordings and of live runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.builders.live import LiveRun
from streamcls.builders.network import folder_of
from streamcls.builders.recording import Run, source_path
from streamcls.config.settings import Settings
from streamcls.config.types import Rotation
from streamcls.errors import OutputPathError
from streamcls.protocols import Sink
from streamcls.records import Result, SourceInfo
from streamcls.runtime.output_queue import OutputQueue

if TYPE_CHECKING:
    from streamcls.sinks.fonts import Typeface
    from streamcls.sinks.stats import StatsFile

_TIME_BASE = Fraction(1, 90_000)  # of live videos, RTP's


def check_outputs(
    settings: Settings, also_read: Sequence[Path] = (), *, live: bool = False
) -> None:
    """Raises before anything is loaded if an output can't be written where it is asked for.

    Args:
        settings: of the run.
        also_read: files that are read besides those in the settings.
        live: whether names may have `strftime` fields.

    Raises:
        OutputPathError: see `streamcls.sinks.files.check_outputs`; unknown ending; font that is
            none.
    """
    from streamcls.sinks.files import STDOUT
    from streamcls.sinks.files import check_outputs as check
    from streamcls.sinks.rotation import file_name
    from streamcls.sinks.segments import check_format

    outputs, now = settings.outputs, datetime.now()
    named = {"--csv": outputs.csv, "--events": outputs.events, "--video": outputs.video}
    if live:
        for option in ("--csv", "--video"):
            path, changing = named[option], outputs.rotate is not None
            if path is not None and path != STDOUT:
                named[option] = file_name(path, now, changing=changing)
    named["--stats"] = outputs.stats
    given = {option: path for option, path in named.items() if path is not None}
    check(given, inputs(settings, also_read), overwrite=outputs.overwrite)
    if outputs.events is not None:
        check_format(outputs.events)
        if outputs.events.exists() and not outputs.events.is_file():
            raise OutputPathError(f"--events {outputs.events}: a file is needed, no device or pipe")
    if outputs.video is not None and outputs.video.suffix.lower() not in (".mp4", ".m4v", ".mov"):
        raise OutputPathError(f"--video {outputs.video}: MP4 is written; let its name end in .mp4")
    if outputs.stats == STDOUT:
        raise OutputPathError("--stats -: give a file name; only --csv goes to standard output")
    if outputs.font is not None:
        from streamcls.sinks.fonts import Typeface

        Typeface(outputs.font, ())


def inputs(settings: Settings, also_read: Sequence[Path] = ()) -> dict[Path, str]:
    """The files that are read, which no output may replace, and what each of them is."""
    found = {source_path(settings): "the source"}
    found |= dict.fromkeys(also_read, "an input")
    model, folder = settings.model, folder_of(settings.model.name)
    if folder is not None:
        found |= dict.fromkeys(folder.iterdir(), "a file of the model")
    named = {"the weights file": model.weights, "the labels file": model.labels}
    named["the font"] = settings.outputs.font
    return found | {path: what for what, path in named.items() if path is not None}


def sink_opener(
    settings: Settings, run: Run, more: Sequence[Sink] = ()
) -> Callable[[], list[Sink]]:
    """What opens the outputs of the settings, and adds sinks that are open already."""
    from streamcls.sinks.files import remove

    def opened() -> list[Sink]:
        with ExitStack() as undo:  # where one can't be opened, the others leave nothing behind
            sinks: list[Sink] = list(more)
            for path, sink in _sinks(settings, run):
                undo.callback(remove, path)
                undo.callback(sink.close)
                sinks.append(sink)
            undo.pop_all()
            return sinks

    return opened


def _sinks(settings: Settings, run: Run) -> Iterator[tuple[Path, Sink]]:
    outputs, top_k, info = settings.outputs, settings.postprocess.top_k, run.source.info
    overwrite, start_s = outputs.overwrite, settings.sample.start
    if outputs.csv is not None:
        from streamcls.sinks.csv_log import CsvLog

        yield outputs.csv, CsvLog(outputs.csv, top_k, overwrite=overwrite)
    if outputs.events is not None:
        from streamcls.sinks.segments import SegmentLog

        # Subtitles fit the annotated video of the same run, else the source.
        video_s = max(info.start_s, start_s or 0.0)
        zero_s = info.start_s if outputs.video is None else video_s
        yield outputs.events, SegmentLog(outputs.events, zero_s, overwrite=overwrite)
    if outputs.video is not None:
        from streamcls.sinks.overlay import Overlay
        from streamcls.sinks.video import VideoSink

        overlay = Overlay(typeface(settings, run), info.width, info.height, top_k)
        video = VideoSink(
            outputs.video,
            info,
            overlay.draw,
            start_s=start_s,
            threads=run.threads,
            overwrite=overwrite,
        )
        yield outputs.video, video
    stats = stats_file(settings, run)
    if stats is not None and outputs.stats is not None:
        yield outputs.stats, stats


def live_sinks(settings: Settings, run: LiveRun) -> Iterator[tuple[str, Sink]]:
    """The outputs of the settings by name, all but the statistics and the window."""
    outputs, top_k = settings.outputs, settings.postprocess.top_k
    rotate = outputs.rotate or Rotation()
    if outputs.csv is not None:
        from streamcls.sinks.csv_log import CsvLog
        from streamcls.sinks.files import STDOUT
        from streamcls.sinks.rotation import Rotating

        def open_csv(path: Path, _first: Result) -> Sink:
            return CsvLog(path, top_k, overwrite=outputs.overwrite)

        if outputs.csv == STDOUT:
            yield "csv", CsvLog(STDOUT, top_k)
        else:
            yield (
                "csv",
                Rotating(
                    outputs.csv,
                    open_csv,
                    every_frame=False,
                    seconds=rotate.seconds,
                    size=rotate.bytes,
                ),
            )
    if outputs.events is not None:
        from streamcls.sinks.segments import SegmentLog

        yield "events", SegmentLog(outputs.events, 0.0, overwrite=outputs.overwrite)
    if outputs.video is not None:
        yield "video", _video(settings, run, outputs.video, rotate, typeface(settings, run))


def _video(
    settings: Settings, run: LiveRun, path: Path, rotate: Rotation, letters: "Typeface"
) -> Sink:
    from streamcls.sinks.overlay import Overlay
    from streamcls.sinks.rotation import Rotating
    from streamcls.sinks.video import VideoSink

    def open_(path: Path, first: Result) -> Sink:
        info = _info(first, path)
        overlay = Overlay(letters, info.width, info.height, settings.postprocess.top_k, live=True)
        return VideoSink(
            path,
            info,
            overlay.draw,
            start_s=None,
            threads=run.threads,
            overwrite=settings.outputs.overwrite,
        )

    return Rotating(path, open_, every_frame=True, seconds=rotate.seconds, size=rotate.bytes)


def _info(first: Result, path: Path) -> SourceInfo:
    """What the annotated video needs to know, from its first frame."""
    frame, status = first.frame, first.status
    height, width = frame.image.shape[:2]
    measured = status.fps if status is not None else 0.0
    return SourceInfo(
        camera=frame.camera,
        path=path,
        width=width,
        height=height,
        fps=measured or (1 / frame.duration_s if frame.duration_s else 0.0),
        time_base=_TIME_BASE,
        start_s=frame.pts_s,
        duration_s=None,
        sample_aspect=Fraction(1),
        has_sound=False,
        description="",
    )


class Recorder:
    """Turns a recording of the annotated video on and off while the run goes on."""

    def __init__(self, settings: Settings, run: LiveRun, letters: "Typeface") -> None:
        """Is off."""
        self._settings = settings
        self._run = run
        self._letters = letters
        self._outlet: OutputQueue | None = None

    def toggle(self) -> str | None:
        """Ends the recording, or begins one into a new file, whose name it gives."""
        from streamcls.sinks.rotation import stamped

        if self._outlet is not None:
            self._run.pipeline.remove(self._outlet)
            self._outlet = None
            return None
        path = stamped(self._run.source.camera, ".mp4", datetime.now())
        sink = _video(self._settings, self._run, path, Rotation(), self._letters)
        self._outlet = self._run.pipeline.add(path.name, sink)
        return path.name


def typeface(settings: Settings, run: Run | LiveRun) -> "Typeface":
    """The font for window and annotated video."""
    from streamcls.sinks.fonts import Typeface

    return Typeface(settings.outputs.font, run.classifier.card.labels)


def stats_file(settings: Settings, run: Run | LiveRun) -> "StatsFile | None":
    """The statistics, where the settings ask for them."""
    from streamcls.sinks.stats import StatsFile

    if settings.outputs.stats is None:
        return None
    return StatsFile(
        settings.outputs.stats,
        run.metrics,
        backend=run.classifier.backend_name,
        model=settings.model.name,
        overwrite=settings.outputs.overwrite,
    )
