"""streamcls check"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from streamcls.build import describe_model
from streamcls.capture.container import Probe
from streamcls.capture.inspect import Inspection, inspect
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import print_table
from streamcls.config import from_options


@click.command(name="check")
@click.argument("source")
@settings_options(*MODEL_OPTIONS)
@verbosity
def command(source: str, quiet: bool, verbose: int, **given: Any) -> None:
    """Says what SOURCE is, what can read it, and which model would be used.

    \b
    streamcls check match.mp4
    """
    chosen = from_options({"source": source, **given})
    found = inspect(Path(source).expanduser())
    rows = [*_file_rows(found), *describe_model(chosen.model).items()]
    print_table(("", source), rows)


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
