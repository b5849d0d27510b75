from pathlib import Path

from tests.conftest import Cli


def test_check_says_what_the_file_is(cli: Cli, videos: Path) -> None:
    done = cli("check", videos / "drewnoakes_FLIR_Thermal.mp4", "--model", "demo")
    assert (done.code, done.err) == (0, "")
    shown = {line.split("  ")[1].strip(): line for line in done.out.splitlines() if "  " in line}
    text = done.out
    for part in (
        "h264, yuv420p",
        "1080x1440",
        "600.000 fps",
        "7.399 fps",
        "7.396 fps",
        "variable (84 frames, gaps 38.3 to 1996.7 ms)",
        "11.353 s",
        "aac",
        "read through",
        "PyAV",
        "demo (resnet18, 9 classes",
    ):
        assert part in text, (part, shown)


def test_check_names_rotation_other_streams_and_missing_weights(
    cli: Cli, videos: Path, tmp_path: Path, monkeypatch: object
) -> None:
    turned = cli("check", videos / "drewnoakes_ftyp3gp5.mp4").out
    assert "720x1280 (stored 1280x720, turned by 270 degrees)" in turned
    assert "resnet18-f37072fd.pth" in turned
    several = cli("check", videos / "torchcodec_nasa_13013.mp4").out
    assert "3: video (h264), 4: audio (aac)" in several


def test_check_finds_mistakes(cli: Cli, videos: Path, tmp_path: Path) -> None:
    done = cli("check", tmp_path / "no.mp4")
    assert (done.code, "no such file" in done.err) == (2, True)
    for option in ("--weights", "--labels"):
        done = cli("check", videos / "mdn_friday.mp4", option, tmp_path / "nope")
        assert (done.code, "nope: no such file" in done.err) == (2, True)
    (tmp_path / "w.pth").touch()
    done = cli(
        "check", videos / "mdn_friday.mp4", "--model", "demo", "--weights", tmp_path / "w.pth"
    )
    assert "w.pth" in done.out
    done = cli("check", videos / "mdn_friday.mp4", "--model", "resnet81")
    assert (done.code, "did you mean resnet18" in done.err) == (2, True)


def test_models_lists_names_and_the_folder(cli: Cli) -> None:
    done = cli("models")
    assert done.code == 0
    assert "built in" in done.out
    assert "resnet18-f37072fd.pth" in done.out
    assert done.out.rstrip().endswith("checkpoints")


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.code == 0
    assert done.out.startswith("streamcls 0.")
