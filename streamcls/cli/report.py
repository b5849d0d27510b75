"""What the commands show: progress, tables and the last line."""

import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from streamcls import clock
from streamcls.metrics import Metrics
from streamcls.records import Event, Result
from streamcls.sinks.files import writing

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

_SHOW_EVERY_S = 0.1
SCREEN = Path("standard output")  # its name in an error
_PIPE_WIDTH = 200  # columns, where no terminal says how wide it is


class Progress:
    """A bar on standard error with frame, rate, time left and label; a sink that only shows."""

    every_frame = True

    def __init__(self, length_s: float | None, metrics: Metrics, *, shown: bool) -> None:
        """Prepares the bar; it appears with the `with`, if it is to be shown at all.

        Args:
            length_s: media time to go through, or None where nobody knows.
            metrics: where frames are counted.
            shown: whether there is a bar.
        """
        self._metrics = metrics
        self._zero_s: float | None = None
        self._due_s = 0.0
        self._bars = Bars(
            TextColumn("frame {task.fields[frame]}"),
            BarColumn(),
            TextColumn("{task.fields[fps]:.0f} fps"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[label]}", markup=False),
            console=Console(stderr=True),
            disable=not shown,
            transient=True,
        )
        self._task = self._bars.add_task("", total=length_s, frame=0, fps=0.0, label="")

    def __enter__(self) -> Self:
        """Shows the bar."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends it, whatever happened inside."""
        self._bars.stop()

    def write(self, result: Result) -> None:
        """Moves the bar on, a few times a second."""
        now_s = clock.now_s()
        if self._bars.disable or now_s < self._due_s:
            return
        self._due_s = now_s + _SHOW_EVERY_S
        if self._zero_s is None:
            self._zero_s = result.frame.pts_s
        self._bars.update(
            self._task,
            completed=result.frame.pts_s - self._zero_s,
            frame=result.frame.index,
            fps=self._metrics.snapshot().fps,
            label=result.steady or "unknown",
        )

    def event(self, event: Event) -> None:
        """The label is shown with the frame."""

    def close(self) -> None:
        """The bar ends with the `with`."""


class SegmentTable:
    """Keeps the segments and prints them as a table."""

    every_frame = False

    def __init__(self) -> None:
        """Starts with none."""
        self._ended: list[Event] = []

    def write(self, result: Result) -> None:
        """Frames don't matter here."""

    def event(self, event: Event) -> None:
        """Keeps a segment that ended."""
        if event.end_s is not None:
            self._ended.append(event)

    def close(self) -> None:
        """Nothing to finish."""

    def print(self) -> None:
        """To standard output."""
        rows = [
            (
                f"{e.start_s:.2f}",
                f"{e.end_s:.2f}",
                e.label,
                f"{e.mean_prob:.1%}",
                f"{e.peak_prob:.1%}",
            )
            for e in self._ended
        ]
        print_table(
            ("start s", "end s", "label", "mean", "peak"),
            rows,
            right=("start s", "end s", "mean", "peak"),
        )


class EventLines:
    """Prints a line for each label and each state that begins."""

    every_frame = False

    def write(self, result: Result) -> None:
        """Frames don't matter here."""

    def event(self, event: Event) -> None:
        """Prints one that begins.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        if event.end_s is None:
            now = clock.local().strftime("%H:%M:%S")
            what = event.label if event.kind == "label" else f"[{event.label.replace('_', ' ')}]"
            why = f" {event.reason}" if event.reason else ""
            with writing(SCREEN):
                print(f"{now}  {what}{why}", flush=True)  # noqa: T201 - this is the output

    def close(self) -> None:
        """Nothing to finish."""


def model_line(name: str, classifier: "ImageClassifier", threads: int) -> str:
    """Which model, on what and why, with how many threads."""
    engine = f"{classifier.backend_name} ({classifier.choice})"
    return f"{name} on {engine}, {threads} thread{'s' if threads > 1 else ''}"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = ()
) -> None:
    """A table on standard output; `right` names the columns aligned right."""
    table = Table(box=SIMPLE)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    with writing(SCREEN):
        Console(width=width, markup=False, highlight=False, emoji=False).print(table)
        sys.stdout.flush()
