"""From settings to outputs, of recordings and of live runs."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.builders.backend import folder_of
from streamcls.builders.live import LiveRun
from streamcls.builders.recording import Run
from streamcls.builders.source import live_camera, source_path
from streamcls.config.options import outputs_of
from streamcls.config.settings import Settings
from streamcls.protocols import Sink

_CAMERA = "{camera}"

if TYPE_CHECKING:
    from streamcls.sinks.fonts import Typeface
    from streamcls.sinks.output import Output, RunFacts


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An output that the settings ask for: where it goes, and whether it may be several files."""

    output: "Output"
    place: object  # a Path where it is a file
    rotates: bool


def asked_outputs(settings: Settings, camera: str | None = None) -> Mapping[str, Asked]:
    """The outputs that the settings ask for, by the names of their settings.

    Args:
        settings: of the run.
        camera: of a live source, its name, which stands for `{camera}` in their places.
    """
    found = {}
    for name, (writer, place) in outputs_of(settings).items():
        module = importlib.import_module(f"streamcls.sinks.{writer.module}")
        found[name] = Asked(module.OUTPUT, _placed(place, camera), writer.rotates)
    return found


def _placed(place: object, camera: str | None) -> object:
    if camera is None or not isinstance(place, Path) or _CAMERA not in str(place):
        return place
    from streamcls.sinks.rotation import plain

    return Path(str(place).replace(_CAMERA, plain(camera)))


def check_outputs(
    settings: Settings, also_read: Sequence[Path] = (), *, live: bool = False
) -> None:
    """Raises before anything is loaded if an output can't be written where it is asked for.

    Args:
        settings: of the run.
        also_read: files that are read besides those in the settings.
        live: whether names may have `strftime` fields and `{camera}`.

    Raises:
        OutputPathError: see `streamcls.sinks.files.check_outputs`; unknown ending; font that is
            none.
    """
    from streamcls.sinks.files import STDOUT, check_folder
    from streamcls.sinks.files import check_outputs as check_files
    from streamcls.sinks.rotation import file_name

    now = clock.local()
    asked = asked_outputs(settings, live_camera(settings) if live else None)
    named = {f"--{name}": one for name, one in asked.items()}
    files = {
        name: one.place
        for name, one in named.items()
        if isinstance(one.place, Path) and not one.output.folder
    }
    for name, path in files.items():
        if live and named[name].rotates and path != STDOUT:
            files[name] = file_name(path, now, changing=settings.outputs.rotate is not None)
    check_files(files, inputs(settings, also_read), overwrite=settings.outputs.overwrite)
    for name, one in named.items():
        one.output.check(name, one.place)
    if settings.capture.folder is not None:
        check_folder("capture.folder", settings.capture.folder)
    if settings.outputs.font is not None:
        from streamcls.sinks.fonts import Typeface

        Typeface(settings.outputs.font, ())


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
        facts = run_facts(settings, run)
        with ExitStack() as undo:  # where one can't be opened, the others leave nothing behind
            sinks: list[Sink] = list(more)
            for one in asked_outputs(settings).values():
                sink = one.output.open(one.place, facts)
                if isinstance(one.place, Path):
                    undo.callback(remove, one.place)
                undo.callback(sink.close)
                sinks.append(sink)
            undo.pop_all()
            return sinks

    return opened


def run_facts(settings: Settings, run: Run | LiveRun) -> "RunFacts":
    """What the outputs of a run may have to know of it."""
    from streamcls.sinks.output import RunFacts

    @cache
    def typeface() -> "Typeface":
        from streamcls.sinks.fonts import Typeface  # with Pillow, which only pictures need

        return Typeface(settings.outputs.font, run.classifier.card.labels)

    info, zero_s = None, 0.0
    if isinstance(run, Run):
        info = run.source.info
        zero_s = info.start_s
        if settings.outputs.video is not None:  # which begins where the run does
            zero_s = max(zero_s, settings.sample.start or 0.0)
    return RunFacts(
        info=info,
        camera=run.source.camera if isinstance(run, LiveRun) else run.source.info.camera,
        keep_s=settings.outputs.keep,
        keep_bytes=settings.outputs.keep_size,
        zero_s=zero_s,
        top_k=settings.postprocess.top_k,
        threads=run.threads,
        overwrite=settings.outputs.overwrite,
        metrics=run.metrics,
        model=settings.model.name,
        backend=run.classifier.backend_name,
        typeface=typeface,
    )
