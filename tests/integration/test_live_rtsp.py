"""Live runs over a real RTSP server that is killed, stopped, and put behind a bad line."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration import rtsp_faults as faults
from tests.integration.rtsp import FaultProxy, RtspServer
from tests.integration.rtsp_faults import Outcome

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("gstreamer")]
Start = Callable[..., RtspServer]


@pytest.fixture(scope="module")
def classifier() -> Any:
    return faults.demo_classifier()


def check(found: Outcome, *states: str, noticed_s: float) -> None:
    """It was noticed, no label was written meanwhile, labels came back, all threads ended."""
    assert found.state in states, found
    assert found.noticed_s is not None and found.noticed_s < noticed_s, found
    assert found.rows == 0, found
    assert found.recovered_s is not None, found
    assert found.threads == 0, found


def test_a_server_that_is_killed_and_restarted(classifier: Any) -> None:
    check(faults.killed(classifier, away_s=3), "no_signal", noticed_s=2)


def test_a_server_that_comes_back_with_another_size(classifier: Any) -> None:
    check(faults.killed(classifier, away_s=0, size="320x240"), "no_signal", noticed_s=2)


def test_a_server_that_stands_still_for_less_than_the_read_time_out(classifier: Any) -> None:
    """The frame that FFmpeg held back meanwhile gets no label."""
    found = faults.stopped(classifier, for_s=3.5)
    check(found, "stale", noticed_s=3)
    assert found.recovered_s is not None and found.recovered_s < 10


def test_a_server_that_stands_still_for_longer(classifier: Any) -> None:
    check(faults.stopped(classifier, for_s=7), "stale", noticed_s=3)


def test_a_server_that_comes_up_after_the_run(classifier: Any) -> None:
    found = faults.late_start(classifier, after_s=2)
    assert found.rows == 0
    assert found.recovered_s is not None


def test_a_wrong_password_is_not_tried_again_soon(classifier: Any) -> None:
    found = faults.wrong_password(classifier, for_s=4)
    assert (found.state, found.rows, found.threads) == ("no_signal", 0, 0)


def test_an_address_that_accepts_and_says_nothing(classifier: Any) -> None:
    check(faults.dead_address(classifier, connect_timeout=1.5), "no_signal", noticed_s=5)


def test_a_line_that_delays(classifier: Any) -> None:
    def slow(line: FaultProxy) -> None:
        line.delay_s = 1.5

    found = faults.on_a_line(classifier, "delayed", slow, for_s=3)
    assert found.state == "late"
    assert found.rows <= 2  # until the line's first gap nothing can be known
    assert found.recovered_s is not None


def test_a_line_that_is_too_narrow(classifier: Any) -> None:
    def narrow(line: FaultProxy) -> None:
        line.bytes_per_s = 20_000

    found = faults.on_a_line(classifier, "throttled", narrow, for_s=6)
    assert found.state == "late"
    assert found.recovered_s is not None


def test_a_line_that_damages(classifier: Any) -> None:
    def damage(line: FaultProxy) -> None:
        line.corrupt = 1e-3

    check(faults.on_a_line(classifier, "damaged", damage, for_s=3), "damaged", noticed_s=3)


def test_a_line_that_is_cut(classifier: Any) -> None:
    found = faults.on_a_line(classifier, "cut", FaultProxy.cut, for_s=0.3)
    check(found, "no_signal", noticed_s=2)


def test_a_silent_line(classifier: Any) -> None:
    def silent(line: FaultProxy) -> None:
        line.mute = True

    found = faults.on_a_line(classifier, "silent", silent, for_s=3.5)
    assert (found.state, found.threads) == ("stale", 0)
    assert found.recovered_s is not None


def test_on_the_command_line_with_password_and_all_outputs(
    rtsp_server: Start,
    process: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The secret comes from the environment and shows up nowhere; Ctrl-C finishes all outputs."""
    server = rtsp_server(user="anna", password="ge@heim")
    monkeypatch.setenv("CAM_PASSWORD", "ge@heim")
    url = f"rtsp://anna:${{CAM_PASSWORD}}@127.0.0.1:{server.port}/cam"
    options = ["--csv", "rows.csv", "--events", "e.json", "--video", "v.mp4", "--stats", "s.json"]
    run = process("run", url, "--model", "demo", *options, "-v")
    rows = tmp_path / "rows.csv"
    Watcher(run).until(lambda: rows.exists() and rows.read_text().count("\n") > 10)
    os.kill(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130
    for text in (err, *(path.read_text(errors="replace") for path in tmp_path.iterdir())):
        assert "heim" not in text
    lines = rows.read_text().splitlines()
    assert lines[0].startswith("camera,frame,pts_s,time_source,captured_utc,label_1")
    row = r"127\.0\.0\.1,\d+,\d+\.\d{6},monotonic,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,.+"
    assert all(re.fullmatch(row, line) for line in lines[1:])
    assert (
        '"kind": "state", "camera": "127.0.0.1", "label": "ok"' in (tmp_path / "e.json").read_text()
    )


def test_a_wrong_password_ends_a_script_with_the_reason_and_no_secret(
    rtsp_server: Start, process: Callable[..., subprocess.Popen[str]]
) -> None:
    server = rtsp_server(user="anna", password="right")
    url = server.url.replace("right", "wr0ng")
    run = process("run", url, "--model", "demo", "--max-retries", "0", "-vv")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "wrong user or password (401); given up after one try" in err
    assert "wr0ng" not in err + out


class Watcher:
    """Waits for a child to do something, and fails with what it said if it ends before."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def until(self, met: Callable[[], object]) -> None:
        for _ in range(3000):
            if met():
                return
            assert self._child.poll() is None, self._child.communicate()
            time.sleep(faults.LOOK_S)
        raise AssertionError("it did not happen")
