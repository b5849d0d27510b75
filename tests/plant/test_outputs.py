"""Outputs of many cameras: whose files meet, where they go, and that they come back."""

from pathlib import Path

from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.plant.outputs import check_outputs, folders


def plant(folder: Path, text: str) -> tuple[PlantSettings, Path]:
    file = folder / "line.yaml"
    file.write_text(text.replace("HERE", str(folder)))
    found = read_settings(file, {})
    assert isinstance(found, PlantSettings)
    return found, file


TWO = """\
cameras:
  - {camera: left, source: "sim://", outputs: {%s}}
  - {camera: right, source: "sim://", outputs: {%s}}
"""


def wrong(folder: Path, left: str, right: str) -> list[str]:
    settings, file = plant(folder, TWO % (left, right))
    return [line.replace(str(folder), "HERE") for line in check_outputs(settings, file)]


def test_two_cameras_with_the_same_file_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    said = wrong(tmp_path, "csv: HERE/o-%Y.csv", "csv: HERE/x/../o-%Y.csv")
    assert said == [
        "right: outputs.csv: HERE/x/../o-%Y.csv is left's, too; let `{camera}` stand in its name"
    ]


def test_also_where_it_is_another_output_of_the_other(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, "stats: HERE/o.json", "events: HERE/o.json")
    assert said.startswith("right: outputs.events: HERE/o.json is left's, too")


def test_names_with_the_camera_in_them_differ(tmp_path: Path) -> None:
    name = '"HERE/{camera}.csv"'
    assert wrong(tmp_path, f"csv: {name}", f"csv: {name}") == []


def test_folders_of_pictures_may_be_the_same(tmp_path: Path) -> None:
    assert wrong(tmp_path, "snapshots: HERE/s", "snapshots: HERE/s") == []


def test_all_mistakes_are_told_with_the_camera(tmp_path: Path) -> None:
    said = wrong(tmp_path, "csv: HERE/nowhere/o.csv", "csv: HERE/line.yaml/o.csv")
    assert [line.partition(":")[0] for line in said] == ["left", "right"]
    assert "nowhere" in said[0]


def test_the_settings_file_is_nobodys_output(tmp_path: Path) -> None:
    settings, file = plant(
        tmp_path,
        'cameras: [{camera: a, source: "sim://", outputs: {stats: HERE/line.yaml,'
        " overwrite: true}}]",
    )
    (said,) = check_outputs(settings, file)
    assert said.startswith("a: ")
    assert "line.yaml" in said


def test_cameras_that_run_have_their_files_already(tmp_path: Path) -> None:
    settings, file = plant(tmp_path, TWO % ("stats: HERE/l.json", "stats: HERE/r.json"))
    assert list(check_outputs(settings, file)) == []
    (tmp_path / "l.json").touch()
    (said,) = check_outputs(settings, file)
    assert said.startswith("left: ") and "exists" in said
    assert list(check_outputs(settings, file, settings.cameras)) == []
    # Who is new must not take the file of one that runs.
    more, _ = plant(
        tmp_path,
        TWO % ("stats: HERE/l.json", "stats: HERE/r.json")
        + '  - {camera: new, source: "sim://", outputs: {events: HERE/r.json}}\n',
    )
    (said,) = check_outputs(more, file, settings.cameras)
    assert "is right's, too" in said


def test_folders_are_all_that_is_written_to_and_whether_the_run_makes_them(tmp_path: Path) -> None:
    settings, _ = plant(
        tmp_path,
        """\
defaults:
  outputs: {csv: "HERE/logs/{camera}.csv", snapshots: "HERE/snapshots/{camera}"}
  capture: {folder: HERE/captured, random: 10m}
cameras:
  - {camera: a, source: "sim://"}
  - {camera: b, source: "sim://", outputs: {stats: HERE/b.json}}
spool: {folder: HERE/spool}
webhook: {url: "http://localhost:1/"}
""",
    )
    assert folders(settings) == {
        tmp_path: False,
        tmp_path / "logs": False,
        tmp_path / "captured": True,
        tmp_path / "snapshots/a": True,
        tmp_path / "snapshots/b": True,
        tmp_path / "spool": True,
    }


def test_without_receivers_there_is_no_spool(tmp_path: Path) -> None:
    settings, _ = plant(tmp_path, 'cameras: [{camera: a, source: "sim://"}]')
    assert folders(settings) == {}
