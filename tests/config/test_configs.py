"""The example files: they load, and no key is missing in them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from streamcls.config.mistakes import group_of
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import camera_settings, read_settings
from streamcls.config.settings import Settings

CONFIGS = sorted((Path(__file__).parent.parent.parent / "configs").glob("*.yaml"))
VARIABLES = ("CAM_PASSWORD", "MQTT_PASSWORD", "HOOK_TOKEN", "HOOK_SECRET")


def keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        group = group_of(field)
        if group is not None:
            yield from keys(group)


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "geheim")


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_the_examples_load(file: Path) -> None:
    settings = read_settings(file, {})
    assert "geheim" not in repr(settings)
    if isinstance(settings, PlantSettings):
        for camera in settings.cameras:
            assert camera_settings(settings, camera).camera == camera.camera


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_each_begins_with_what_editors_look_for(file: Path) -> None:
    first, how = file.read_text().splitlines()[:2]
    assert first == "# yaml-language-server: $schema=../streamcls.schema.json"
    assert "streamcls config schema > streamcls.schema.json" in how


def test_every_key_is_in_one_of_them() -> None:
    text = "\n".join(file.read_text() for file in CONFIGS)
    wanted = {*keys(Settings), *keys(PlantSettings)}
    assert {key for key in wanted if not re.search(rf"\b{key}:", text)} == set()


def test_the_line_shows_what_it_says() -> None:
    line = next(file for file in CONFIGS if file.stem == "line")
    plant = read_settings(line, {})
    assert isinstance(plant, PlantSettings)
    infeed, press, gate, workbench = plant.cameras
    assert all(box.in_shares for box in infeed.regions.values())
    assert not any(box.in_shares for box in press.regions.values())
    assert (press.sample.every, press.sample.fps) == (2, None)
    assert press.postprocess.deny is None
    assert gate.required
    assert workbench.outputs.csv is None
    assert workbench.capture.folder is None
    assert workbench.capture.uncertain == 0.5
