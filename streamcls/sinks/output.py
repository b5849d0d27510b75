"""What makes a module of this folder an output of the settings: its `OUTPUT`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import Result, SourceInfo

if TYPE_CHECKING:
    from streamcls.sinks.fonts import Typeface


@dataclass(frozen=True, slots=True, eq=False)
class RunFacts:
    """What an output may have to know of its run.

    Attributes:
        info: of a recording; None for live sources.
        first: of live sources, the result that opens an output that is parted into files.
        zero_s: media time that players show as 0: of the annotated video, else of the source.
        top_k: labels to show and to write.
        threads: that the run may use.
        overwrite: whether outputs that exist are replaced.
        metrics: where its frames are counted.
        model, backend: what classifies.
        typeface: gives the font, which takes a while to find.
        camera: name of the source.
        keep_s, keep_bytes: after how long, and from how much on, old files are deleted; None for
            never. For outputs that make files by themselves.
    """

    info: SourceInfo | None
    zero_s: float
    top_k: int
    threads: int
    overwrite: bool
    metrics: Metrics
    model: str
    backend: str
    typeface: "Callable[[], Typeface]"
    first: Result | None = None
    camera: str = ""
    keep_s: float | None = None
    keep_bytes: int | None = None


def _anything(_option: str, _place: object) -> None:
    """Any place will do."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """An output of the settings.

    Attributes:
        open: opens it where its setting says, mostly a Path; raises OutputPathError if it exists
            by now, OutputError if it can't be had.
        check: raises OutputPathError, naming the option, for a place that can't be right; before
            anything is loaded.
        every_frame: what its sinks say of themselves.
        of_events: whether it writes events and not results.
        folder: whether its place is a folder, for many files.
        pictured: whether its sinks are `Pictured`.
    """

    open: Callable[[Any, RunFacts], Sink]
    check: Callable[[str, Any], None] = _anything
    every_frame: bool = False
    of_events: bool = False
    folder: bool = False
    pictured: bool = False
