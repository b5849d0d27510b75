"""Videos that go through the sink, and what ffprobe says of them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamcls.capture.file import FileSource
from streamcls.records import Frame, Image, SourceInfo
from streamcls.sinks.video import VideoSink
from tests.fakes import result

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def nothing(_image: Image, _result: object, _fps: float) -> None:
    pass


def probe(ffprobe: str, path: Path) -> dict[str, Any]:
    shown = ["-show_entries", "format=duration:stream:frame=pts_time,stream_index", "-of", "json"]
    command = [ffprobe, "-v", "error", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def times(ffprobe: str, path: Path) -> list[float]:
    shown = ["-show_entries", "frame=pts_time", "-of", "json"]
    command = [ffprobe, "-v", "error", "-select_streams", "V:0", *shown, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [float(frame["pts_time"]) for frame in json.loads(done.stdout)["frames"]]


def copy(source: Path, target: Path, **options: float) -> SourceInfo:
    """Sends a whole file through the sink without drawing anything."""
    start_s = options.get("start_s")
    opened = FileSource(source, camera="cam", **options)
    sink = VideoSink(target, opened.info, nothing, start_s=start_s, threads=2)
    for one in opened.grab():
        frame = Frame(
            "cam",
            one.index,
            one.pts_s,
            "container",
            one.duration_s,
            0,
            None,
            False,
            opened.retrieve().bgr(),
        )
        sink.write(replace(result(), frame=frame))
    sink.close()
    return opened.info
