"""What the server is and how it is doing: for the page, for supervisors, for Prometheus."""

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from streamcls import clock
from streamcls.builders.backend import available_threads
from streamcls.metrics import peak_rss_mb
from streamcls.plant.cameras import RunningCamera
from streamcls.plant.exposition import Exposition
from streamcls.web.described import of_kind
from streamcls.web.exposition import WebNumbers
from streamcls.web.guard import CLASSIFY, Guard
from streamcls.web.schemas import (
    CameraStatusOut,
    InfoOut,
    JobCountsOut,
    LedgerOut,
    LimitsOut,
    OutputOut,
    PicturesOut,
    QueueOut,
    StatusOut,
)
from streamcls.web.site import Site

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_PAGE = 4096  # bytes, as /proc counts memory


def status_routes(site: Site, guard: Guard) -> APIRouter:
    """Those below /api/v1."""
    routes = APIRouter(tags=["server"])

    @routes.get("/info")
    def info() -> InfoOut:
        """What this server is and takes."""
        return _info(site)

    @routes.get("/status")
    def status() -> StatusOut:
        """How this server is doing."""
        pictures, jobs, slots = site.tally.counts(), site.jobs.counts(), guard.slots[CLASSIFY]
        return StatusOut(
            version=version("streamcls"),
            uptime_s=round(clock.now_s() - site.begun_s, 1),
            memory_mb=round(_rss_mb(), 1),
            peak_memory_mb=round(peak_rss_mb(), 1),
            cpus=available_threads(),
            model=site.described_model(),
            queue=QueueOut(working=slots.working, room=slots.room),
            pictures=PicturesOut(
                classified=pictures.classified,
                refused=pictures.refused,
                per_s=round(pictures.per_s, 2),
                p50_ms=pictures.p50_ms,
                p99_ms=pictures.p99_ms,
            ),
            viewers=site.views.viewers,
            jobs=JobCountsOut(
                waiting=jobs["waiting"],
                running=jobs["running"],
                done=jobs["done"],
                failed=jobs["failed"],
            ),
            cameras=[_camera(one) for one in site.cameras],
            log=site.log_tail.lines,
        )

    return routes


def health_routes(site: Site) -> APIRouter:
    """Those at the top."""
    routes = APIRouter(tags=["server"])
    text = of_kind("text/plain", "For people, or for Prometheus.")

    exposition = Exposition(lambda: site.plant, WebNumbers(site))

    @routes.get("/healthz", response_class=PlainTextResponse, responses=text)
    def healthz() -> PlainTextResponse:
        """Whether it is worth to go on: a supervisor restarts what says no."""
        if site.plant is None or site.plant.is_alive():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the classifier has not answered for 30 s\n", 503)

    @routes.get("/readyz", response_class=PlainTextResponse, responses=text)
    def readyz() -> PlainTextResponse:
        """Whether the model is there and every camera gives labels."""
        missing = ["the model is being loaded"] if site.model is None else []
        missing += [] if site.plant is None else site.plant.missing()
        return PlainTextResponse("\n".join(missing or ["ok"]) + "\n", 503 if missing else 200)

    @routes.get("/metrics", response_class=Response, responses=text)
    def metrics() -> Response:
        """All numbers, as Prometheus reads them."""
        return Response(exposition.text(), media_type=_METRICS)

    return routes


def _info(site: Site) -> InfoOut:
    rules = site.rules
    return InfoOut(
        version=version("streamcls"),
        ready=site.model is not None,
        model=site.described_model(),
        cameras=len(site.cameras),
        folder=rules.folder is not None,
        token=site.tokens.needed,
        limits=LimitsOut(
            image_bytes=rules.image_bytes,
            image_pixels=rules.image_pixels,
            request_bytes=rules.request_bytes,
            archive_pictures=rules.archive_pictures,
            video_bytes=rules.video_bytes,
        ),
    )


def _camera(one: RunningCamera) -> CameraStatusOut:
    counts, now = one.metrics.snapshot(), one.run.pipeline.status
    return CameraStatusOut(
        name=one.name,
        state=one.state,
        ledger=LedgerOut(
            read=counts.read,
            classified=counts.classified,
            not_sampled=counts.not_sampled,
            dropped=dict(counts.dropped),
            rejected=dict(counts.rejected),
            in_flight=counts.in_flight,
        ),
        fps=round(now.fps, 2),
        labels_fps=round(now.labels_fps, 2),
        age_p50_ms=counts.age_ms.p50,
        age_p99_ms=counts.age_ms.p99,
        outputs={
            name: OutputOut(written=each.written, dropped=each.dropped, failure=each.failure)
            for name, each in counts.outputs.items()
        },
    )


def _rss_mb() -> float:
    """The memory that this process has now; elsewhere than on Linux, the most it had."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6
    except (OSError, ValueError, IndexError):
        return peak_rss_mb()
