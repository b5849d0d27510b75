"""What becomes of settings of live runs; nothing here loads a model or connects."""

from datetime import datetime
from pathlib import Path

import pytest

from streamcls.builders.outputs import check_outputs
from streamcls.builders.source import is_live, open_live
from streamcls.cli.drill import _for_drill
from streamcls.config.options import check_fits, from_options
from streamcls.errors import OutputPathError, SettingsError
from streamcls.runtime.stop import Stop


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("0", True),
        ("/dev/video3", True),
        ("/dev/v4l/by-id/usb-Acme", True),
        ("rtsp://h/cam", True),
        ("sim://", True),
        ("clip.mp4", False),
        ("/dev/null", False),
    ],
)
def test_what_is_live(source: str, live: bool) -> None:
    assert is_live(source) is live


def test_a_file_named_like_a_camera_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").touch()
    assert not is_live("0")


def camera_of(source: str) -> str:
    return open_live(from_options({"source": source}), Stop()).camera


def test_cameras_have_names_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "10.0.0.7")
    monkeypatch.setenv("PASSWORD", "ge@h/eim")
    assert camera_of("rtsp://anna:${PASSWORD}@${HOST}:554/cam") == "10.0.0.7"
    assert camera_of("RTSP://anna:geheim@[fe80::1]/cam") == "fe80::1"
    assert camera_of("0") == "webcam0"
    assert camera_of("/dev/video2") == "video2"
    assert camera_of("SIM://?fps=3") == "sim"


@pytest.mark.parametrize(
    "source", ["rtsp://", "rtsp:///x", "rtsp://h:99999/", "rtsp://h:abc/", "rtsp://[::1/", "x://h/"]
)
def test_wrong_addresses_are_refused_before_anything_is_tried(source: str) -> None:
    with pytest.raises(SettingsError):
        open_live(from_options({"source": source}), Stop())


def test_where_frames_may_wait_their_age_says_nothing_of_the_line() -> None:
    waits = open_live(from_options({"source": "sim://", "queue_policy": "block"}), Stop())
    newest = open_live(from_options({"source": "sim://"}), Stop())
    assert (waits._max_delay_s, newest._max_delay_s) == (float("inf"), 0.5)


def test_nothing_in_the_settings_ends_the_drill_or_writes_anything() -> None:
    given = {"source": "0", "max_retries": 0, "retry_for": 1, "duration": 2, "csv": "o.csv"}
    found = _for_drill(from_options({**given, "show": True, "stale_after": 7}), "sim://")
    assert (found.source, found.sample.duration) == ("sim://", None)
    assert (found.connection.max_retries, found.connection.retry_for) == (None, None)
    assert (found.outputs.csv, found.outputs.show) == (None, None)
    assert found.signal.stale_after == 7
    check_fits(found, live=True)


# -- names of outputs


def outputs(folder: Path, name: str, **given: object) -> None:
    settings = from_options({"source": "sim://", "csv": str(folder / name), **given})
    check_outputs(settings, live=True)


def test_the_name_that_is_checked_is_the_one_that_is_written(tmp_path: Path) -> None:
    (tmp_path / f"o-{datetime.now():%Y}.csv").touch()
    with pytest.raises(OutputPathError, match="exists"):
        outputs(tmp_path, "o-%Y.csv")
    outputs(tmp_path, "o-%Y.csv", rotate="1h")  # gets a number


def test_with_rotation_a_file_of_the_plain_name_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "o.csv").touch()
    outputs(tmp_path, "o.csv", rotate="1h")
    with pytest.raises(OutputPathError, match="exists"):
        outputs(tmp_path, "o.csv")


def test_fields_that_give_no_file_name_are_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(OutputPathError, match="no name can be made of it"):
        outputs(tmp_path, "o%D.csv")
