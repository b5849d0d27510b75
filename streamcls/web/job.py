"""One video file to classify, and the note that is kept of it."""

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from streamcls.sinks.files import write_whole
from streamcls.web.job_process import Progress

ResultName: TypeAlias = Literal["video", "csv", "vtt", "segments"]
State: TypeAlias = Literal["waiting", "running", "done", "failed"]

RESULTS: dict[ResultName, str] = {
    "video": "video.mp4",
    "csv": "labels.csv",
    "vtt": "segments.vtt",
    "segments": "segments.json",
}
_NOTE = "job.json"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}")
_NOT_BEGUN = Progress()
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Job:
    """One video file; times are seconds since the epoch.

    Attributes:
        id: of 16 hexadecimal digits; its folder is called so.
        file: its name, for people.
        source: where it is; of uploads the name in the job's folder.
        is_upload: whether it is deleted when the work is over.
        fps: classify at most so many frames a second, or None for all.
        progress: see `job_process.Progress`.
        tries: how often it was begun.
    """

    id: str
    file: str
    source: str
    is_upload: bool
    fps: float | None
    created_utc: float
    state: State = "waiting"
    progress: Progress = _NOT_BEGUN
    error: str | None = None
    ended_utc: float | None = None
    tries: int = 0

    def keep(self, folder: Path) -> None:
        """Writes the note into the job's folder.

        Raises:
            OutputError: there is no room for it, or the folder is gone.
        """
        write_whole(folder / _NOTE, json.dumps(asdict(self)).encode(), overwrite=True)


def kept_in(folder: Path) -> Job | None:
    """The job of a folder, as an earlier server left it; one that was at work waits again.

    None where the folder holds none, as after half an upload.
    """
    try:
        facts = json.loads((folder / _NOTE).read_bytes())
        job = Job(**{**facts, "progress": Progress(**facts["progress"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if job.id != folder.name:
        return None
    if job.state != "running":
        return job
    if job.tries >= _TRIES:  # it may be what ended the server
        return replace(job, state="failed", error="the server ended twice while it was at work")
    return replace(job, state="waiting", progress=_NOT_BEGUN)


def ending_of(name: str) -> str:
    """Of a file's name that somebody sent, if it is a plain one."""
    ending = Path(name).suffix
    return ending if _ENDING.fullmatch(ending) else ""
