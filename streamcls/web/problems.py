"""Errors of the API, all in one format: problem details of RFC 9457."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from streamcls.masking import mask

log = logging.getLogger(__name__)

KIND = "application/problem+json"
# What a program can tell apart, and what each is called.
TITLES = {
    "archive": "The archive can't be taken",
    "broken": "The picture is damaged",
    "busy": "Too much is being done already",
    "conflict": "Not at this moment",
    "disk_full": "There is no room for it",
    "forbidden": "Not allowed",
    "internal": "It failed",
    "invalid": "The request is wrong",
    "no_pictures": "No picture could be classified",
    "not_a_picture": "Not a picture",
    "not_found": "There is no such thing",
    "not_ready": "The model is being loaded",
    "slow": "The request came too slowly",
    "stopping": "The server stops",
    "too_large": "Too large",
    "too_many_pixels": "Too many pixels",
    "too_many_requests": "Too many requests",
    "unauthorized": "A token is needed",
    "unsupported": "Not of a kind that is taken",
}
_OF_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "slow",
    413: "too_large",
    415: "unsupported",
    429: "too_many_requests",
    503: "busy",
}


class Problem(HTTPException):
    """What went wrong with a request: raised anywhere in it, it becomes the answer.

    It is one of Starlette's exceptions, since FastAPI lets only those through where it reads a
    body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_s: float | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Says what happened.

        Args:
            status: of HTTP.
            code: one of `TITLES`, for programs.
            detail: a line for people.
            retry_s: after how long to try again.
            more: further members of the answer.
        """
        headers = {} if retry_s is None else {"Retry-After": str(max(1, round(retry_s)))}
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="streamcls"'
        super().__init__(status, mask(detail), headers)
        self.code = code
        self.more = dict(more or {})


def answer(problem: Problem) -> JSONResponse:
    """It as a response."""
    content = {
        "type": f"/problems/{problem.code}",
        "title": TITLES[problem.code],
        "status": problem.status_code,
        "detail": problem.detail,
        "code": problem.code,
        **problem.more,
    }
    return JSONResponse(content, problem.status_code, problem.headers, media_type=KIND)


def describe_all(app: FastAPI) -> None:
    """Makes every error of an app a problem."""

    async def http(_request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, Problem):
            return answer(error)
        assert isinstance(error, HTTPException)
        code = _OF_STATUS.get(error.status_code, "invalid")
        problem = Problem(error.status_code, code, str(error.detail))
        problem.headers = {**(error.headers or {}), **(problem.headers or {})}
        return answer(problem)

    async def wrong(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()
        ]
        detail = "; ".join(f"{one['where']}: {one['what']}" for one in errors)
        return answer(Problem(422, "invalid", detail, more={"errors": errors}))

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s: unexpected %s: %s", request.url.path, type(error).__name__, error)
        log.debug("where it was raised:", exc_info=error)
        return answer(Problem(500, "internal", "it failed; the server's log says why"))

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, wrong)
    app.add_exception_handler(Exception, unexpected)
