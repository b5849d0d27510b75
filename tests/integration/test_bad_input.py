"""Whatever is wrong with what a user gives: one clear line, the right code, no rubbish."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli


def wrong(cli: Cli, folder: Path, *arguments: object, code: int, says: str, lines: int = 1) -> None:
    """Runs it and checks that it ends with one line and leaves nothing in the folder."""
    before = sorted(folder.iterdir())
    done = cli("run", *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert says in done.err
    said = [line for line in done.err.splitlines() if line.startswith("streamcls: ")]
    assert len(said) == lines
    assert "Traceback" not in done.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("missing.mp4", None, 2, "no such file"),
        ("empty.mp4", b"", 1, "the file is empty"),
        ("text.mp4", b"this is no video " * 99, 1, "not a video file"),
        ("cut.mp4", b"\0\0\0\x20ftypisom" + bytes(9999), 1, "without its index (moov)"),
    ],
)
def test_sources(
    cli: Cli, tmp_path: Path, name: str, content: bytes | None, code: int, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    wrong(cli, tmp_path, tmp_path / name, "--csv", tmp_path / "o.csv", code=code, says=says)


def test_a_folder_as_the_source(cli: Cli, tmp_path: Path) -> None:
    wrong(cli, tmp_path, tmp_path, code=2, says="a folder")


def test_names_that_are_too_long(cli: Cli, tmp_path: Path) -> None:
    name = "a" * 300
    for arguments in (("run", name), ("check", name), ("run", tmp_path, "--model", name)):
        done = cli(*arguments)
        assert done.code in (1, 2)
        assert done.err.count("\n") == 1
        assert "report it" not in done.err


def test_no_source(cli: Cli, tmp_path: Path) -> None:
    wrong(cli, tmp_path, code=2, says="SOURCE: missing")


def test_sound_only(cli: Cli, tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    sound = make_clip("sound.mp4", source="sine=440:duration=1")
    wrong(cli, tmp_path, sound, "--csv", tmp_path / "o.csv", code=1, says="only audio")


def test_no_frames(cli: Cli, tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    """A video stream of zero duration."""
    clip = make_clip("none.mkv", "-c:v", "libx264", "-frames:v", "0")
    wrong(cli, tmp_path, clip, "--csv", tmp_path / "o.csv", code=1, says="none.mkv")


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ("rtsp://anna:geheim@127.0.0.1:1/cam", 1, "connection refused; nothing listens there"),
        ("gopher://anna:geheim@h/", 2, "gopher://anna:***@h/: gopher:// can't be read"),
        ("rtsp://anna:ge heim@h/", 2, "rtsp://anna:***@h/: a blank in an address is written %20"),
        ("rtsp://[::1/cam", 2, "rtsp://[::1/cam: not an address: Invalid IPv6 URL"),
        ("rtsp:///cam", 2, "there is no host in this address"),
        ("sim://?stal_at=3", 2, "no such key 'stal_at'"),
        ("98", 1, "no camera answers at 98"),
    ],
)
def test_live_sources(cli: Cli, tmp_path: Path, source: str, code: int, says: str) -> None:
    done = cli("run", source, "--model", "demo", "--max-retries", "0", "--quiet", "--headless")
    assert done.code == code
    assert says in done.err
    assert "heim" not in done.err + done.out


def test_a_start_behind_the_end(cli: Cli, tmp_path: Path, demo_clip: Path) -> None:
    arguments = (demo_clip, "--model", "demo", "--start", 99, "--csv", tmp_path / "o.csv")
    wrong(cli, tmp_path, *arguments, code=1, says="no frame at or after 99 s; it ends at")


def test_outputs(cli: Cli, tmp_path: Path, demo_clip: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("precious")
    source = tmp_path / "source.mp4"
    source.symlink_to(demo_clip)
    for path, says in [
        (there, "exists; give --overwrite or another name"),
        (tmp_path / "no" / "o.csv", "create it first"),
        (tmp_path, "is a folder"),
        (source, "is the source itself"),
    ]:
        wrong(cli, tmp_path, source, "--model", "demo", "--csv", path, code=2, says=says)
    wrong(
        cli, tmp_path, source, "--events", tmp_path / "o.txt", code=2, says="csv, .json, .jsonl or"
    )
    wrong(cli, tmp_path, source, "--font", there, code=2, says="not a font")
    wrong(cli, tmp_path, source, "--video", tmp_path / "o.avi", code=2, says="MP4 is written")
    wrong(cli, tmp_path, source, "--video", "-", code=2, says="MP4 is written")
    assert there.read_text() == "precious"


def test_inputs_are_never_outputs(
    cli: Cli, tmp_path: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("w.pth", "l.txt", "s.yaml", "f.ttf", "p.png"):
        Path(name).write_text("model: {name: demo}\n" if name == "s.yaml" else "precious")
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    for what, *arguments in [
        ("the weights file", "run", demo_clip, "--weights", "w.pth", "--csv", "w.pth"),
        ("the labels file", "run", demo_clip, "--labels", "l.txt", "--csv", "l.txt"),
        ("the font", "run", demo_clip, "--font", "f.ttf", "--csv", "f.ttf"),
        ("an input", "run", demo_clip, "--config", "s.yaml", "--csv", "s.yaml"),
        ("an input", "classify", "p.png", "--csv", "p.png"),
        ("the weights file", "classify", "p.png", "--weights", "w.pth", "--csv", "w.pth"),
    ]:
        done = cli(*arguments, "--overwrite")
        assert (done.code, f"is {what} itself" in done.err) == (2, True), done.err
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def test_an_output_that_can_not_be_begun_leaves_no_others(
    cli: Cli, tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    clip = make_clip("wide.mkv", "-c:v", "ffv1", source="testsrc=size=20000x16:rate=5:duration=1")
    outputs = ("--csv", tmp_path / "o.csv", "--events", tmp_path / "o.vtt")
    arguments = (clip, "--model", "demo", *outputs, "--video", tmp_path / "o.mp4")
    wrong(cli, tmp_path, *arguments, code=1, says="o.mp4: the encoder takes no 20000x16 pictures")


@pytest.fixture
def read_only_folder(tmp_path: Path, is_root: bool) -> Iterator[Path]:
    folder = tmp_path / "fixed"
    folder.mkdir()
    if is_root:  # root writes in spite of permissions, but not into a file system that is read-only
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        folder.chmod(0o555)
        yield folder


def test_a_read_only_folder(
    cli: Cli, tmp_path: Path, demo_clip: Path, read_only_folder: Path
) -> None:
    arguments = (demo_clip, "--csv", read_only_folder / "o.csv")
    wrong(cli, tmp_path, *arguments, code=2, says="no permission to write there")


def test_a_disk_that_fills_up(cli: Cli, demo_clip: Path, small_disk: Path, ffprobe: str) -> None:
    """The run fails with one line, and what was written can be read."""
    video, log, events = small_disk / "o.mp4", small_disk / "o.csv", small_disk / "o.json"
    done = cli(
        *("run", demo_clip, "--model", "demo", "--video", video, "--csv", log, "--events", events)
    )
    assert done.code == 1
    assert f"{video}: can't write: No space left on device" in done.err
    assert "dropped (stopped)" in done.err
    command = [ffprobe, "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    shown = subprocess.run([*command, str(video)], capture_output=True, check=True, text=True)
    assert float(shown.stdout) > 0
    # The fragment that was cut off, up to a second, is gone; what is left decodes to its end.
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "null", "-"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stderr == ""
    assert log.read_text().endswith("\n")


def test_models(cli: Cli, tmp_path: Path, demo_clip: Path, weights: Path) -> None:
    for arguments, says in [
        (("--model", "resnet81"), "did you mean resnet18"),
        (("--model", weights), "give the file with --weights"),
        (("--model", "resnet50", "--weights", weights), "not the weights of resnet50"),
        (("--weights", tmp_path / "no.pth"), "No such file"),
        (("--weights", demo_clip), "not a weights file"),
        (("--weights", "/etc/passwd"), "not a weights file"),
        (("--model", "demo", "--weights", tmp_path / "no.pth"), "No such file"),
        (("--model", "demo", "--labels", tmp_path / "no.txt"), "No such file"),
    ]:
        csv = ("--csv", tmp_path / "o.csv")
        wrong(cli, tmp_path, demo_clip, *arguments, *csv, code=2, says=says)
    (tmp_path / "l.txt").write_text("one\ntwo\n")
    arguments = (demo_clip, "--model", "demo", "--labels", tmp_path / "l.txt")
    wrong(cli, tmp_path, *arguments, code=2, says="9 classes but there are 2 labels")


def test_offline_without_weights_is_one_screen(
    cli: Cli, tmp_path: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    done = cli("run", demo_clip, "--csv", tmp_path / "o.csv")
    assert (done.code, done.out) == (1, "")  # torch itself says there that it downloads
    for part in ("resnet18-f37072fd.pth", str(tmp_path / "hub"), "--weights FILE", "--model demo"):
        assert part in done.err
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--threshold", "nan"), "--threshold: should be a finite number"),
        (("--threshold", "2"), "--threshold: should be less than or equal to 1, not '2'"),
        (("--every", "0"), "--every: should be greater than or equal to 1"),
        (("--every", "two"), "--every: should be a valid integer"),
        (("--fps", "-5"), "--fps: should be greater than 0"),
        (("--every", "2", "--fps", "2"), "can't be given together"),
        (("--top-k", "0"), "--top-k: "),
        (("--threads", "0"), "--threads: "),
        (("--frobnicate",), "no such option"),
        (("--every",), "requires an argument"),
        (("extra.mp4",), "unexpected extra argument"),
        (("--config", "no.yaml"), "no.yaml: No such file"),
    ],
)
def test_options(
    cli: Cli, tmp_path: Path, demo_clip: Path, arguments: tuple[str, ...], says: str
) -> None:
    wrong(cli, tmp_path, demo_clip, *arguments, code=2, says=says)


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    done = cli()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: streamcls [OPTIONS] COMMAND")


def test_a_full_disk_under_standard_output(demo_clip: Path) -> None:
    command = [sys.executable, "-m", "streamcls", "check", str(demo_clip), "--model", "demo"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "streamcls: standard output: can't write: No space left on device\n"


def test_standard_streams_that_are_closed(demo_clip: Path, tmp_path: Path) -> None:
    """Outputs don't get their numbers, on which others may write."""
    run = [sys.executable, "-m", "streamcls", "run", str(demo_clip), "--model", "demo"]
    outputs = ["--every", "50", "--csv", str(tmp_path / "o.csv")]
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *run, *outputs]
    assert subprocess.run(closed, check=False).returncode == 0
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 7


def test_an_unknown_command(cli: Cli) -> None:
    done = cli("rum")
    assert done.code == 2
    assert done.err.startswith("streamcls: no such command 'rum'")


def test_several_mistakes_are_said_at_once(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "a.mp4", "--every", "0", "--top-k", "x")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2


def test_a_traceback_only_with_vv(cli: Cli, tmp_path: Path) -> None:
    assert "Traceback" not in cli("run", tmp_path / "no.mp4", "-v").err
    assert "Traceback" in cli("run", tmp_path / "no.mp4", "-vv").err


def test_passwords_are_masked_in_every_message_and_in_the_log(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        logging.getLogger("streamcls.some.stage").warning("at %s", "http://a:geheim@h/1")
        raise ValueError("at http://a:geheim@h/2")

    monkeypatch.setattr("streamcls.cli.run.check_outputs", broken)
    err = cli("run", "clip.mp4", "-vv").err
    assert err.count("http://a:***@h/") >= 3  # the log, the traceback and the last line
    assert "geheim" not in err


def test_a_mistake_of_ours_is_one_line_too(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("streamcls.cli.run.check_outputs", broken)
    done = cli("run", tmp_path / "no.mp4")
    assert done.code == 1
    assert done.err == (
        "streamcls: unexpected ZeroDivisionError: oops; -vv shows where, please report it\n"
    )
