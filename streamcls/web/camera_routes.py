"""The cameras: what they see, their pictures, their last hour, and their events as they happen."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Response

from streamcls import clock
from streamcls.alerts.message import Message, clean
from streamcls.clock import iso_utc
from streamcls.errors import StreamclsError
from streamcls.masking import mask_address
from streamcls.plant.cameras import RunningCamera
from streamcls.records import Result
from streamcls.web.described import of_kind
from streamcls.web.drawing import Size
from streamcls.web.history import HOURS, Segment
from streamcls.web.problems import Problem
from streamcls.web.schemas import (
    CameraOut,
    CamerasOut,
    RegionOut,
    ScoreOut,
    SegmentOut,
    TimelineOut,
)
from streamcls.web.site import Site
from streamcls.web.streaming import Streaming

_BOUNDARY = "frame"
_MJPEG = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
_JPEG, _EVENTS = "image/jpeg", "text/event-stream"
_FRAME_S = 3.0  # for the first picture of a camera
_CHANGE_S = 10.0
_HEARTBEAT_S = 15.0
_RETRY_MS = 3000  # after which a page asks again for events

_Name = Annotated[str, Path(description="Of the camera.", max_length=64)]
_SizeQuery = Annotated[Size, Query(description="small fits 480x360 px, large 1280x960 px.")]


def camera_routes(site: Site) -> APIRouter:
    """All of them."""
    routes = APIRouter(tags=["cameras"])
    _add_states(routes, site)
    _add_pictures(routes, site)
    _add_past(routes, site)
    return routes


def _add_states(routes: APIRouter, site: Site) -> None:
    @routes.get("/cameras")
    def cameras() -> CamerasOut:
        """Every camera and what it sees now."""
        return CamerasOut(cameras=[_described(site, one) for one in site.cameras])

    @routes.get("/cameras/{name}")
    def camera(name: _Name) -> CameraOut:
        """One camera and what it sees now."""
        return _described(site, site.known_camera(name))

    @routes.post("/cameras/{name}/start")
    async def start(name: _Name) -> CameraOut:
        """Starts a camera that was stopped or given up."""
        return await _set_running(site, name, running=True)

    @routes.post("/cameras/{name}/stop")
    async def stop(name: _Name) -> CameraOut:
        """Stops a camera until it is started, or its settings change."""
        return await _set_running(site, name, running=False)


async def _set_running(site: Site, name: str, *, running: bool) -> CameraOut:
    site.known_camera(name)
    assert site.plant is not None
    done = asyncio.wrap_future(site.plant.set_running(name, running=running))
    try:
        async with asyncio.timeout(_CHANGE_S):
            await done
    except TimeoutError:
        raise Problem(503, "busy", "the cameras are being changed; try again", retry_s=5) from None
    except (StreamclsError, KeyError) as error:
        raise Problem(409, "conflict", str(error)) from error
    return _described(site, site.known_camera(name))


def _add_pictures(routes: APIRouter, site: Site) -> None:
    streams = of_kind(_MJPEG, "A JPEG after the other, until you hang up.")
    jpeg = of_kind(_JPEG, "The picture.")

    @routes.get("/cameras/{name}/stream", response_class=Response, responses=streams)
    def stream(name: _Name, size: _SizeQuery = "large") -> Response:
        """A camera's annotated pictures as motion JPEG, always the newest."""
        site.known_camera(name)
        return Streaming(lambda: _motion(site, [name], size), _MJPEG)

    @routes.get("/streams", response_class=Response, responses=streams)
    def all_streams(
        camera: Annotated[list[str], Query(description="Names; without any, all.")] = [],  # noqa: B006
        size: _SizeQuery = "small",
    ) -> Response:
        """The pictures of several cameras in one answer; `X-Camera` in each part says whose."""
        names = [site.known_camera(name).name for name in dict.fromkeys(camera)]
        wanted = names or [one.name for one in site.cameras]
        if not wanted:
            raise Problem(404, "not_found", "there are no cameras; start with --config FILE")
        return Streaming(lambda: _motion(site, wanted, size), _MJPEG)

    @routes.get("/cameras/{name}/frame", response_class=Response, responses=jpeg)
    async def frame(name: _Name, size: _SizeQuery = "large") -> Response:
        """The newest annotated picture."""
        site.known_camera(name)
        with site.views.viewer([name], size) as viewer:
            try:
                async with asyncio.timeout(_FRAME_S):
                    found = await viewer.newest()
            except TimeoutError:
                found = []
        if not found:
            raise Problem(503, "busy", "the camera gives no picture", retry_s=5)
        return Response(found[0][1], media_type=_JPEG)


async def _motion(site: Site, cameras: list[str], size: Size) -> AsyncGenerator[bytes, None]:
    with site.views.viewer(cameras, size) as viewer:
        while pictures := await viewer.newest():
            for name, data in pictures:
                head = (
                    f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n"
                    f"X-Camera: {quote(name)}\r\n\r\n"
                )
                yield head.encode() + data + b"\r\n"


def _add_past(routes: APIRouter, site: Site) -> None:
    @routes.get("/cameras/{name}/timeline")
    def timeline(name: _Name) -> TimelineOut:
        """What a camera saw in the last hour."""
        site.known_camera(name)
        segments = [
            _segment(site, name, one)
            for one in site.history(name).segments()
            if (one.event.kind, one.event.label) != ("state", "ok")
        ]
        return TimelineOut(now_utc=iso_utc(clock.epoch_s()), hours=HOURS, segments=segments)

    jpeg = of_kind(_JPEG, "The picture.")

    @routes.get("/cameras/{name}/snapshots/{number}.jpg", response_class=Response, responses=jpeg)
    def snapshot(name: _Name, number: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
        """The picture at which a segment began."""
        site.known_camera(name)
        data = site.history(name).snapshot(number)
        if data is None:
            raise Problem(404, "not_found", "this picture is no longer kept")
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(data, media_type=_JPEG, headers=headers)

    listening = of_kind(_EVENTS, "A message after the other, until you hang up.")

    @routes.get("/events", response_class=Response, responses=listening)
    def events(
        camera: Annotated[str | None, Query(description="Of this one only.")] = None,
        last_event_id: Annotated[
            str | None, Header(description="Go on after this one.", max_length=100)
        ] = None,
    ) -> Response:
        """Labels and states as they begin and end, as server-sent events.

        The messages are those of MQTT and the webhook.
        """
        if camera is not None:
            site.known_camera(camera)
        pieces = _told(site, camera, last_event_id)
        return Streaming(lambda: pieces, _EVENTS)


async def _told(site: Site, camera: str | None, after: str | None) -> AsyncGenerator[bytes, None]:
    with site.feed.listener(camera, after) as listener:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        while not listener.is_over:
            messages = await listener.messages(_HEARTBEAT_S)
            yield b"".join(map(_as_event, messages)) or b": still here\n\n"


def _as_event(message: Message) -> bytes:
    return f"id: {message.id}\nevent: {message.type}\ndata: {message.to_json()}\n\n".encode()


def _described(site: Site, camera: RunningCamera) -> CameraOut:
    status, state = camera.run.pipeline.status, camera.state
    is_seen = state == "ok"
    history = site.history(camera.name)
    whole = history.latest(camera.name) if is_seen else None
    regions = [
        _region(site, name, history.latest(f"{camera.name}/{name}") if is_seen else None)
        for name in camera.asked.regions
    ]
    return CameraOut(
        name=camera.name,
        state=state,
        reason=clean(camera.gone or status.reason),
        running=not camera.is_stopped,
        fps=round(status.fps, 2) if not camera.gone else 0.0,
        labels_fps=round(status.labels_fps, 2) if not camera.gone else 0.0,
        age_ms=None if status.age_ms is None or not is_seen else round(status.age_ms, 1),
        dropped=status.dropped,
        label=whole.steady if whole is not None else None,
        class_id=site.class_id(whole.steady) if whole is not None else None,
        prob=_prob(whole),
        top=_top(whole),
        regions=regions,
        source=mask_address(camera.asked.source),
        failed=list(status.failed),
    )


def _region(site: Site, name: str, result: Result | None) -> RegionOut:
    label = result.steady if result is not None else None
    return RegionOut(
        name=name, label=label, class_id=site.class_id(label), prob=_prob(result), top=_top(result)
    )


def _prob(result: Result | None) -> float:
    return 0.0 if result is None else round(min(1.0, result.steady_prob), 4)


def _top(result: Result | None) -> list[ScoreOut]:
    if result is None:
        return []
    return [
        ScoreOut(label=one.label, class_id=one.class_id, prob=round(min(1.0, one.prob), 4))
        for one in result.top(3)
    ]


def _segment(site: Site, camera: str, segment: Segment) -> SegmentOut:
    event, number = segment.event, segment.snapshot
    region = event.camera.partition("/")[2]
    picture = f"/api/v1/cameras/{quote(camera)}/snapshots/{number}.jpg"
    return SegmentOut(
        kind=event.kind,
        region=region or None,
        label=event.label,
        class_id=site.class_id(event.label) if event.kind == "label" else None,
        start_utc=iso_utc(event.start_utc or 0.0),
        end_utc=None if event.end_utc is None else iso_utc(event.end_utc),
        mean_prob=round(event.mean_prob, 4),
        peak_prob=round(event.peak_prob, 4),
        reason=event.reason,
        snapshot=None if number is None else picture,
    )
