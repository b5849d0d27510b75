"""A job's work, in a process of its own.

A strange file may make a decoder crash or fill the memory: then the job has failed and the cameras
go on. The process has the lowest priority, so that cameras and pictures come first, and its answers
are those of `streamcls run`.
"""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from streamcls.closing import Closing
from streamcls.errors import SourceError

log = logging.getLogger(__name__)

_LARGEST = 50 * 10**9  # bytes of a file that it writes


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: frames, frames a second, and seconds of the video, of all its seconds."""

    frames: int = 0
    fps: float | None = None
    at_s: float = 0.0
    duration_s: float | None = None

    @property
    def share(self) -> float | None:
        """0 to 1, where the length is known."""
        if not self.duration_s:
            return None
        return min(1.0, max(0.0, self.at_s / self.duration_s))


@dataclass(frozen=True, slots=True)
class Task:
    """What the process is to do.

    Attributes:
        settings: groups of `streamcls.config.settings.Settings`, as JSON has them.
        source: the video.
        folder: where results go.
        camera: what rows call the video.
        fps: classify at most so many frames a second, or None for all.
    """

    settings: dict[str, object]
    source: Path = Path()
    folder: Path = Path()
    camera: str = "video"
    fps: float | None = None

    def to_json(self) -> str:
        """It as one line."""
        return json.dumps({**asdict(self), "source": str(self.source), "folder": str(self.folder)})

    @staticmethod
    def from_json(text: str) -> "Task":
        """What `to_json` wrote."""
        facts = json.loads(text)
        return Task(**{**facts, "source": Path(facts["source"]), "folder": Path(facts["folder"])})


class JobProcess(Closing):
    """The process of one job, from the outside."""

    def __init__(self, task: Task) -> None:
        """Starts it.

        Raises:
            SourceError: it can't be started.
        """
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamcls.web.job_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                process_group=0,  # Ctrl-C is for us, who then end it
            )
        except OSError as error:
            raise SourceError(f"no process could be started: {error.strerror}") from error
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as stdin:  # it ended already, and says why
            stdin.write(task.to_json())

    def progress(self) -> Iterator[Progress]:
        """How far it is, again and again, until it is done.

        Raises:
            SourceError: it failed; with its reason.
        """
        assert self._process.stdout is not None
        reason = None
        for line in self._process.stdout:
            try:
                said = json.loads(line)
                if "error" in said:
                    reason = str(said["error"])
                    continue
                progress = Progress(**said)
            except (ValueError, TypeError):
                log.debug("a job says: %s", line.rstrip())  # what libraries print
                continue
            yield progress
        code = self._process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            raise SourceError(f"its process was ended by {name}; the file may be damaged")
        if code:
            raise SourceError(reason or f"its process ended with {code}")

    def end(self) -> None:
        """Ends it, whatever it does: halves of results are of no use. Any thread."""
        self._process.kill()

    def close(self) -> None:
        """The same, and waits for it. Can be called again."""
        self.end()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def give_way() -> None:
    """The lowest priority, the first to go where memory ends, no core files; for itself."""
    os.nice(15)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST, _LARGEST))
