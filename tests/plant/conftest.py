"""A plant of two cameras that tests hold in their hands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamcls.plant.model import Asked, SharedModel
from streamcls.plant.plant import Plant
from streamcls.runtime.stop import Stop
from streamcls.runtime.turns import Turns
from tests.builders.fake import Fake
from tests.plant.made import TWO, Built, settings_of


@pytest.fixture
def built() -> Built:
    return Built()


@pytest.fixture
def plant(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Two cameras that tests hold in their hands."""

    def load(asked: Asked, stop: Stop, *, progress: bool) -> SharedModel:
        fake: Any = Fake()
        turns = Turns(fake, stop, workers=1, room=1, newest=True)
        return SharedModel(asked, fake, turns, 1)

    monkeypatch.setattr("streamcls.plant.plant.load_shared", load)
    monkeypatch.setattr(Plant, "_open", lambda _, *asked: built(*asked))
    with Plant(settings_of(TWO, tmp_path), tmp_path / "line.yaml", Stop(), progress=False) as made:
        made.start()
        yield made
