"""Video files to classify: one at a time, each in a process of its own, kept for a day.

JOBS/<id>/job.json       what is known of it, rewritten whole
JOBS/<id>/source.*       the upload, deleted when the work is over
JOBS/<id>/video.mp4, labels.csv, segments.vtt, segments.json
"""

import fcntl
import logging
import os
import re
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from streamcls import clock
from streamcls.closing import Closing
from streamcls.errors import OutputError, OutputPathError, StreamclsError
from streamcls.masking import mask
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads
from streamcls.web.job import Job, kept_in
from streamcls.web.job_process import JobProcess, Task
from streamcls.web.problems import Problem

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{16}")
_LOOK_S = 0.5
_SWEEP_S = 60.0


class Jobs(Closing):
    """All jobs of a server, and the thread that works on them. Any thread may ask."""

    def __init__(
        self, folder: Path, task: Callable[[], Task | None], *, waiting: int, keep_s: float
    ) -> None:
        """Finds what an earlier server left.

        Args:
            folder: where they are kept; this server's alone.
            task: gives what is the same for all jobs: the model; None while there is none.
            waiting: how many may wait.
            keep_s: how long one is kept.

        Raises:
            OutputError: the folder can't be had, or another server has it.
        """
        self._folder, self._task, self._waiting, self._keep_s = folder, task, waiting, keep_s
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._process: JobProcess | None = None
        self._at: str | None = None  # the job at work
        self._stop = Stop()
        self._threads = Threads(Stop())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own = _locked(folder)
        except OutputPathError:
            raise
        except OSError as error:
            raise OutputPathError(f"--jobs {folder}: {error.strerror or error}") from error
        self._found()

    def start(self) -> None:
        """Works from now on."""
        self._threads.start("jobs", self._work)

    def close(self) -> None:
        """Ends the one at work; those that wait are there the next time. Can be called again."""
        self._stop.set()
        process = self._process
        if process is not None:
            process.end()
        self._threads.join()
        self._own.close()

    # -- asked for

    def new_folder(self) -> Path:
        """A folder for an upload, whose name becomes the job's id.

        Raises:
            Problem: too many wait, or there is no room for it.
        """
        with self._lock:
            if sum(job.state == "waiting" for job in self._jobs.values()) >= self._waiting:
                raise Problem(503, "busy", f"{self._waiting} jobs wait already", retry_s=60)
        path = self._folder / secrets.token_hex(8)
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise Problem(507, "disk_full", "the jobs' folder can't be written") from error
        return path

    def discard(self, folder: Path) -> None:
        """The upload into it came to nothing."""
        shutil.rmtree(folder, ignore_errors=True)

    def add(self, folder: Path, file: str, source: str, fps: float | None) -> Job:
        """A job whose folder is there, and the upload in it.

        Args:
            folder: from `new_folder`.
            file: name for people.
            source: the upload's name in the folder, or the path of a file elsewhere.
            fps: see `Job`.
        """
        is_upload = (folder / source).parent == folder
        job = Job(folder.name, file, source, is_upload, fps, clock.epoch_s())
        try:
            job.keep(self._folder / job.id)
        except OutputError as error:
            self.discard(folder)
            raise Problem(507, "disk_full", "there is no room for another job") from error
        with self._lock:
            self._jobs[job.id] = job
        return job

    def all(self) -> list[Job]:
        """The newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.created_utc, reverse=True)

    def get(self, job_id: str) -> Job:
        """One of them.

        Raises:
            Problem: there is no such job.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise Problem(404, "not_found", "there is no such job; they are kept for a day")
        return job

    def result(self, job_id: str, name: str) -> Path:
        """Where a result is.

        Raises:
            Problem: there is none.
        """
        job = self.get(job_id)
        path = self._folder / job.id / name
        if job.state != "done" or not path.is_file():
            raise Problem(404, "not_found", f"the job is {job.state}; it has no {name}")
        return path

    def remove(self, job_id: str) -> None:
        """Ends it and deletes all of it.

        Raises:
            Problem: there is no such job.
        """
        job = self.get(job_id)
        with self._lock:
            self._jobs.pop(job_id, None)
            process = self._process if self._at == job.id else None
        if process is not None:
            process.end()
        shutil.rmtree(self._folder / job.id, ignore_errors=True)

    def counts(self) -> Counter[str]:
        """How many there are, by state."""
        with self._lock:
            return Counter(job.state for job in self._jobs.values())

    def expires_utc(self, job: Job) -> float:
        """When it is deleted."""
        return (job.ended_utc or job.created_utc) + self._keep_s

    # -- its thread

    def _work(self) -> None:
        swept_s = -_SWEEP_S
        while not self._stop.wait(_LOOK_S):
            if clock.now_s() - swept_s >= _SWEEP_S:
                swept_s = clock.now_s()
                self._sweep()
            task, job = self._task(), self._next()
            if task is None or job is None:
                continue
            try:
                self._do(job, task)
            except Exception as error:
                log.error("job %s: unexpected %s: %s", job.id, type(error).__name__, error)
                log.debug("where it was raised:", exc_info=error)
                failed = replace(job, state="failed", error="it failed; the server's log says why")
                self._update(replace(failed, ended_utc=clock.epoch_s()))

    def _next(self) -> Job | None:
        waiting = [job for job in reversed(self.all()) if job.state == "waiting"]
        return waiting[0] if waiting else None

    def _do(self, job: Job, task: Task) -> None:
        folder = self._folder / job.id
        source = folder / job.source if job.is_upload else Path(job.source)
        job = replace(job, state="running", tries=job.tries + 1)
        try:
            task = replace(
                task, source=source, folder=folder, camera=Path(job.file).stem or "video"
            )
            with JobProcess(replace(task, fps=job.fps)) as process:
                with self._lock:
                    self._process, self._at = process, job.id
                    if self._stop.is_set or job.id not in self._jobs:  # since it was chosen
                        process.end()
                self._update(job)
                for progress in process.progress():
                    job = replace(job, progress=progress)
                    self._update(job)
            job = replace(job, state="done")
        except StreamclsError as error:
            reason = str(error).replace(str(source), job.file).replace(str(folder), "")
            job = replace(job, state="failed", error=mask(reason))
        finally:
            with self._lock:
                self._process = self._at = None
        if self._stop.is_set and job.state == "failed":  # it is done again the next time
            self._update(replace(job, state="waiting", error=None, tries=job.tries - 1))
            return
        if job.is_upload:
            with suppress(OSError):
                source.unlink(missing_ok=True)
        self._update(replace(job, ended_utc=clock.epoch_s()))

    def _update(self, job: Job) -> None:
        """Unless it was removed meanwhile."""
        with self._lock:
            if job.id not in self._jobs:
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
                return
            self._jobs[job.id] = job
            try:
                job.keep(self._folder / job.id)
            except OutputError as error:  # only a restart would not know how far it came
                log.error("job %s: %s", job.id, error)

    def _sweep(self) -> None:
        """Deletes what is too old."""
        now_utc = clock.epoch_s()
        for job in self.all():
            if job.state in ("done", "failed") and now_utc >= self.expires_utc(job):
                self.remove(job.id)

    def _found(self) -> None:
        """Jobs of an earlier server; what was at work waits again, halves of uploads go."""
        for folder in self._folder.iterdir():
            if not _ID.fullmatch(folder.name):
                continue
            job = kept_in(folder)
            if job is None:
                self.discard(folder)
            else:
                self._jobs[job.id] = job


def _locked(folder: Path) -> IO[bytes]:
    own = (folder / ".lock").open("ab")
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        own.close()
        raise OutputPathError(
            f"--jobs {folder}: another server works there; give each a folder of its own"
        ) from None
    os.set_inheritable(own.fileno(), False)
    return own
