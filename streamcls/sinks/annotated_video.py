"""The annotated video as an output: the overlay drawn into every frame, and the encoder."""

from fractions import Fraction
from pathlib import Path

from streamcls.errors import OutputPathError
from streamcls.records import Result, SourceInfo
from streamcls.sinks.files import probe_room
from streamcls.sinks.output import Output, RunFacts
from streamcls.sinks.overlay import Overlay
from streamcls.sinks.video import VideoSink

_ENDINGS = (".mp4", ".m4v", ".mov")
_LIVE_TIME_BASE = Fraction(1, 90_000)  # RTP's


def _check(option: str, path: Path) -> None:
    if path.suffix.lower() not in _ENDINGS:
        raise OutputPathError(f"{option} {path}: MP4 is written; let its name end in .mp4")


def _open(path: Path, run: RunFacts) -> VideoSink:
    info = run.info
    if info is None:
        assert run.first is not None
        probe_room(path.parent)  # or a full disk would be known half a second later only
        info = _live_info(run.first, path)
    live = run.info is None
    overlay = Overlay(run.typeface(), info.width, info.height, run.top_k, live=live)
    return VideoSink(
        path,
        info,
        overlay.draw,
        start_s=None if live else run.zero_s,
        threads=run.threads,
        overwrite=run.overwrite,
    )


def _live_info(first: Result, path: Path) -> SourceInfo:
    """What a video of a live source needs to know, from its first frame."""
    frame, status = first.frame, first.status
    height, width = frame.image.shape[:2]
    measured = status.fps if status is not None else 0.0
    return SourceInfo(
        camera=frame.camera,
        path=path,
        width=width,
        height=height,
        fps=measured or (1 / frame.duration_s if frame.duration_s else 0.0),
        time_base=_LIVE_TIME_BASE,
        start_s=frame.pts_s,
        duration_s=None,
        sample_aspect=Fraction(1),
        has_sound=False,
        description="",
    )


OUTPUT = Output(_open, _check, every_frame=True)
