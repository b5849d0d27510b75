"""streamcls drill"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamcls import clock
from streamcls.builders.backend import Work, available_threads
from streamcls.builders.live import build_live
from streamcls.builders.model import load_classifier
from streamcls.cli.log import say, set_level
from streamcls.cli.options import settings_options, verbosity
from streamcls.cli.report import print_table
from streamcls.config.options import from_options
from streamcls.config.settings import OutputSettings, Settings
from streamcls.metrics import Metrics
from streamcls.records import Event, Result
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.inference.classifier import ImageClassifier

_GOOD_S = 3.0  # of good frames before a fault
_MORE_S = 2.0  # by which a fault lasts longer than it takes to be noticed
_DENIED_S = 75.0  # after a wrong password nothing is tried for a minute
_RECOVERY_S = 20.0
_REAL = ("slow", "resize")  # faults with real frames in them: labels go on
_OPTIONS = (
    "model",
    "weights",
    "labels",
    "backend",
    "fps",
    "every",
    "stale_after",
    "frozen_after",
    "max_delay",
    "queue_size",
    "queue_policy",
    "threads",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one fault did: seconds until it was noticed and until labels came again, if they did.

    `rows` are label rows of the time in which there was no real frame.
    """

    fault: str
    state: str
    noticed_s: float | None
    rows: int
    recovered_s: float | None
    expected: bool


class _Witness:
    """A sink that writes down when it got what."""

    every_frame = False

    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []  # captured, and here; seconds of our clock
        self.states: list[tuple[str, float]] = []

    def write(self, result: Result) -> None:
        self.rows.append((result.frame.captured_ns / 1e9, clock.now_s()))

    def event(self, event: Event) -> None:
        if event.kind == "state" and event.end_s is None:
            self.states.append((event.label, clock.now_s()))

    def close(self) -> None:
        """Nothing to finish."""


@click.command(name="drill")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings from a YAML file."
)
@click.option("--fault", multiple=True, metavar="NAME", help="Only this one; can be repeated.")
@settings_options(*_OPTIONS)
@verbosity
def command(
    config: Path | None, fault: tuple[str, ...], quiet: bool, verbose: int, **given: Any
) -> None:
    """Puts the settings through every fault of a simulated camera, and says what happened.

    One fault after the other, about three minutes. Exit code 1 if one went unnoticed, wrote labels
    without a real frame, or was not recovered from.

    \b
    streamcls drill --model demo
    """
    from streamcls.capture.simulated import FAULTS

    chosen = from_options({"source": "sim://", **given}, config)
    unknown = [name for name in fault if name not in FAULTS]
    if unknown:
        raise click.UsageError(f"--fault {unknown[0]}: there are {', '.join(FAULTS)}")
    if not verbose:
        set_level(-1)  # the table says it
    threads = chosen.runtime.threads or available_threads()
    classifier = load_classifier(chosen.model, Work(1, threads), progress=not quiet)
    outcomes = []
    for name in fault or FAULTS:
        if not quiet:
            say(f"{name}: {FAULTS[name]}")
        outcomes.append(run_fault(name, chosen, classifier))
    print_table(
        ("fault", "state", "noticed after s", "label rows meanwhile", "labels again after s", ""),
        [_row(outcome) for outcome in outcomes],
        right=("noticed after s", "label rows meanwhile", "labels again after s"),
    )
    sys.exit(0 if all(outcome.expected for outcome in outcomes) else 1)


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.fault,
        outcome.state,
        _seconds(outcome.noticed_s),
        str(outcome.rows),
        _seconds(outcome.recovered_s),
        "as it should" if outcome.expected else "WRONG",
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def run_fault(name: str, chosen: Settings, classifier: "ImageClassifier") -> Outcome:
    """Runs a simulated camera with one fault to its recovery.

    Args:
        name: of the fault.
        chosen: the settings; their source doesn't matter.
        classifier: for all frames.
    """
    lasts_s = _lasts_s(name, chosen)
    address = f"sim://?{name}_at={_GOOD_S}&{name}_for={lasts_s}"
    stop, witness = Stop(), _Witness()
    run = build_live(
        _for_drill(chosen, address),
        stop=stop,
        metrics=Metrics(),
        progress=False,
        classifier=classifier,
    )
    wait_s = _DENIED_S if name == "deny" else _RECOVERY_S
    results = run.pipeline.output("drill", Wanted(newest=True))
    with stop.on_signals(), run.pipeline:
        run.pipeline.add("witness", witness)
        begun_s = clock.now_s()
        run.pipeline.start()
        begin_s, end_s = begun_s + _GOOD_S, begun_s + _GOOD_S + lasts_s
        for _ in run.pipeline.results(results):
            here_s = [here for captured, here in witness.rows if captured >= end_s]
            if here_s or clock.now_s() > end_s + wait_s:
                break
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    return _judged(name, chosen, witness, begin_s, end_s)


def _for_drill(chosen: Settings, address: str) -> Settings:
    """The settings without what would end the drill or write anything."""
    update = {
        "source": address,
        "camera": "sim",
        "sample": chosen.sample.model_copy(update={"duration": None, "start": None}),
        "connection": chosen.connection.model_copy(update={"max_retries": None, "retry_for": None}),
        "outputs": OutputSettings(),
    }
    return chosen.model_copy(update=update)


def _lasts_s(name: str, chosen: Settings) -> float:
    if name in ("stall", "lag"):
        return chosen.signal.stale_after + _MORE_S
    if name == "freeze":
        return chosen.signal.frozen_after + _MORE_S
    return _MORE_S


def _judged(
    name: str, chosen: Settings, witness: _Witness, begin_s: float, end_s: float
) -> Outcome:
    # The last frame before the fault may be captured a moment after its beginning.
    first_s, last_s = begin_s + 0.05, end_s - 0.05
    if name == "lag":  # what is held up for less than this is still good
        last_s -= chosen.signal.max_delay
    rows = sum(first_s < captured < last_s for captured, _ in witness.rows)
    bad = [(state, at_s) for state, at_s in witness.states if state != "ok" and at_s >= begin_s]
    noticed_s = bad[0][1] - begin_s if bad else None
    again_s = [here for captured, here in witness.rows if captured >= end_s]
    recovered_s = max(0.0, again_s[0] - end_s) if again_s else None
    harmless = name in _REAL or (name == "freeze" and not chosen.signal.frozen_after)
    right = not bad if harmless else bool(bad) and not rows
    return Outcome(
        fault=name,
        state=bad[0][0] if bad else "ok",
        noticed_s=noticed_s,
        rows=rows,
        recovered_s=recovered_s,
        expected=right and recovered_s is not None,
    )
