"""Bundles, end to end: exported, run without torch, verified, refused."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from streamcls.demo.clip import scenes
from streamcls.demo.scene import draw, truth
from streamcls.media import cv2
from tests.conftest import Cli
from tests.integration.rtsp import RtspServer

ENGINES = ["openvino", "onnx"]


@pytest.fixture(scope="module", autouse=True)
def few_pictures() -> Iterator[None]:
    """An export looks at 80 pictures here instead of 500."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamcls.export.pictures._PICTURES", 80)
        patch.setattr("streamcls.export.pictures._PROBES", 24)
        yield


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bundle_holds_model_card_labels_and_report(bundles: Path, engine: str) -> None:
    report = json.loads((bundles / engine / "report.json").read_text())
    card = json.loads((bundles / engine / "card.json").read_text())
    labels = (bundles / engine / "labels.txt").read_text().splitlines()
    assert card["labels"] == labels
    assert (card["bundle"]["engine"], card["bundle"]["precision"]) == (engine, "int8")
    assert report["top1_agreement"] >= 0.9
    assert 0 <= report["mean_change_of_probability"] < 0.2
    pictures = report["pictures"]
    assert pictures["calibrated_on"] >= 20 <= pictures["measured_on"]
    assert report["megabytes"]["after"] < report["megabytes"]["before"] / 3
    assert report["ms_a_picture"]["after"] > 0
    assert not [path for path in bundles.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bundle_runs_without_torch_and_labels_as_the_model(
    cli: Cli, bundles: Path, engine: str, demo_clip: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from streamcls.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'torchvision', 'nncf', 'onnx'} & set(sys.modules)"
    )
    arguments = ["run", demo_clip, "--model", bundles / engine, "--csv", tmp_path / "bundle.csv"]
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)
    torch = ("--model", "demo", "--backend", "torch", "--csv", tmp_path / "torch.csv")
    cli("run", demo_clip, "--every", 5, *torch)
    found = labels_of(tmp_path / "bundle.csv")[::5]
    right = labels_of(tmp_path / "torch.csv")
    assert len(found) == len(right) == 60
    assert sum(a == b for a, b in zip(found, right, strict=True)) >= 58


def labels_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["label_1"] for row in csv.DictReader(file)]


def test_the_video_does_not_change_the_labels(
    cli: Cli, bundles: Path, demo_clip: Path, tmp_path: Path
) -> None:
    """With and without pictures for an output, the same bytes of CSV."""
    model = ("--model", bundles / "openvino", "--duration", 2)
    assert cli("run", demo_clip, *model, "--csv", tmp_path / "a.csv").code == 0
    video = ("--csv", tmp_path / "b.csv", "--video", tmp_path / "b.mp4")
    assert cli("run", demo_clip, *model, *video).code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_verify_says_that_a_bundle_is_good(
    cli: Cli, bundles: Path, engine: str, demo_clip: Path
) -> None:
    done = cli("verify", bundles / engine, "--pictures", demo_clip)
    assert (done.code, done.err) == (0, "")
    assert "same label as the original" in done.out


def test_verify_looks_at_the_pictures_of_the_export(cli: Cli, bundles: Path) -> None:
    assert cli("verify", bundles / "onnx").code == 0


@pytest.fixture
def copied(bundles: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles / "openvino", tmp_path / "copied"))


def test_verify_finds_other_labels(cli: Cli, copied: Path) -> None:
    labels = (copied / "labels.txt").read_text().splitlines()
    (copied / "labels.txt").write_text("\n".join(reversed(labels)))
    done = cli("verify", copied)
    assert done.code == 2
    assert "labels.txt: not the labels of the card" in done.err


def test_verify_finds_a_changed_network(cli: Cli, copied: Path) -> None:
    damaged = bytearray((copied / "model.bin").read_bytes())
    damaged[100] ^= 1
    (copied / "model.bin").write_bytes(damaged)
    for command in (("verify", copied), ("run", "x.mp4", "--model", copied)):
        done = cli(*command)
        assert done.code == 2
    assert "model.bin: not the file that was exported" in cli("verify", copied).err


def test_verify_finds_another_original(cli: Cli, copied: Path) -> None:
    card = json.loads((copied / "card.json").read_text())
    card["bundle"]["weights_sha256"] = "0" * 64
    (copied / "card.json").write_text(json.dumps(card))
    done = cli("verify", copied)
    assert done.code == 2
    assert "made from other weights" in done.err


def test_verify_of_pictures_that_are_gone(cli: Cli, copied: Path) -> None:
    report = json.loads((copied / "report.json").read_text())
    report["pictures"]["from"] = "/nowhere/clip.mp4"
    (copied / "report.json").write_text(json.dumps(report))
    done = cli("verify", copied)
    assert done.code == 2
    assert "--pictures: it was exported with /nowhere/clip.mp4, which is not there" in done.err


def test_verify_fails_below_the_needed_agreement(
    cli: Cli, bundles: Path, photographs: Path
) -> None:
    done = cli("verify", bundles / "openvino", "--pictures", photographs, "--min-agreement", 1)
    assert done.code == 1
    report = json.loads((bundles / "openvino" / "report.json").read_text())
    assert re.search(r"measured on +80 pictures of ", done.out)  # not on half of them
    calibrated_on = report["pictures"]["calibrated_on"]  # then, and on none of these
    assert re.search(rf"calibrated on +{calibrated_on} others", done.out)
    assert "less than --min-agreement 1" in done.err


@pytest.fixture(scope="module")
def photographs(data: Path) -> Path:
    return data / "media" / "images"


def test_a_bundle_that_differs_too_much_is_not_written(
    cli: Cli, data: Path, photographs: Path, tmp_path: Path
) -> None:
    """Of photographs, int8 flips some."""
    weights = data / "weights" / "squeezenet1_0_imagenet.pth"
    done = cli(
        "export", "squeezenet1_0", "--weights", weights, "--precision", "int8",
        "--calibrate", photographs, "--min-agreement", 1, "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 1
    assert "openvino int8 gives the original's label to" in done.err
    assert "calibrate on more and other frames" in done.err
    assert list(tmp_path.iterdir()) == []


def test_folders_named_after_classes_tell_the_accuracy(cli: Cli, tmp_path: Path) -> None:
    for number, scene in enumerate(scenes()[::4]):
        label = truth(scene)
        if label is not None:
            folder = tmp_path / "pictures" / label.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number}.jpg"), draw(scene))
    done = cli(
        "export", "demo", "--precision", "fp32", "--calibrate", tmp_path / "pictures",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["accuracy"]["after"] == report["accuracy"]["before"] >= 0.95
    assert "accuracy" in done.out


def test_auto_takes_the_fastest_precision_that_agrees(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    done = cli("export", "demo", "--calibrate", demo_clip, "--out", tmp_path / "a")
    assert (done.code, done.err) == (0, "")
    card = json.loads((tmp_path / "a" / "card.json").read_text())
    assert card["bundle"]["precision"] == "int8"
    assert card["bundle"]["engine"] == "openvino"
    done = cli("export", "demo", "--out", tmp_path / "b", "--min-agreement", 0)
    assert json.loads((tmp_path / "b" / "card.json").read_text())["bundle"]["precision"] != "int8"


def test_another_input_size(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    done = cli(
        "export", "demo", "--input-size", 160, "--precision", "fp32", "--out", tmp_path / "b"
    )
    assert done.code == 0, done.err
    card = json.loads((tmp_path / "b" / "card.json").read_text())
    assert (card["input_size"], card["resize"]) == (160, 183)
    done = cli("run", demo_clip, "--model", tmp_path / "b", "--duration", 1)
    assert done.code == 0, done.err
    assert cli("verify", tmp_path / "b").code == 0


def test_calibrated_on_a_camera(cli: Cli, rtsp_server: object, tmp_path: Path) -> None:
    assert callable(rtsp_server)
    server: RtspServer = rtsp_server(size="320x240", fps=15, user="anna", password="geheim")
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("streamcls.export.pictures._LIVE_S", 5.0)
        patch.setattr("streamcls.export.pictures._FEWEST", 4)
        done = cli(
            "export", "demo", "--precision", "int8", "--calibrate", server.url,
            "--min-agreement", 0, "--out", tmp_path / "b",
        )  # fmt: skip
    assert done.code == 0, done.err
    written = "".join(p.read_text() for p in (tmp_path / "b").glob("*.json"))
    assert "geheim" not in done.out + done.err + written


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("export", "demo", "--precision", "int8"), 2, "give frames to calibrate on"),
        (("export", "demo", "--backend", "torch"), 2, "--backend torch: torch runs models as"),
        (("export", "resnet81"), 2, "did you mean resnet18"),
        (("export", "demo", "--calibrate", "none.mp4"), 2, "none.mp4: no such file"),
        (("export", "demo", "--calibrate", "few"), 2, "few: 3 distinct pictures in it, at least"),
        (("export", "demo", "--calibrate", "empty"), 2, "empty: no pictures in this folder"),
        (("export", "demo", "--min-agreement", "2"), 2, "min-agreement"),
        (("export", "demo", "--precision", "int4"), 2, "--precision: should be 'auto', 'fp32'"),
        (("verify", "few"), 2, "few: no bundle"),
        (("verify", "nothing"), 2, "nothing: no bundle"),
    ],
)
def test_wrong_uses(
    cli: Cli,
    arguments: tuple[str, ...],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("few").mkdir()
    for number in range(3):
        PillowImage.new("RGB", (64, 64), (80 * number, 0, 0)).save(f"few/{number}.png")
    out = ("--out", "out") if arguments[0] == "export" else ()
    done = cli(*arguments, *out)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "few"]


def test_what_is_there_is_not_replaced_unasked(
    cli: Cli, bundles: Path, copied: Path, tmp_path: Path
) -> None:
    done = cli("export", "demo", "--out", copied)
    assert done.code == 2
    assert "there already; --overwrite replaces it" in done.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = cli("export", "demo", "--out", tmp_path / "mine", "--overwrite")
    assert done.code == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()
    done = cli("export", "demo", "--precision", "fp32", "--out", copied, "--overwrite")
    assert done.code == 0, done.err
    assert json.loads((copied / "card.json").read_text())["bundle"]["precision"] == "fp32"
    done = cli("export", bundles / "onnx", "--out", tmp_path / "again")
    assert done.code == 2
    assert "a bundle already" in done.err
