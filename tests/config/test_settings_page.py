"""docs/settings.md has every key of a file as the models have it, and its examples are true."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from streamcls.config.plant import (
    HttpSettings,
    MqttSettings,
    PlantCamera,
    PlantSettings,
    SpoolSettings,
    WebhookSettings,
)
from streamcls.config.plant_file import read_settings
from streamcls.config.schema import settings_schema
from streamcls.config.settings import CaptureSettings, PostprocessSettings, Settings
from streamcls.errors import SettingsError

PAGE = (Path(__file__).parent.parent.parent / "docs" / "settings.md").read_text()
_SECONDS = {86400: "d", 3600: "h", 60: "m", 1: "s"}


def rows(model: type[BaseModel], prefix: str = "", *names: str) -> Iterator[str]:
    """The lines of a model's table: all of its keys, or these."""
    fields = settings_schema()["$defs"][model.__name__]["properties"]
    for name in names or model.model_fields:
        default = shown(fields[name])
        description = model.model_fields[name].description
        yield f"| `{prefix}{name}` | {f'`{default}`' if default else ''} | {description} |"


def shown(field: dict[str, object]) -> str:
    """A default as people write it; none for lists, tables and what is left out."""
    default = field.get("default", "")
    if isinstance(default, bool):
        return "true" if default else "false"
    is_time = "|min|" in str(field)
    if is_time and isinstance(default, float):
        unit = next(unit for unit in _SECONDS if default % unit == 0)
        return f"{default / unit:g}{_SECONDS[unit]}"
    return str(default) if isinstance(default, (str, int, float)) else ""


TABLES = {
    "ONE": [
        *rows(Settings, "", "regions"),
        *rows(PostprocessSettings, "postprocess.", "aliases"),
    ],
    "GROUPS": [
        f"| `{n}` | {field.description} |" for n, field in PlantSettings.model_fields.items()
    ],
    "CAMERA": list(rows(PlantCamera, "", "camera", "required", "alerts")),
    "mqtt": list(rows(MqttSettings)),
    "webhook": list(rows(WebhookSettings)),
    "http": list(rows(HttpSettings)),
    "spool": list(rows(SpoolSettings)),
    "capture": list(rows(CaptureSettings)),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_there_as_the_models_have_it(table: str) -> None:
    assert "\n".join(TABLES[table]) in PAGE


def mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """What the page says of its wrong file, and what the loader says of it."""
    monkeypatch.delenv("NOT_SET", raising=False)
    found = re.search(r"```yml\n(.*?)```.*?```\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "line.yaml").write_text(found[1])
    with pytest.raises(SettingsError) as raised:
        read_settings(tmp_path / "line.yaml", {})
    return found[2].strip(), str(raised.value).replace(f"{tmp_path}/", "")


def test_the_mistakes_are_those_that_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, found = mistakes(tmp_path, monkeypatch)
    assert said == found
