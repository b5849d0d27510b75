"""A live run on the command line: with a window or without."""

import os
import sys
from contextlib import ExitStack

from rich.console import Console
from rich.status import Status as Line

from streamcls.builders.live import LiveRun, build_live
from streamcls.builders.live_outputs import Recorder, live_sinks
from streamcls.builders.outputs import asked_outputs, run_facts
from streamcls.builders.source import is_here
from streamcls.cli.log import say
from streamcls.cli.report import EventLines, model_line
from streamcls.config.settings import Settings
from streamcls.masking import mask_address
from streamcls.metrics import Metrics, Snapshot
from streamcls.records import Result, Status
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.sinks.output import RunFacts
from streamcls.sinks.window import DisplayProbe, Window

_SCREENS = ("terminal", "window")  # which show the newest frame only


def run_live(chosen: Settings, metrics: Metrics, *, quiet: bool) -> None:
    """Runs one live source until a signal, the window's end or the settings end it.

    Raises:
        StreamclsError: the first failure, after all outputs are closed.
        KeyboardInterrupt, SystemExit: a signal ended it.
    """
    stop = Stop()
    with ExitStack() as stack:
        probe = _display_probe(chosen)
        if probe is not None:
            stack.callback(probe.close)
        progress = not quiet and sys.stderr.isatty()
        run = build_live(chosen, stop=stop, metrics=metrics, progress=progress)
        shown = probe is not None and _can_show(probe, chosen)
        if not quiet:
            say(_heading(run, chosen))
        try:
            with stop.on_signals(), run.pipeline:
                _drive(run, chosen, window=shown, line=progress)
        finally:
            if not quiet:
                _say_ledger(metrics.snapshot())
    if run.pipeline.outputs.failure is not None:
        raise run.pipeline.outputs.failure
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


def _say_ledger(done: Snapshot) -> None:
    say(done.summary)
    for name, counts in done.outputs.items():
        if counts.dropped and name not in _SCREENS:
            say(f"{name}: {counts.dropped} dropped; it was too slow")


def _display_probe(chosen: Settings) -> DisplayProbe | None:
    """Tries a window in the background, where one is wanted or might be."""
    show = chosen.outputs.show
    if show is None:
        has_display = sys.platform != "linux" or any(
            os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        show = is_here(chosen.source) and has_display
    return DisplayProbe() if show else None


def _can_show(probe: DisplayProbe, chosen: Settings) -> bool:
    problem = probe.problem()
    if problem is None:
        return True
    if chosen.outputs.show:
        raise problem
    return False


def _heading(run: LiveRun, chosen: Settings) -> str:
    where = f"{run.source.camera}: {mask_address(chosen.source)}"
    return f"{where}; {model_line(chosen.model.name, run.classifier, run.threads)}"


def _drive(run: LiveRun, chosen: Settings, *, window: bool, line: bool) -> None:
    facts = run_facts(chosen, run)
    for name, sink in live_sinks(chosen, facts):
        run.pipeline.add(name, sink)
    if window:
        _loop_with_window(run, facts)
        return
    if not asked_outputs(chosen):
        run.pipeline.add("lines", EventLines())
    _loop(run, shown=line)


def _loop(run: LiveRun, *, shown: bool) -> None:
    """Without a window: a line on the terminal that says how it is going."""
    results = run.pipeline.output("terminal", Wanted(newest=True))
    run.pipeline.start()
    with ExitStack() as stack:
        line = None
        if shown:
            line = stack.enter_context(Line("connecting", console=Console(stderr=True)))
        for result in run.pipeline.results(results):
            if line is not None:
                line.update(_line(run.pipeline.status, result))


def _line(status: Status, result: Result | None) -> str:
    if status.state != "ok":
        return f"{status.state.replace('_', ' ')}: {status.reason}"
    label = result.steady or "unknown" if result is not None else ""
    age = "" if status.age_ms is None else f"age {status.age_ms:.0f} ms"
    return f"{status.fps:.1f} fps  {status.labels_fps:.1f} labels/s  {age}  {label}"


def _loop_with_window(run: LiveRun, facts: RunFacts) -> None:
    window = Window(
        run.source.camera,
        facts.typeface(),
        facts.top_k,
        quit_=run.pipeline.stop.set,
        record=Recorder(run, facts).toggle,
    )
    try:
        wanted = Wanted(answers=False, frames=True, images=True, newest=True)
        results = run.pipeline.output("window", wanted)
        run.pipeline.start()
        for result in run.pipeline.results(results):
            if result is not None:
                window.show(result)
            else:
                window.idle(run.pipeline.status)
            window.poll()
    finally:
        window.close()
