"""streamcls check"""

import time
from collections import Counter
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from streamcls.builders.live import is_live, open_live
from streamcls.builders.model import describe_model
from streamcls.capture.container import Probe
from streamcls.capture.inspect import Inspection, inspect
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import print_table
from streamcls.config.options import from_options
from streamcls.config.settings import Settings
from streamcls.masking import mask
from streamcls.records import LiveFrame
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
    found = inspect(Path(source).expanduser())
    rows = [*_file_rows(found), *describe_model(chosen.model).items()]
    print_table(("", source), rows)


def _live_rows(chosen: Settings) -> list[tuple[str, str]]:
    """What comes in the first seconds.

    Raises:
        SourceError: it can't be had; with the reason.
    """
    stop = Stop()
    source, begun_s = open_live(chosen, stop), time.monotonic()
    times: list[float] = []  # captured
    faults: Counter[str] = Counter()
    sizes: set[str] = set()
    with stop.on_signals(), closing(source.watch()) as items:
        for item in items:  # a loss raises: there are no retries
            if isinstance(item, LiveFrame):
                times.append(item.captured_ns / 1e9)
                if item.fault is not None:
                    faults[item.fault] += 1
                if item.image is not None:
                    sizes.add(f"{item.image.shape[1]}x{item.image.shape[0]}")
                if stop.is_set or time.monotonic() - times[0] > _LIVE_S:
                    break
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


def _file_rows(found: Inspection) -> list[tuple[str, str]]:
    about = found.probe
    turned = f", turned by {about.rotation} degrees" if about.rotation else ""
    scan = ", interlaced" if about.interlaced else ""
    stored = f"{about.coded_width}x{about.coded_height}"
    sound = about.sound
    others = [f"{s.index}: {s.kind} ({s.codec})" for s in _others(about)]
    return [
        ("container", about.container),
        ("video", f"{about.codec}, {about.pixel_format}{scan}"),
        ("size", f"{about.width}x{about.height} (stored {stored}{turned})"),
        ("pixel aspect", str(about.sample_aspect)),
        ("duration", f"{about.duration_s:.3f} s" if about.duration_s else "not stated"),
        ("frames", f"{about.frames} stated" if about.frames else "not stated"),
        ("nominal rate", _rate(about.nominal_fps)),
        ("average rate", _rate(about.fps)),
        ("real rate", _real_rate(found)),
        ("sound", sound.codec if sound else "none"),
        ("other streams", ", ".join(others) or "none"),
        ("read through", "PyAV"),
        ("OpenCV reads it", found.opencv),
    ]


def _others(about: Probe) -> list[Any]:
    used = next(stream for stream in about.streams if stream.kind == "video")
    return [stream for stream in about.streams if stream is not used and stream is not about.sound]


def _rate(fps: Fraction) -> str:
    return f"{float(fps):.3f} fps" if fps else "not stated"


def _real_rate(found: Inspection) -> str:
    rate = found.rate
    if rate is None:
        return "no times in the file; they are estimated from the nominal rate"
    kind = "variable" if rate.variable else "constant"
    gaps = f"gaps {rate.shortest_ms:.1f} to {rate.longest_ms:.1f} ms"
    return f"{rate.real_fps:.3f} fps, {kind} ({rate.packets} frames, {gaps})"
