"""What is said of a file with many cameras that is wrong: all at once, each with its line."""

from pathlib import Path

import pytest

from streamcls.config.mistakes import is_secret
from streamcls.config.options import from_options
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.config.yaml_file import SECRETS
from streamcls.errors import SettingsError
from tests.config.test_configs import keys
from tests.config.test_plant_file import CAMERA, wrong


def test_all_are_said_at_once_by_line(tmp_path: Path) -> None:
    text = """\
defaults:
  sample: {fps: 0}
cameras:
  - camera: a
    source: '0'
    camera: b
  - camera: c
    1: 2
    sampel: {fps: 3}
    regions:
      left: [0, 0, 2]
  - source: '1'
mqtt:
  host: h
  pasword: x
"""
    assert wrong(text, tmp_path) == [
        "2: defaults.sample.fps: should be greater than 0, not 0",
        "6: cameras[0].camera: stands twice, first on line 4",
        "7: cameras[1].source: missing",
        "8: cameras[1].1: a key has to be text; put it into quotes",
        "9: cameras[1].sampel: unknown key, did you mean 'sample'?",
        "11: cameras[1].regions.left: should be [x, y, width, height], in px or in shares like "
        "0.25, not [0, 0, 2]",
        "12: cameras[2].camera: missing",
        "15: mqtt.pasword: unknown key, did you mean 'password'?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: a\ncameras: []\n", "2: `source:` is for one, `cameras:` for many: not both"),
        ("model: {name: demo}\n", "1: neither `source:` nor `cameras:`"),
        ("camras: []\n", "1: neither `source:` nor `cameras:`, did you mean 'cameras'?"),
    ],
)
def test_a_file_is_of_one_kind(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(tmp_path / write(text, tmp_path), {})
    assert str(raised.value) == f"{tmp_path / 's.yaml'}:{said}"


def write(text: str, folder: Path) -> str:
    (folder / "s.yaml").write_text(text)
    return "s.yaml"


@pytest.mark.parametrize(
    ("cameras", "said"),
    [
        ("", "1: cameras: missing"),
        (" []", "1: cameras: should not be empty"),
        (" x", "1: cameras: should be a list"),
        (" {a: {source: x}}", "1: cameras: should be a list"),
        ("\n  -\n  - x", "2: cameras[0]: should be a group of keys, each on a line"),
    ],
)
def test_cameras_are_a_list_of_groups(cameras: str, said: str, tmp_path: Path) -> None:
    found = wrong(f"cameras:{cameras}\n", tmp_path)
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model: {name: demo}", "one model for all cameras: belongs at the top"),
        ("mqtt: {host: b}", "one mqtt for all cameras: belongs at the top"),
        ("fps: 5", "unknown key here; it belongs in sample.fps"),
        ("rtsp_transport: tcp", "unknown key here; it belongs in connection.transport"),
        ("threads: 2", "one for all cameras: belongs at the top, in runtime.threads"),
        ("zzz: 2", "unknown key"),
    ],
)
def test_a_key_of_elsewhere_in_a_camera(key: str, said: str, tmp_path: Path) -> None:
    name = key.partition(":")[0]
    text = f"cameras:\n  - camera: a\n    source: '0'\n    {key}\n"
    assert wrong(text, tmp_path) == [f"4: cameras[0].{name}: {said}"]
    if name != "zzz":
        said = wrong(f"{CAMERA}defaults:\n  {key}\n", tmp_path)[0]
        assert said.startswith(f"4: defaults.{name}: ")
        assert "belongs" in said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("rotation: 90", "unknown key here; it belongs under defaults: or into a camera"),
        ("regions: {}", "unknown key here; it belongs into a camera"),
        ("fps: 5", "unknown key here; it belongs in sample.fps of defaults or a camera"),
        ("threads: 5", "unknown key here; it belongs in runtime.threads"),
    ],
)
def test_a_key_of_elsewhere_at_the_top(key: str, said: str, tmp_path: Path) -> None:
    assert wrong(f"{CAMERA}{key}\n", tmp_path) == [f"3: {key.partition(':')[0]}: {said}"]


def test_what_only_cameras_have_is_refused_in_defaults(tmp_path: Path) -> None:
    said = "unknown key here; it belongs into each camera"
    found = wrong(f"{CAMERA}defaults:\n  source: x\n  regions: {{}}\n", tmp_path)
    assert found == [f"4: defaults.source: {said}", f"5: defaults.regions: {said}"]


def test_a_file_for_one_source_has_no_groups_of_plants(tmp_path: Path) -> None:
    file = tmp_path / write("source: a\nmqtt: {host: b}\nsample: {outputs: {}}\n", tmp_path)
    with pytest.raises(SettingsError) as raised:
        read_settings(file, {})
    assert str(raised.value).splitlines() == [
        f"{file}:2: mqtt: only in a file with `cameras:`",
        f"{file}:3: sample.outputs: unknown key here; it is a group of its own, check the "
        "indentation",
    ]


def test_a_command_for_one_source_says_so(tmp_path: Path) -> None:
    file = tmp_path / write(CAMERA, tmp_path)
    with pytest.raises(SettingsError, match=r"s\.yaml:1: cameras: this command takes one source"):
        from_options({}, file)


def test_names_differ(tmp_path: Path) -> None:
    text = "cameras:\n  - {camera: Gate, source: '0'}\n  - source: '1'\n    camera: gate\n"
    assert wrong(text, tmp_path) == [
        "4: cameras[1].camera: cameras[0] is called so, too; names have to differ"
    ]


def test_a_mistake_behind_an_alias_is_said_once(tmp_path: Path) -> None:
    text = """\
cameras:
  - &first
    camera: a
    source: '0'
    sampel: 3
    sample: &often {every: 1, every: 2}
  - <<: *first
    camera: b
  - camera: c
    sample: *often
    source: '0'
  - *first
"""
    assert wrong(text, tmp_path) == [
        "3: cameras[3].camera: cameras[0] is called so, too; names have to differ",
        "5: cameras[0].sampel: unknown key, did you mean 'sample'?",
        "6: cameras[0].sample.every: stands twice, first on line 6",
    ]


def test_a_camera_that_is_an_alias_begins_where_it_is_used(tmp_path: Path) -> None:
    text = "defaults:\n  sample: &s {fps: 1}\ncameras:\n  - camera: a\n    source: '0'\n  - *s\n"
    found = wrong(text, tmp_path)
    assert "6: cameras[1].source: missing" in found


def test_a_group_brings_keys_that_a_camera_may_say_otherwise(tmp_path: Path) -> None:
    text = """\
cameras:
  - &a {camera: a, source: '0', sample: {fps: 3}, rotation: 90}
  - &b {<<: *a, camera: b, rotation: 180}
  - {<<: [*b, *a], camera: c}
"""
    plant = read_settings(tmp_path / write(text, tmp_path), {})
    assert isinstance(plant, PlantSettings)
    assert [c.camera for c in plant.cameras] == ["a", "b", "c"]
    assert [c.rotation for c in plant.cameras] == [90, 180, 180]
    assert {c.sample.fps for c in plant.cameras} == {3}


@pytest.mark.parametrize(
    "where", ["defaults:\n  ", "cameras:\n  - camera: a\n    source: '0'\n    "]
)
def test_what_many_cameras_can_t_have(where: str, tmp_path: Path) -> None:
    place = "defaults" if where.startswith("d") else "cameras[0]"
    text = f"{where}outputs: {{show: true}}\n"
    text = text if place == "cameras[0]" else CAMERA + text
    assert wrong(text, tmp_path) == [
        f"4: {place}.outputs.show: many cameras run without a window; leave it out"
    ]
    assert wrong(text.replace("outputs: {show: true}", "sample: {start: 5}"), tmp_path) == [
        f"4: {place}.sample.start: only for recordings"
    ]


# -- options of the command line


def test_options_reach_what_all_cameras_share(tmp_path: Path) -> None:
    text = f"{CAMERA}model:\n  name: x\n"
    plant = read_settings(tmp_path / write(text, tmp_path), {"model": "demo", "threads": "3"})
    assert isinstance(plant, PlantSettings)
    assert (plant.model.name, plant.runtime.threads) == ("demo", 3)
    found = wrong(text + "zzz: 1\n", tmp_path, {"threads": "0", "csv": None})
    assert found == [
        "--threads: should be greater than or equal to 1, not '0'",
        "5: zzz: unknown key",
    ]


def test_options_for_one_source_are_refused_one_line_each(tmp_path: Path) -> None:
    given = {"source": "a", "csv": "b", "show": False, "camera": "c", "queue_size": 2, "fps": None}
    assert wrong(CAMERA, tmp_path, given) == [
        "SOURCE: the file has cameras of its own; leave one of them out",
        "--csv: a file with cameras says this for each of them; put it under defaults: or into "
        "the camera",
        "--headless: a file with cameras says this for each of them; put it under defaults: or "
        "into the camera",
        "--camera: a file with cameras says this for each of them; put it into the camera",
    ]


# -- secrets and variables


def test_which_settings_are_secrets() -> None:
    marked = {
        key
        for place in ("mqtt", "webhook", "cameras")
        for key in keys(PlantSettings)
        if is_secret((place, key), PlantSettings)
    }
    assert marked == SECRETS


def test_no_secret_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "geheim")
    text = """\
cameras:
  - camera: a
    source: [87654321]
  - camera: b
    source: {geheim: geheim, geheim: 1}
    outputs:
      csv: {password: geheim}
  - camera: c
    source: rtsp://anna:geheim@h/${NOT_SET}
  - source: rtsp://anna:geheim@h/
mqtt:
  host: {password: geheim}
  password: 12.50
  pasword: geheim
webhook:
  url: geheim${SET}
  secret: yes
http:
  password: geheim
spool: geheim
"""
    found = wrong(text, tmp_path)
    assert "geheim" not in "\n".join(found)
    assert "8765" not in "\n".join(found)
    assert [line.split(": ")[1] for line in found] == [
        "cameras[0].source",
        "cameras[1].source",
        "cameras[1].source",
        "cameras[1].outputs.csv",
        "cameras[2].source",
        "cameras[3].camera",
        "mqtt.host",
        "mqtt.password",
        "mqtt.pasword",
        "webhook.url",
        "webhook.secret",
        "http.password",
        "spool",
    ]
    assert found[4].endswith("source: the environment variable NOT_SET is not set")


@pytest.mark.parametrize("text", ["password: *geheim", "password: !geheim x", "password: &geheim"])
def test_what_yaml_takes_for_something_else_is_not_quoted(text: str, tmp_path: Path) -> None:
    found = wrong(f"{CAMERA}mqtt:\n  host: x\n  {text}\n  x: &geheim 1\n", tmp_path)
    assert "geheim" not in "\n".join(found)


def test_variables_are_for_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "x")
    said = "variables are for secrets: source, password, secret and url; not for this"
    text = """\
cameras:
  - camera: ${SET}
    source: ${SET}
    outputs: {csv: "${SET}/a.csv"}
    postprocess: {allow: [a, "${SET}"], aliases: {a: "${SET}"}}
mqtt: {host: "${SET}", password: "${SET}"}
webhook: {url: "${SET}", secret: "${SET}"}
"""
    assert [line for line in wrong(text, tmp_path) if "variables" in line] == [
        f"2: cameras[0].camera: {said}",
        f"4: cameras[0].outputs.csv: {said}",
        f"5: cameras[0].postprocess.allow[1]: {said}",
        f"5: cameras[0].postprocess.aliases.a: {said}",
        f"6: mqtt.host: {said}",
    ]


# -- text that YAML would make something else of


@pytest.mark.parametrize("value", ["0123", "1_000", "0x10", "1:30", "2024-01-01", "=", "9" * 30])
def test_what_looks_like_text_is_text(value: str, tmp_path: Path) -> None:
    text = f"cameras:\n  - {{camera: a, source: {value}}}\nmqtt: {{host: b, password: {value}}}\n"
    plant = read_settings(tmp_path / write(text, tmp_path), {})
    assert isinstance(plant, PlantSettings)
    assert plant.mqtt is not None
    assert (plant.cameras[0].source, plant.mqtt.password) == (value, value)
