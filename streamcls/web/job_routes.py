"""Jobs: video files that are uploaded, or named below the server's folder."""

import os
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from streamcls.clock import iso_utc
from streamcls.web.described import of_kind
from streamcls.web.job import RESULTS, Job
from streamcls.web.jobs import Jobs
from streamcls.web.problems import Problem
from streamcls.web.rules import Rules
from streamcls.web.schemas import (
    FileOut,
    FilesOut,
    JobIn,
    JobOut,
    JobsOut,
    ProblemOut,
)
from streamcls.web.site import Site
from streamcls.web.upload import received

_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".flv", ".wmv", ".asf", ".ogv", ".3gp", ".gif"),
)
_LISTED = 1000
_KINDS = {
    "video.mp4": "video/mp4",
    "labels.csv": "text/csv; charset=utf-8",
    "segments.vtt": "text/vtt; charset=utf-8",
    "segments.json": "application/json",
}
# FastAPI can't describe a body that is streamed to the disk.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "fps": {
                            "type": "number",
                            "exclusiveMinimum": 0,
                            "maximum": 1000,
                            "description": "Classify at most so many frames a second.",
                        },
                    },
                }
            },
            "application/json": {"schema": JobIn.model_json_schema()},
        },
    }
}
_Id = Annotated[str, Path(description="Of the job.", pattern="^[0-9a-f]{16}$")]


def job_routes(site: Site) -> APIRouter:
    """All of them."""
    routes = APIRouter(tags=["jobs"])
    jobs, rules = site.jobs, site.rules

    @routes.get("/jobs")
    def all_jobs() -> JobsOut:
        """All jobs, the newest first."""
        return JobsOut(jobs=[_described(jobs, one) for one in jobs.all()])

    @routes.post("/jobs", status_code=202, openapi_extra=_BODY)
    async def add(request: Request, response: Response) -> JobOut:
        """Classifies a video: one that is uploaded, or one below the server's folder."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            job = await _uploaded(request, jobs)
        elif kind == "application/json":
            job = await to_thread.run_sync(_named, jobs, rules, await request.body())
        else:
            raise Problem(415, "unsupported", "send multipart/form-data or application/json")
        response.headers["Location"] = f"/api/v1/jobs/{job.id}"
        return _described(jobs, job)

    @routes.get("/jobs/{job_id}")
    def one(job_id: _Id) -> JobOut:
        """How a job is doing."""
        return _described(jobs, jobs.get(job_id))

    @routes.delete("/jobs/{job_id}", status_code=204)
    def remove(job_id: _Id) -> None:
        """Ends a job and deletes all of it."""
        jobs.remove(job_id)

    for name, kind in _KINDS.items():
        _add_result(routes, jobs, name, kind)

    @routes.get("/files", responses={404: {"model": ProblemOut}})
    def files() -> FilesOut:
        """The videos below the server's folder."""
        if rules.folder is None:
            raise Problem(404, "not_found", "no folder is open; start with --folder DIR")
        return FilesOut(files=list(_videos(rules.folder)))

    return routes


def _add_result(routes: APIRouter, jobs: Jobs, name: str, kind: str) -> None:
    file = of_kind(kind, "The file; ranges of it, too.")

    @routes.get(f"/jobs/{{job_id}}/{name}", response_class=FileResponse, responses=file)
    def result(job_id: _Id) -> FileResponse:
        """A result of a job that is done."""
        return FileResponse(jobs.result(job_id, name), media_type=kind)


async def _uploaded(request: Request, jobs: Jobs) -> Job:
    folder = jobs.new_folder()
    try:
        upload = await received(request, folder)
        asked = _checked({"path": upload.name, "fps": upload.fields.get("fps") or None})
        return jobs.add(folder, upload.name, upload.path.name, asked.fps)
    except BaseException as error:  # whatever it is, it is raised again
        jobs.discard(folder)
        if isinstance(error, ClientDisconnect):
            raise Problem(400, "invalid", "the upload was broken off") from None
        raise


def _named(jobs: Jobs, rules: Rules, body: bytes) -> Job:
    try:
        asked = JobIn.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from error
    if rules.folder is None:
        raise Problem(403, "forbidden", "no folder is open; start with --folder DIR")
    path = _below(rules.folder, asked.path)
    return jobs.add(jobs.new_folder(), asked.path, str(path), asked.fps)


def _checked(values: dict[str, object]) -> JobIn:
    try:
        return JobIn.model_validate(values)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> Problem:
    lines = [f"body.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return Problem(422, "invalid", "; ".join(lines))


def _below(folder: FilePath, name: str) -> FilePath:
    """A file below a folder, also after all links were followed.

    Raises:
        Problem: it is none.
    """
    none = Problem(404, "not_found", "there is no such video below the folder")
    if any(part.startswith(".") for part in FilePath(name).parts):
        raise none  # hidden, as in the list, or another folder
    try:
        path = (folder / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise none from None
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise none
    if path.suffix.lower() not in _ENDINGS:
        raise none
    return path


def _videos(folder: FilePath) -> Iterator[FileOut]:
    """The first so many, by name; hidden ones are left out."""
    count = 0
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = FilePath(at) / name
            if path.suffix.lower() not in _ENDINGS or name.startswith("."):
                continue
            try:
                found = _below(folder, str(path.relative_to(folder)))
                yield FileOut(path=str(path.relative_to(folder)), bytes=found.stat().st_size)
            except (Problem, OSError, UnicodeError):
                continue
            count += 1
            if count >= _LISTED:
                return


def _described(jobs: Jobs, job: Job) -> JobOut:
    done = job.state == "done"
    share = job.progress.share
    return JobOut(
        id=job.id,
        file=job.file,
        state=job.state,
        progress=1.0 if done else None if share is None else round(share, 4),
        frames=job.progress.frames,
        fps=None if job.progress.fps is None else round(job.progress.fps, 1),
        error=job.error,
        created_utc=iso_utc(job.created_utc),
        ended_utc=None if job.ended_utc is None else iso_utc(job.ended_utc),
        expires_utc=iso_utc(jobs.expires_utc(job)),
        duration_s=job.progress.duration_s,
        files={key: f"/api/v1/jobs/{job.id}/{name}" for key, name in RESULTS.items() if done},
    )
