"""The process of a job: a task on standard input, how far it is on standard output, a line each."""

import faulthandler
import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from streamcls import clock
from streamcls.builders.outputs import sink_opener
from streamcls.builders.recording import Run, build_run
from streamcls.config.settings import Settings
from streamcls.errors import SourceError, StreamclsError
from streamcls.media import av
from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import Event, Result
from streamcls.runtime.file_pipeline import run as run_pipeline
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.sinks.files import write_whole
from streamcls.web.job import RESULTS
from streamcls.web.job_process import Progress, Task, give_way

# Containers that hold their pictures themselves. Playlists name other files and addresses, which
# FFmpeg would read for whoever sent them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,ogg,flv,asf,ivf,h264,hevc,"
    "av1,obu,mjpeg,m4v,vc1,gif,nut,mxf,wtv,dv,swf,rm,apng"
)
_ONLY_FILES = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_EVERY_S = 0.5
_SILENT_S = 600.0  # without a frame, after which it ends itself: other jobs wait


def main() -> None:
    """Does one task and ends."""
    give_way()
    faulthandler.dump_traceback_later(_SILENT_S, exit=True)
    warnings.filterwarnings("ignore")
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(
        f"{name};{value}" for name, value in _ONLY_FILES.items()
    )
    task = Task.from_json(sys.stdin.read())
    try:
        _check(task)
        _do(task)
    except Exception as error:  # noqa: BLE001 - it ends, and who started it says why
        kind = "" if isinstance(error, StreamclsError) else f"unexpected {type(error).__name__}: "
        _say({"error": kind + str(error).replace("\n", " ")})
        sys.exit(1)
    os._exit(0)  # all is written; what engines do at their end only takes time


def _check(task: Task) -> None:
    """Raises for what is no video that holds its pictures itself."""
    if not task.source.is_file():
        raise SourceError(f"{task.source}: no such file")
    try:
        with av.open(str(task.source), options=_ONLY_FILES) as container:
            if not container.streams.video:
                raise SourceError(f"{task.source}: there is no video in it")
    except av.FFmpegError as error:
        reason = str(error.strerror or error)
        raise SourceError(f"{task.source}: not a video that can be read: {reason}") from error


def _do(task: Task) -> None:
    folder, metrics, stop = task.folder, Metrics(), Stop()
    outputs = {
        "video": folder / RESULTS["video"],
        "csv": folder / RESULTS["csv"],
        "events": folder / RESULTS["vtt"],
        "overwrite": True,
    }
    settings = Settings.model_validate(
        {
            **task.settings,
            "source": str(task.source),
            "camera": task.camera,
            "outputs": outputs,
            "sample": {} if task.fps is None else {"fps": task.fps},
        }
    )
    wanted = Wanted(frames=True, images=True)
    with stop.on_signals():
        built = build_run(settings, wanted=wanted, stop=stop, metrics=metrics, progress=False)
        more: list[Sink] = [_Said(built), _Segments(built, folder / RESULTS["segments"])]
        run_pipeline(built.pipeline, sink_opener(settings, built, more))
    if stop.signal is not None:
        raise SourceError("it was ended")
    counts = metrics.snapshot()
    if not counts.classified:
        raise SourceError(f"{task.source}: not one frame is readable")


class _Said:
    """Says how far it is."""

    every_frame = True

    def __init__(self, built: Run) -> None:
        info = built.source.info
        self._metrics, self._start_s, self._duration_s = (
            built.metrics,
            info.start_s,
            info.duration_s,
        )
        self._frames, self._at_s = 0, 0.0
        self._said_s = self._begun_s = clock.now_s()

    def write(self, result: Result) -> None:
        self._frames += 1
        self._at_s = result.frame.pts_s - self._start_s
        if clock.now_s() - self._said_s >= _EVERY_S:
            self._say()

    def event(self, event: Event) -> None:
        """Only frames count."""

    def close(self) -> None:
        self._say()

    def _say(self) -> None:
        faulthandler.dump_traceback_later(_SILENT_S, exit=True)  # from now on
        self._said_s = clock.now_s()
        took_s = self._said_s - self._begun_s
        fps = self._frames / took_s if took_s > 0 else None
        progress = Progress(self._frames, fps, self._at_s, self._duration_s)
        _say(asdict(progress))


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


class _Segments:
    """The segments as the page's timeline has them, written whole at the end."""

    every_frame = False

    def __init__(self, built: Run, path: Path) -> None:
        self._path = path
        self._zero_s = built.source.info.start_s
        self._ids = {label: i for i, label in enumerate(built.classifier.card.labels)}
        self._found: list[dict[str, object]] = []

    def write(self, result: Result) -> None:
        """Only segments count."""

    def event(self, event: Event) -> None:
        if event.kind != "label" or event.end_s is None:
            return
        self._found.append(
            {
                "label": event.label,
                "class_id": self._ids.get(event.label),
                "start_s": round(max(0.0, event.start_s - self._zero_s), 6),
                "end_s": round(max(0.0, event.end_s - self._zero_s), 6),
                "mean_prob": round(event.mean_prob, 6),
                "peak_prob": round(event.peak_prob, 6),
            }
        )

    def close(self) -> None:
        text = json.dumps({"segments": self._found}, ensure_ascii=False)
        write_whole(self._path, text.encode(), overwrite=True)


if __name__ == "__main__":
    main()
