"""What becomes of settings of live runs; nothing here loads a model or connects."""

from pathlib import Path
from typing import Any

import pytest

from streamcls.builders.source import is_here, is_live, open_live, open_recorded
from streamcls.config.options import from_options
from streamcls.errors import SettingsError
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


@pytest.mark.parametrize(
    "source", ["foo://${TOKEN}@h/x", "rtsp://${TOKEN}@/x", "rtsp://${TOKEN}:${TOKEN}@h:x/"]
)
def test_a_variable_is_shown_by_its_name(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in the address the secret is: only its user knows that it is one."""
    monkeypatch.setenv("TOKEN", "geheim")
    with pytest.raises(SettingsError) as raised:
        open_live(from_options({"source": source}), Stop())
    assert "geheim" not in str(raised.value)
    assert "${TOKEN}" in str(raised.value)


def test_a_simulated_camera_knows_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "geheim")
    with pytest.raises(SettingsError) as raised:
        open_live(from_options({"source": "sim://?${TOKEN}=5&fps=${TOKEN}"}), Stop())
    assert "geheim" not in str(raised.value)


def test_a_device_is_opened_as_it_is_written() -> None:
    found = open_live(from_options({"source": "/dev/v4l/by-id/usb-ABC"}), Stop())
    assert found.camera == "usb-ABC"


# -- each setting gets to its part


def test_start_and_duration_of_a_recording(clip: Path) -> None:
    source = open_recorded(from_options({"source": str(clip), "start": 1, "duration": 0.5}))
    times = [grabbed.pts_s for grabbed in source.grab()]
    source.close()
    assert (times[0], len(times)) == (1.0, 13)
    assert source.info.camera == "a"


def test_when_a_connection_is_given_up() -> None:
    given = {"max_retries": 4, "retry_for": 55, "frozen_after": 6, "max_delay": 0.7}
    made = vars(open_live(from_options({"source": "sim://", **given}), Stop()))
    assert (made["_retries"].most, made["_retries"].for_s) == (4, 55)
    assert made["_max_delay_s"] == 0.7
    assert vars(made["_checks"])["_frozen_after_s"] == 6


def test_how_long_a_stream_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("streamcls.capture.network_stream.NetworkStream", seen.append)
    given = {"connect_timeout": 3, "read_timeout": 4, "rtsp_transport": "udp"}
    vars(open_live(from_options({"source": "rtsp://h/cam", **given}), Stop()))["_connect"]()
    (address,) = seen
    assert (address.connect_timeout_s, address.read_timeout_s) == (3, 4)
    assert (address.transport, address.url) == ("udp", "rtsp://h/cam")


def test_only_a_camera_at_this_machine_is_shown_by_itself() -> None:
    assert [is_here(source) for source in ("0", "sim://", "rtsp://h/cam")] == [True, False, False]
    assert is_live("0")
