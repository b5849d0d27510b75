"""From settings to outputs, of recordings and of live runs."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.builders.backend import folder_of
from streamcls.builders.live import LiveRun
from streamcls.builders.recording import Run
from streamcls.builders.source import source_path
from streamcls.config.options import outputs_of
from streamcls.config.settings import Settings
from streamcls.config.types import Rotation
from streamcls.protocols import Sink
from streamcls.records import Result
from streamcls.runtime.output_queue import OutputQueue

if TYPE_CHECKING:
    from streamcls.sinks.fonts import Typeface
    from streamcls.sinks.output import Output, RunFacts


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An output that the settings ask for: where it goes, and whether it may be several files."""

    output: "Output"
    place: object  # a Path where it is a file
    rotates: bool


def asked_outputs(settings: Settings) -> Mapping[str, Asked]:
    """The outputs that the settings ask for, by the names of their settings."""
    found = {}
    for name, (writer, place) in outputs_of(settings).items():
        module = importlib.import_module(f"streamcls.sinks.{writer.module}")
        found[name] = Asked(module.OUTPUT, place, writer.rotates)
    return found


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
    from streamcls.sinks.files import check_outputs as check_files
    from streamcls.sinks.rotation import file_name

    now = clock.local()
    named = {f"--{name}": one for name, one in asked_outputs(settings).items()}
    files = {name: one.place for name, one in named.items() if isinstance(one.place, Path)}
    for name, path in files.items():
        if live and named[name].rotates and path != STDOUT:
            files[name] = file_name(path, now, changing=settings.outputs.rotate is not None)
    check_files(files, inputs(settings, also_read), overwrite=settings.outputs.overwrite)
    for name, one in named.items():
        one.output.check(name, one.place)
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


def live_sinks(settings: Settings, facts: "RunFacts") -> Iterator[tuple[str, Sink]]:
    """The outputs of the settings by name, all but the window."""
    from streamcls.sinks.files import STDOUT

    asked = asked_outputs(settings)
    if any(one.output.every_frame for one in asked.values()):
        facts.typeface()  # takes a while to find, which would cost the first frames
    for name, one in asked.items():
        if one.rotates and isinstance(one.place, Path) and one.place != STDOUT:
            rotation = settings.outputs.rotate or Rotation()
            yield name, _rotating(one.output, one.place, facts, rotation)
        else:
            yield name, one.output.open(one.place, facts)


def _rotating(output: "Output", path: Path, facts: "RunFacts", rotation: Rotation) -> Sink:
    from streamcls.sinks.rotation import Rotating

    def open_next(path: Path, first: Result) -> Sink:
        return output.open(path, replace(facts, first=first))

    return Rotating(
        path,
        open_next,
        every_frame=output.every_frame,
        seconds=rotation.seconds,
        size=rotation.bytes,
    )


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
        zero_s=zero_s,
        top_k=settings.postprocess.top_k,
        threads=run.threads,
        overwrite=settings.outputs.overwrite,
        metrics=run.metrics,
        model=settings.model.name,
        backend=run.classifier.backend_name,
        typeface=typeface,
    )


class Recorder:
    """Turns a recording of the annotated video on and off while the run goes on."""

    def __init__(self, run: LiveRun, facts: "RunFacts") -> None:
        """Is off."""
        self._run = run
        self._facts = facts
        self._recording: OutputQueue | None = None

    def toggle(self) -> str | None:
        """Ends the recording, or begins one into a new file, whose name it gives."""
        from streamcls.sinks.annotated_video import OUTPUT
        from streamcls.sinks.rotation import stamped

        if self._recording is not None:
            self._run.pipeline.remove(self._recording)
            self._recording = None
            return None
        path = stamped(self._run.source.camera, ".mp4", clock.local())
        sink = _rotating(OUTPUT, path, self._facts, Rotation())
        self._recording = self._run.pipeline.add(path.name, sink)
        return path.name
