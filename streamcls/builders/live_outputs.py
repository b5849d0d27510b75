"""From settings to the outputs of live runs: parted into files, kept for a while, opened anew."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.builders.live import LiveRun
from streamcls.builders.outputs import Asked, asked_outputs
from streamcls.config.settings import Settings
from streamcls.config.types import Rotation
from streamcls.protocols import Sink
from streamcls.records import Result
from streamcls.runtime.output_queue import OutputQueue

if TYPE_CHECKING:
    from streamcls.errors import OutputError, OutputPathError
    from streamcls.sinks.output import Output, RunFacts

Open = Callable[[], Sink]


@dataclass(frozen=True, slots=True, eq=False)
class LiveOutput:
    """An output of a live run, not open yet.

    Attributes:
        name: of its setting.
        open: opens it; when called again, with new names for its files.
        recovers: whether it can be opened anew after it failed.
        every_frame, of_events, pictured: see `streamcls.sinks.output.Output`.
    """

    name: str
    open: Open
    recovers: bool
    every_frame: bool = False
    of_events: bool = False
    pictured: bool = False

    def recovering(
        self,
        *,
        failed: "Callable[[OutputError | OutputPathError], None]",
        recovered: Callable[[], None],
        lost: Callable[[int], None],
    ) -> Sink:
        """It open, and opened anew when it fails: see `streamcls.sinks.recovering`.

        Statistics and standard output come just as `open` gives them: the first try again by
        themselves, the second is not ours to open.

        Raises:
            OutputPathError: its place can't be right.
            OutputError: see `open`, of those that can't be opened anew.
        """
        from streamcls.sinks.recovering import PicturedRecovering, Recovering

        if not self.recovers:
            return self.open()
        around = PicturedRecovering if self.pictured else Recovering
        return around(
            self.open,
            every_frame=self.every_frame,
            of_events=self.of_events,
            failed=failed,
            recovered=recovered,
            lost=lost,
        )


def live_outputs(settings: Settings, facts: "RunFacts") -> Iterator[LiveOutput]:
    """The outputs of the settings, all but the window."""
    from streamcls.sinks.files import STDOUT

    asked = asked_outputs(settings, facts.camera)
    if any(one.output.every_frame for one in asked.values()):
        facts.typeface()  # takes a while to find, which would cost the first frames
    for name, one in asked.items():
        rotates = one.rotates and one.place != STDOUT
        opener = _files(one, facts, settings) if rotates else partial(_opened, one, facts)
        yield LiveOutput(
            name,
            opener,
            recovers=rotates or one.output.folder,
            every_frame=one.output.every_frame,
            of_events=one.output.of_events,
            pictured=one.output.pictured,
        )
    if settings.capture.folder is not None:
        opener = partial(_collector, settings, settings.capture.folder, facts.camera)
        yield LiveOutput("capture", opener, recovers=True, pictured=True)


def live_sinks(settings: Settings, facts: "RunFacts") -> Iterator[tuple[str, Sink]]:
    """The same, opened once, by their names."""
    for one in live_outputs(settings, facts):
        yield one.name, one.open()


def _opened(one: Asked, facts: "RunFacts") -> Sink:
    return one.output.open(one.place, facts)


def _files(one: Asked, facts: "RunFacts", settings: Settings) -> Open:
    """What opens an output that may be parted into files."""
    assert isinstance(one.place, Path)
    rotation = settings.outputs.rotate or Rotation()
    make = partial(_rotating, one.output, one.place, facts, rotation)
    opened = False

    def open_() -> Sink:
        nonlocal opened
        new, opened = opened, True
        return make(new=new)

    return open_


def _rotating(
    output: "Output", path: Path, facts: "RunFacts", rotation: Rotation, *, new: bool = False
) -> Sink:
    from streamcls.sinks.retention import Retention, names_of
    from streamcls.sinks.rotation import Rotating, changing_name

    retention = None
    if facts.keep_s is not None or facts.keep_bytes is not None:
        retention = Retention(
            path.parent,
            names_of(changing_name(path)),
            max_age_s=facts.keep_s,
            max_bytes=facts.keep_bytes,
        )

    def open_next(path: Path, first: Result | None) -> Sink:
        return output.open(path, replace(facts, first=first))

    return Rotating(
        path,
        open_next,
        every_frame=output.every_frame,
        of_events=output.of_events,
        seconds=rotation.seconds,
        size=rotation.bytes,
        new=new,
        retention=retention,
    )


def _collector(settings: Settings, folder: Path, camera: str) -> Sink:
    from streamcls.sinks.collect import Collector

    wanted = settings.capture
    return Collector(
        folder,
        camera,
        uncertain=wanted.uncertain,
        changing=wanted.changing,
        random_s=wanted.random,
        max_count=wanted.max_count,
        max_size=wanted.max_size,
        max_age_s=wanted.max_age,
    )


class Recorder:
    """Turns a recording of the annotated video on and off while the run goes on."""

    def __init__(self, run: LiveRun, facts: "RunFacts") -> None:
        """Is off."""
        self._run = run
        self._facts = replace(facts, keep_s=None, keep_bytes=None)  # these are people's own
        self._recording: OutputQueue | None = None

    def toggle(self) -> str | None:
        """Ends the recording, or begins one into a new file, whose name it gives."""
        from streamcls.sinks.annotated_video import OUTPUT
        from streamcls.sinks.rotation import stamped

        if self._recording is not None:
            self._run.pipeline.outputs.remove(self._recording)
            self._recording = None
            return None
        path = stamped(self._run.source.camera, ".mp4", clock.local())
        sink = _rotating(OUTPUT, path, self._facts, Rotation())
        self._recording = self._run.pipeline.add(path.name, sink)
        return path.name
