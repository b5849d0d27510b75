"""streamcls check"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import click

from streamcls import clock
from streamcls.builders.model import describe_model
from streamcls.builders.source import describe_recorded, is_live, open_live
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import print_table
from streamcls.config.options import from_options
from streamcls.config.settings import Settings
from streamcls.masking import mask
from streamcls.records import LiveFrame, Lost, as_bgr
from streamcls.runtime.stop import Stop

_LIVE_S = 3.0  # for how long a live source is looked at


@click.command(name="check")
@click.argument("source")
@settings_options("rtsp_transport", "connect_timeout", "read_timeout", *MODEL_OPTIONS)
@verbosity
def command(source: str, quiet: bool, verbose: int, **given: Any) -> None:
    """Says what SOURCE is, what can read it, and which model would be used.

    Of a live source, also why it can't be had, or what comes in the first seconds.

    \b
    streamcls check match.mp4
    streamcls check rtsp://10.0.0.7/cam
    """
    chosen = from_options({"source": source, "max_retries": 0, **given})
    if is_live(source):
        rows = [*_live_rows(chosen), *describe_model(chosen.model).items()]
        print_table(("", mask(source)), rows)
        return
    rows = [*describe_recorded(chosen), *describe_model(chosen.model).items()]
    print_table(("", source), rows)


def _live_rows(chosen: Settings) -> list[tuple[str, str]]:
    """What comes in the first seconds.

    Raises:
        SourceError: it can't be had; with the reason.
    """
    stop = Stop()
    source, begun_s = open_live(chosen, stop), clock.now_s()
    times: list[float] = []  # captured
    faults: Counter[str] = Counter()
    sizes: set[str] = set()
    with stop.on_signals(), closing(source.watch()) as items:
        for frame in _first_seconds(items, stop):
            times.append(frame.captured_ns / 1e9)
            if frame.fault is not None:
                faults[frame.fault] += 1
            if frame.picture is not None:
                height, width = as_bgr(frame.picture).shape[:2]
                sizes.add(f"{width}x{height}")
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    gaps = len(times) - 2  # not the first: when it began is not known
    span_s = times[-1] - times[1] if gaps > 0 else 0.0
    return [
        ("source", source.description),
        ("first frame after", f"{times[0] - begun_s:.2f} s"),
        ("size", ", ".join(sorted(sizes)) or "no picture"),
        ("real rate", f"{gaps / span_s:.1f} fps" if span_s else "too few frames to say"),
        ("without a label", ", ".join(f"{n} {why}" for why, n in faults.items()) or "none"),
    ]


def _first_seconds(items: Iterable[LiveFrame | Lost], stop: Stop) -> Iterator[LiveFrame]:
    """The frames up to a few seconds behind the first one."""
    end_s = math.inf
    for item in items:  # a loss raises: there are no retries
        if isinstance(item, LiveFrame):
            yield item
            end_s = min(end_s, item.captured_ns / 1e9 + _LIVE_S)
        if stop.is_set or clock.now_s() > end_s:
            return
