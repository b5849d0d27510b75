"""The JSON Schema says of files what the loader says."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streamcls.config.plant_file import read_settings
from streamcls.config.schema import settings_schema
from streamcls.errors import SettingsError
from tests.config.test_configs import CONFIGS

SCHEMA = settings_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_the_examples_are_valid(file: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text()))


GOOD = [
    "source: a.mp4",
    "source: a.mp4\nsample:\noutputs: {keep: 30d, rotate: 500MB, keep_size: 2 GB}",
    "source: '0'\npostprocess: {dwell: 500ms, smoothing: 0.5, aliases: {a: b}, allow: [a]}",
    "cameras:\n  - {camera: a, source: '0'}",
    "cameras:\n  - {camera: a, source: '0', capture: , regions: {l: [0, 0, 1, 1]}}\nmqtt:",
]
WRONG = [
    "sampel: {every: 2}\nsource: a",
    "source: a\nsample: {every: 0}",
    "source: a\nsample: {every: x}",
    "source: a\npostprocess: {threshold: 2}",
    "source: a\npostprocess: {dwell: 5 parsecs}",
    "source: a\noutputs: {keep_size: 5}",
    "source: a\noutputs: {keep_size: 5XB}",
    "source: a\nconnection: {transport: TCP}",
    "source: a\nrotation: 45",
    "source: a\nmqtt: {host: b}",
    "cameras: []",
    "cameras:\n  - {camera: a}",
    "cameras:\n  - {source: '0'}",
    "cameras:\n  - {camera: a, source: '0', model: {name: demo}}",
    "cameras:\n  - {camera: a, source: '0', regions: {l: [0, 0, 1]}}",
    "cameras:\n  - {camera: a, source: '0'}\nmqtt: {pasword: x}",
    "cameras:\n  - {camera: a, source: '0'}\nmqtt: {host: b, port: 0}",
    "cameras:\n  - {camera: a, source: '0'}\ndefaults: {source: '0'}",
    "cameras:\n  - {camera: a, source: '0'}\nsource: b",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_is_good(text: str, tmp_path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(text))
    (tmp_path / "s.yaml").write_text(text)
    read_settings(tmp_path / "s.yaml", {})


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text: str, tmp_path: Path) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SettingsError):
        read_settings(tmp_path / "s.yaml", {})


def _fields() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}.{key}", field)
        for name, group in SCHEMA["$defs"].items()
        for key, field in group["properties"].items()
    ]


def test_every_key_has_a_description() -> None:
    for name, field in _fields():
        group = field.get("anyOf", [{}])[0].get("$ref", "/").rpartition("/")[2]
        assert field.get("description") or SCHEMA["$defs"][group]["description"], name


def test_every_default_is_valid() -> None:
    """Editors put it in."""
    with_default = [(name, field) for name, field in _fields() if "default" in field]
    assert len(with_default) > 20
    for name, field in with_default:
        whole = {**field, "$defs": SCHEMA["$defs"]}
        assert jsonschema.Draft7Validator(whole).is_valid(field["default"]), name


def test_a_camera_needs_a_name_and_a_source_only() -> None:
    assert set(SCHEMA["$defs"]["PlantCamera"]["required"]) == {"camera", "source"}
    assert SCHEMA["$defs"]["PlantSettings"]["required"] == ["cameras"]
