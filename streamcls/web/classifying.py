"""POST /api/v1/classify: pictures in, labels out."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from fastapi.responses import JSONResponse

from streamcls import clock
from streamcls.builders.backend import available_threads
from streamcls.records import Image
from streamcls.web.desk import Desk
from streamcls.web.pictures import Opened, Refused, Sent, in_zip, is_zip, opened, plain_name
from streamcls.web.problems import Problem
from streamcls.web.rules import Rules
from streamcls.web.schemas import ResultOut, ResultsOut, ScoreOut
from streamcls.web.tally import Tally

_AT_ONCE = 4  # pictures of one request
_UNPACKED = 16  # pictures of all requests that are taken out of them at the same time
_BIG = 2  # of these, large ones
_HEAD = 512
# All have one reason, so that is the answer's; else 422.
_STATUS_OF = {"too_large": 413, "too_many_pixels": 413, "not_a_picture": 415, "archive": 422}

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Classifying:
    """Classifies the pictures of requests. Lives on the event loop."""

    def __init__(self, rules: Rules, desk: Desk, tally: Tally) -> None:
        """Nothing is at work yet."""
        self._rules, self._desk, self._tally = rules, desk, tally
        self._readers = CapacityLimiter(available_threads())
        self._unpacked = asyncio.Semaphore(_UNPACKED)
        self._big = asyncio.Semaphore(_BIG)

    async def results(self, uploads: list[UploadFile], top_k: int) -> list[ResultOut]:
        """What came of each picture, in their order.

        Raises:
            Problem: there is no model, or an archive holds too much.
        """
        found: list[asyncio.Task[ResultOut]] = []
        room, budget = asyncio.Semaphore(_AT_ONCE), _Budget(self._rules.request_pixels)

        async def one(sent: Sent) -> ResultOut:
            try:
                return await self._result(sent, top_k, budget)
            finally:
                self._unpacked.release()
                room.release()

        waiting = self._sent(uploads)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                await self._unpacked.acquire()  # before it is taken out of an archive
                try:
                    sent = await anext(waiting)
                except BaseException as error:  # whatever it is, it is raised again
                    self._unpacked.release()
                    if isinstance(error, StopAsyncIteration):
                        break
                    raise
                found.append(group.create_task(one(sent)))
        return [task.result() for task in found]

    async def _sent(self, uploads: list[UploadFile]) -> AsyncIterator[Sent]:
        """Every picture, those in archives, too."""
        for upload in uploads:
            name = plain_name(upload.filename or "")
            if not is_zip(await self._head(upload)):
                yield await self._whole(upload, name)
                continue
            inside = in_zip(upload.file, name, self._rules)
            try:
                while (sent := await self._in_thread(_next, inside)) is not None:
                    yield sent
            except Problem as problem:  # the others are classified all the same
                reason = problem.detail.removeprefix(f"{name}: ")
                yield Sent(name, refused=Refused(problem.code, reason))

    async def _head(self, upload: UploadFile) -> bytes:
        head = await upload.read(_HEAD)
        await upload.seek(0)
        return head

    async def _whole(self, upload: UploadFile, name: str) -> Sent:
        """No more of it than is allowed, and one byte."""
        return Sent(name, await upload.read(self._rules.image_bytes + 1))

    async def _result(self, sent: Sent, top_k: int, budget: "_Budget") -> ResultOut:
        begun_s = clock.now_s()
        try:
            top = await self._top(sent, top_k, budget)
        except Refused as refused:
            self._tally.refused()
            return ResultOut(file=sent.name, top=[], error=str(refused), code=refused.code)
        self._tally.classified(clock.now_s() - begun_s)
        return ResultOut(file=sent.name, top=top, error=None, code=None)

    async def _top(self, sent: Sent, top_k: int, budget: "_Budget") -> list[ScoreOut]:
        if sent.refused is not None:
            raise sent.refused
        picture = await self._in_thread(_unpacked_if_small, sent.data, self._rules, budget)
        async with self._big if isinstance(picture, Opened) else nullcontext():
            if isinstance(picture, Opened):
                picture = await self._in_thread(picture.unpacked)
            try:
                prediction = await self._desk.classify(picture)
            except Problem as problem:
                if problem.code != "broken":
                    raise
                raise Refused("broken", problem.detail) from problem
        return [
            ScoreOut(label=one.label, class_id=one.class_id, prob=round(min(1.0, one.prob), 6))
            for one in prediction.top(top_k)
        ]

    async def _in_thread(self, work: "Callable[[*Args], T]", *args: *Args) -> T:
        return await to_thread.run_sync(work, *args, limiter=self._readers)


@dataclass(slots=True, eq=False)
class _Budget:
    """The pixels that are left for the pictures of one request."""

    left: int

    def take(self, picture: Opened) -> None:
        """Raises Refused where a picture has more; several threads may be a picture out."""
        if picture.pixels > self.left:
            raise Refused("too_many_pixels", "the request's pictures have too many pixels together")
        self.left -= picture.pixels


def _unpacked_if_small(data: bytes, rules: Rules, budget: _Budget) -> Opened | Image:
    """One way to a thread and back is enough for most."""
    picture = opened(data, rules)
    budget.take(picture)
    return picture if picture.is_big else picture.unpacked()


def _next(items: Iterator[Sent]) -> Sent | None:
    return next(items, None)


def classify_routes(classifying: Classifying) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.post("/classify", response_model=ResultsOut, tags=["pictures"])
    async def classify(
        files: Annotated[
            list[UploadFile], File(description="Pictures, and ZIPs of pictures.", min_length=1)
        ],
        top_k: Annotated[int, Form(ge=1, le=1000, description="Labels for each.")] = 3,
        format: Annotated[Literal["json", "csv"], Query(description="Of the answer.")] = "json",
    ) -> Response:
        """Classifies pictures (JPEG, PNG, WebP, BMP, GIF) and ZIPs of them."""
        try:
            results = await classifying.results(files, top_k)
        except* Problem as problems:
            raise _first(problems) from None
        if not any(one.top for one in results):
            raise _all_bad(results)
        if format == "csv":
            return Response(_as_csv(results, top_k), media_type="text/csv; charset=utf-8")
        return JSONResponse({"results": [one.model_dump() for one in results]})

    return routes


def _first(problems: BaseExceptionGroup[Problem]) -> Problem:
    found: BaseException = problems
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Problem)
    return found


def _all_bad(results: list[ResultOut]) -> Problem:
    codes = {one.code for one in results}
    status = _STATUS_OF.get(next(iter(codes)) or "", 422) if len(codes) == 1 else 422
    reasons = [f"{one.file}: {one.error}" for one in results]
    detail = "; ".join(reasons[:3]) or "there is no picture in it"
    if len(results) > 1:
        detail = f"none of {len(results)} pictures: {detail}"
    more = {"results": [one.model_dump() for one in results]}
    return Problem(status, "no_pictures", detail, more=more)


def _as_csv(results: list[ResultOut], top_k: int) -> str:
    """The columns of `streamcls classify --csv`, and one for errors."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    pairs = [name for k in range(1, top_k + 1) for name in (f"label_{k}", f"prob_{k}")]
    rows.writerow(["file", *pairs, "error"])
    for one in results:
        cells = [cell for score in one.top for cell in (score.label, f"{score.prob:.6f}")]
        rows.writerow(
            [_disarmed(one.file), *cells, *[""] * (2 * top_k - len(cells)), one.error or ""]
        )
    return text.getvalue()


def _disarmed(cell: str) -> str:
    """A name that strangers chose must be no formula where the table is opened."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell
