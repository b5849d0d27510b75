"""A server's state over a classifier of fakes, and its app, asked without a network."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from streamcls.config.settings import ModelSettings, RuntimeSettings
from streamcls.plant.model import SharedModel
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns
from streamcls.web.app import build_app
from streamcls.web.log_tail import LogTail
from streamcls.web.rules import Rules
from streamcls.web.site import Site
from tests.builders.fake import Fake
from tests.plant.conftest import built, plant

__all__ = ["built", "plant"]  # fixtures of a plant of fakes

T = TypeVar("T")
Sites = Callable[..., Site]
PATIENCE_S = 10.0


def png(value: int = 0, size: tuple[int, int] = (8, 6)) -> bytes:
    """A picture of one grey; the fake's answer is class `value % 3`."""
    data = BytesIO()
    PillowImage.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).save(data, "PNG")
    return data.getvalue()


def made_model(classifier: Fake | None = None) -> SharedModel:
    """A model at work; its turns are to be closed."""
    fake: Any = classifier or Fake()
    turns = Turns(fake, Stop(), workers=1, room=1, newest=True)
    turns.start()
    return SharedModel((ModelSettings(), RuntimeSettings()), fake, turns, 1)


@pytest.fixture
def model() -> Iterator[SharedModel]:
    made = made_model()
    with made.turns:
        yield made


@pytest.fixture
def sites(model: SharedModel, tmp_path: Path) -> Iterator[Sites]:
    """Makes sites: sites(room=1, host="0.0.0.0", token="…")."""
    made: list[Site] = []

    def make(*, ready: bool = True, **rules: Any) -> Site:
        jobs = tmp_path / f"jobs{len(made)}"
        given = {"host": "127.0.0.1", "port": 8080, "jobs": jobs, **rules}
        site = Site(Rules(**given), LogTail())
        if ready:
            site.desk.attach(model)
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()


def asking(
    site: Site,
    ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, T]],
    *,
    client: str = "127.0.0.1",
    **options: Any,
) -> T:
    """What comes of asking a site's app, as from this client."""

    async def asked() -> T:
        transport = httpx.ASGITransport(build_app(site), client=(client, 5000))
        given = {"base_url": "http://localhost", **options}
        async with httpx.AsyncClient(transport=transport, **given) as asker:
            return await ask(asker)

    try:
        return asyncio.run(asked())
    finally:
        for thread in threading.enumerate():  # those that unpack end a moment after the loop
            if thread.name.startswith("AnyIO"):
                thread.join(PATIENCE_S)
