"""The cameras over the app, without a network; a plant of fakes behind it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from streamcls.plant.plant import Plant
from streamcls.web.site import Site
from tests.fakes import event
from tests.plant.made import Built
from tests.web.conftest import Sites, asking


@pytest.fixture
def site(sites: Sites, plant: Plant, built: Built) -> Iterator[Site]:
    """Both cameras have given a frame; their histories are fed as the real outputs would."""
    made = sites()
    for one in plant.cameras.running:
        for name, sink in made.sinks(one.asked).items():
            one.run.pipeline.add(name, sink)
    made.attach(plant)
    for name in ("left", "right"):
        built.answered(name)
    yield made


def got(site: Site, path: str) -> Any:
    answer = asking(site, lambda asker: asker.get(f"/api/v1{path}"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_camera_says_what_it_sees(site: Site) -> None:
    left, right = got(site, "/cameras")["cameras"]
    assert (left["name"], right["name"]) == ("left", "right")
    assert (left["state"], left["running"], left["source"]) == ("ok", True, "sim://")
    assert got(site, "/cameras/left")["name"] == "left"


def test_what_is_seen_comes_from_the_newest_answer(site: Site, built: Built) -> None:
    built.answered("left")  # the second frame is of brightness 1
    seen = None
    for _ in range(100):
        seen = got(site, "/cameras/left")
        if seen["top"] and seen["top"][0]["class_id"] == 1:
            break
    assert seen is not None and seen["top"][0]["prob"] == 0.9


@pytest.mark.parametrize(
    "path",
    ["/cameras/none", "/cameras/none/timeline", "/cameras/none/stream", "/streams?camera=none"],
)
def test_no_such_camera(site: Site, path: str) -> None:
    answer = asking(site, lambda asker: asker.get(f"/api/v1{path}"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_camera_is_stopped_and_started(site: Site, plant: Plant, built: Built) -> None:
    async def both(asker: httpx.AsyncClient) -> list[Any]:
        looking = asyncio.ensure_future(asyncio.to_thread(look))
        found = [
            (await asker.post(f"/api/v1/cameras/left/{what}")).json()
            for what in ("stop", "stop", "start")
        ]
        ended.append(True)
        await looking
        return found

    def look() -> None:
        while not ended:
            plant.look()

    ended: list[bool] = []
    first, second, third = asking(site, both)
    assert (first["state"], first["running"], first["top"]) == ("stopped", False, [])
    assert second["state"] == "stopped"
    assert third["running"] and third["state"] != "stopped"
    built.answered("left")
    built.answered("right")  # nobody disturbed it


def test_the_timeline_has_what_lasts(site: Site, built: Built) -> None:
    site.history("left").event(replace(event(), camera="left", label="cat", end_s=None))
    segments = got(site, "/cameras/left/timeline")["segments"]
    known = {(one["kind"], one["label"], one["end_utc"]) for one in segments}
    assert ("label", "cat", None) in known
    assert "ok" not in {label for _, label, _ in known}


def test_events_go_on_after_the_last_one(site: Site) -> None:
    async def listen(asker: httpx.AsyncClient) -> list[str]:
        site.feed.close()  # so that the answer has an end
        answer = await asker.get("/api/v1/events", headers={"Last-Event-ID": "none"})
        return [str(answer.status_code), answer.json()["code"]]

    assert asking(site, listen) == ["503", "busy"]
