import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamcls.demo.clip import scenes
from streamcls.demo.scene import draw, truth
from tests.conftest import Cli


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two scenes of known truth in different formats, a text and a broken picture."""
    known = {truth(scene): scene for scene in scenes()}
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for path, label in [("b.png", "gear"), ("sub/a.jpg", "nut")]:
        Image.fromarray(np.ascontiguousarray(draw(known[label])[..., ::-1])).save(folder / path)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_as_a_table(cli: Cli, pictures: Path) -> None:
    done = cli("classify", pictures, "--model", "demo")
    assert (done.code, done.err) == (0, "")
    assert "gear" in done.out and "nut" in done.out
    assert "notes" not in done.out


def test_csv(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    done = cli("classify", pictures, "--model", "demo", "--csv", "-")
    rows = list(csv.reader(io.StringIO(done.out)))
    assert rows[0] == ["file", "label_1", "prob_1", "label_2", "prob_2", "label_3", "prob_3"]
    assert [(Path(row[0]).name, row[1]) for row in rows[1:]] == [
        ("b.png", "gear"),
        ("a.jpg", "nut"),
    ]
    assert all(len(row[2].split(".")[1]) == 6 for row in rows[1:])


def test_one_that_is_broken_is_reported_and_the_rest_go_on(cli: Cli, pictures: Path) -> None:
    (pictures / "a_broken.png").write_bytes(b"nothing")
    done = cli("classify", pictures, pictures / "missing.jpg", "--model", "demo", "--json")
    assert done.code == 1
    assert len(done.err.splitlines()) == 2
    assert "a_broken.png: not a picture" in done.err
    assert "missing.jpg: no such file" in done.err
    results = json.loads(done.out)["results"]
    assert [bool(r["error"]) for r in results] == [True, False, False, True]
    assert results[1]["top"][0]["label"] == "gear"
    assert results[0]["top"] == []


def test_what_pillow_warns_of_is_not_shown(
    cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of pictures so large that they may be an attack."""
    picture = next(pictures.rglob("*.png"))
    with Image.open(picture) as opened:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", opened.width * opened.height - 1)
    done = cli("classify", picture, "--model", "demo")
    assert (done.code, done.err) == (0, "")


def test_mistakes(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = cli("classify", tmp_path / "none")
    assert (done.code, done.err) == (
        2,
        f"streamcls: {tmp_path / 'none'}: no picture in this folder\n",
    )
    (tmp_path / "o.csv").write_text("precious")
    done = cli("classify", pictures, "--csv", tmp_path / "o.csv")
    assert done.code == 2
    assert "exists; give --overwrite" in done.err
    assert cli("classify").code == 2
    done = cli("classify", pictures, "--model", "demo", "--csv", "/dev/full")
    assert (done.code, "No space left" in done.err) == (1, True)
