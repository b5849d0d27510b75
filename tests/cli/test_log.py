import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.cli.log import set_up_log
from tests.conftest import Cli


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.getLogger("streamcls")
    before = made.handlers, made.level, made.propagate
    yield made
    made.handlers, level, made.propagate = before
    made.setLevel(level)


def lose_camera() -> None:
    try:
        raise OSError("rtsp://anna:geheim@h/cam")
    except OSError:
        logging.getLogger("streamcls.capture.live").debug(
            "%s is lost", "rtsp://anna:geheim@h/cam", exc_info=True
        )


def objects(err: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize(
    ("level", "said"),
    [(-1, ["error"]), (0, ["warning", "error"]), (1, ["info", "warning", "error"])],
)
def test_how_much_is_said(
    level: int, said: list[str], log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(level)
    for name in ("info", "warning", "error"):
        getattr(log, name)("%s", name)
    assert capsys.readouterr().err.splitlines() == [f"streamcls: {name}" for name in said]


def test_no_line_of_the_log_tells_a_password(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(2)
    lose_camera()
    err = capsys.readouterr().err
    assert err.startswith("streamcls: rtsp://anna:***@h/cam is lost")
    assert "geheim" not in err


def test_json_is_an_object_a_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    before = clock.epoch_s()
    set_up_log(0, json=True)
    log.info("not shown")
    logging.getLogger("streamcls.runtime.camera_state").warning("%s:\n%s", "belt", "Gewürz \udcff")
    [said] = objects(capsys.readouterr().err)
    at = said.pop("time")
    assert said == {
        "level": "warning",
        "logger": "streamcls.runtime.camera_state",
        "message": "belt:\nGewürz \udcff",
    }
    assert at.endswith("Z")
    assert len(at) == len("2026-01-31T23:59:59.999Z")
    # Cut to whole milliseconds.
    assert before - 0.001 <= datetime.fromisoformat(at).timestamp() <= clock.epoch_s()


def test_json_has_the_traceback_and_tells_no_password(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(2, json=True)
    lose_camera()
    err = capsys.readouterr().err
    [said] = objects(err)
    assert said["message"] == "rtsp://anna:***@h/cam is lost"
    assert said["exception"].startswith("Traceback (most recent call last):\n")
    assert said["exception"].endswith("\nOSError: rtsp://anna:***@h/cam")
    assert "geheim" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "nosuch.mp4", "--log-format", "json"),
        ("check", "--log-format=json", "rtsp://anna:geheim@"),
        ("check", "nosuch.mp4", "--log-format", "json", "--bogus"),  # before options are known
        ("--log-format", "json", "nosuch"),
    ],
)
def test_an_error_is_json_where_that_is_asked_for(arguments: tuple[str, ...], cli: Cli) -> None:
    done = cli(*arguments)
    assert done.code
    [said] = objects(done.err)
    assert (said["level"], said["logger"]) == ("error", "streamcls")
    assert not said["message"].startswith("streamcls:")
    assert "geheim" not in done.err


def test_without_it_an_error_is_text(cli: Cli) -> None:
    assert cli("check", "--log-format", "json", "nosuch.mp4").code == 2
    for given in ((), ("--log-format", "text")):
        done = cli("check", "nosuch.mp4", *given)
        assert done.err.startswith("streamcls: nosuch.mp4: ")


def test_a_whole_run_says_nothing_but_json(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    """Heading and ledger, which are no messages of the log, too; -vv what engines do besides."""
    rows = tmp_path / "rows.csv"
    run = ("run", demo_clip, "--model", "demo", "--duration", 1, "--csv", rows)
    done = cli(*run, "--log-format", "json", "-vv")
    assert done.code == 0
    messages = [said["message"] for said in objects(done.err)]
    assert any(message.startswith(f"{demo_clip}: h264 ") for message in messages)
    assert " read = " in messages[-1]
    assert cli(*run, "--log-format", "json", "--quiet", "--overwrite").err == ""


def test_pictures_that_are_none_are_said_in_json(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = cli("classify", tmp_path / "broken.png", "--model", "demo", "--log-format", "json")
    assert done.code == 1
    assert "broken.png" in objects(done.err)[0]["message"]
