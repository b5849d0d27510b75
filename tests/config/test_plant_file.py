"""Files with many cameras: what they become, and what is said of a wrong one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from streamcls.config.options import check_fits
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import camera_settings, read_settings
from streamcls.config.settings import Settings
from streamcls.config.types import Rotation
from streamcls.errors import SettingsError
from streamcls.records import Box

TWO = """\
defaults:
  sample: {fps: 5}
  postprocess: {deny: [a], aliases: {x: y}}
  outputs:
    csv: logs/{camera}.csv
cameras:
  - camera: left
    source: rtsp://h/left
  - camera: right
    source: rtsp://h/right
    sample: {every: 2}
    outputs: {events: right.json}
    postprocess: {allow: [b], aliases: {z: w}}
"""


def read(text: str, folder: Path, **given: object) -> PlantSettings:
    file = folder / "line.yaml"
    file.write_text(text)
    plant = read_settings(file, given)
    assert isinstance(plant, PlantSettings)
    return plant


def wrong(text: str, folder: Path, given: Mapping[str, object] | None = None) -> list[str]:
    """What is said of it, without the file's name."""
    with pytest.raises(SettingsError) as raised:
        read(text, folder, **(given or {}))
    file = folder / "line.yaml"
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]


def test_a_file_with_a_source_is_for_one(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("source: a.mp4\nsample: {every: 3}\n")
    settings = read_settings(tmp_path / "one.yaml", {"every": 2})
    assert isinstance(settings, Settings)
    assert settings.sample.every == 2


def test_defaults_are_taken_key_by_key(tmp_path: Path) -> None:
    left, right = read(TWO, tmp_path).cameras
    assert left.sample.fps == 5
    assert left.outputs.csv == Path("logs/{camera}.csv")
    assert right.outputs.csv == left.outputs.csv
    assert right.outputs.events == Path("right.json")
    assert left.outputs.events is None


def test_lists_and_tables_in_a_key_are_replaced(tmp_path: Path) -> None:
    left, right = read(TWO, tmp_path).cameras
    assert left.postprocess.aliases == {"x": "y"}
    assert right.postprocess.aliases == {"z": "w"}


def test_what_excludes_a_default_overrules_it(tmp_path: Path) -> None:
    left, right = read(TWO, tmp_path).cameras
    assert (left.sample.every, left.sample.fps) == (None, 5)
    assert (right.sample.every, right.sample.fps) == (2, None)
    assert (left.postprocess.allow, left.postprocess.deny) == (None, ("a",))
    assert (right.postprocess.allow, right.postprocess.deny) == (("b",), None)


def test_the_defaults_are_kept(tmp_path: Path) -> None:
    assert read(TWO, tmp_path).defaults.sample.fps == 5


CAMERA = "cameras:\n  - {camera: a, source: '0'}\n"


@pytest.mark.parametrize("group", ["sample:", "sample: ", "sample: {}"])
def test_an_empty_group_says_nothing(group: str, tmp_path: Path) -> None:
    text = (
        f"defaults:\n  sample: {{fps: 5}}\ncameras:\n  - camera: a\n    source: '0'\n    {group}\n"
    )
    assert read(text, tmp_path).cameras[0].sample.fps == 5
    assert read(f"defaults:\n  {group}\n{CAMERA}", tmp_path).defaults.sample.fps is None


def test_an_empty_key_takes_a_default_away(tmp_path: Path) -> None:
    text = TWO.replace("sample: {every: 2}", "sample: {fps: }")
    assert read(text, tmp_path).cameras[1].sample.fps is None


# -- one camera's run


def test_a_camera_runs_with_what_all_share(tmp_path: Path) -> None:
    plant = read(TWO + "model: {name: demo}\nruntime: {threads: 2}\n", tmp_path)
    settings = camera_settings(plant, plant.cameras[0])
    assert (settings.source, settings.camera) == ("rtsp://h/left", "left")
    assert (settings.model.name, settings.runtime.threads) == ("demo", 2)
    assert settings.sample is plant.cameras[0].sample
    assert settings.model_fields_set >= {"source", "camera", "model", "runtime", "sample"}
    assert "rotation" not in settings.model_fields_set


def test_defaults_that_a_camera_has_no_use_for_are_not_its_own(tmp_path: Path) -> None:
    """Or it would be refused for what it does not say."""
    text = f"{CAMERA}defaults:\n  outputs: {{rotate: 1h, keep: 30d, keep_size: 1GB}}\n"
    plant = read(text, tmp_path)
    check_fits(camera_settings(plant, plant.cameras[0]), live=True)
    plant = read(text.replace("'0'", "'0', outputs: {snapshots: s}"), tmp_path)
    outputs = camera_settings(plant, plant.cameras[0]).outputs
    assert (outputs.rotate, outputs.keep, outputs.keep_size) == (None, 30 * 86400, 10**9)
    plant = read(f"{CAMERA}".replace("'0'", "'0', outputs: {rotate: 1h}"), tmp_path)
    with pytest.raises(SettingsError, match="rotate"):
        check_fits(camera_settings(plant, plant.cameras[0]), live=True)


def test_regions_reach_the_run(tmp_path: Path) -> None:
    text = "cameras:\n  - {camera: a, source: '0', regions: {left: [0, 0, 0.5, 1]}}\n"
    plant = read(text, tmp_path)
    assert camera_settings(plant, plant.cameras[0]).regions == {"left": Box(0, 0, 0.5, 1)}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", None),
        ("required: true", 60),
        ("required: true, connection: {retry_for: 5}", 5),
        ("required: true, connection: {max_retries: 5}", None),
    ],
)
def test_a_camera_that_has_to_be_there_is_given_up_after_a_minute(
    said: str, expected: float | None, tmp_path: Path
) -> None:
    plant = read(f"cameras:\n  - {{camera: a, source: '0', {said}}}\n", tmp_path)
    assert camera_settings(plant, plant.cameras[0]).connection.retry_for == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", None),
        ("csv: a.csv", Rotation(seconds=86400)),
        ("events: a.jsonl", Rotation(seconds=86400)),
        ("csv: '-'", None),
        ("stats: a.json, snapshots: s", None),
        ("csv: a.csv, rotate: 1h", Rotation(seconds=3600)),
    ],
)
def test_files_begin_anew_each_day(said: str, expected: Rotation | None, tmp_path: Path) -> None:
    text = f"cameras:\n  - {{camera: a, source: '0', outputs: {{{said}}}}}\n"
    plant = read(text, tmp_path)
    assert camera_settings(plant, plant.cameras[0]).outputs.rotate == expected
