"""Runs that are ended from outside: outputs are whole, threads gone, the code is right, in time."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.alone

WITHIN_S = 5.0  # what a stop may take
PATIENCE_S = 60.0  # for a process to load its model on a busy machine

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def long_clip(make_clip: Callable[..., Path]) -> Path:
    """Too long to be done before the signal comes, with sound."""
    sound = ("-f", "lavfi", "-i", "sine=440:duration=200")
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    return make_clip("long.mp4", *sound, *coding, source="testsrc2=size=640x360:duration=200")


def rows(path: Path) -> int:
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def running(start: Start, clip: Path, folder: Path, *more: object) -> "subprocess.Popen[str]":
    """A run with all outputs that has written a hundred rows."""
    outputs = ("--csv", "o.csv", "--events", "o.json", "--video", "o.mp4", "--stats", "s.json")
    child = start("run", clip, "--model", "demo", *outputs, *more)
    until = time.monotonic() + PATIENCE_S
    while rows(folder / "o.csv") < 100:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    return child


def ended(child: "subprocess.Popen[str]") -> tuple[int, str]:
    begun = time.monotonic()
    _, err = child.communicate(timeout=WITHIN_S)
    assert time.monotonic() - begun < WITHIN_S
    return child.returncode, err


def probed(ffprobe: str, path: Path) -> dict[str, Any]:
    """Its streams' lengths and the number of pictures that decode."""
    shown = ["-count_frames", "-show_entries", "stream=codec_type,nb_read_frames,duration"]
    command = [ffprobe, "-v", "error", *shown, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    return {s["codec_type"]: s for s in json.loads(done.stdout)["streams"]}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_ends_it_with_whole_outputs(
    process: Start, long_clip: Path, tmp_path: Path, ffprobe: str, number: signal.Signals, code: int
) -> None:
    child = running(process, long_clip, tmp_path)
    child.send_signal(number)
    returned, err = ended(child)
    assert returned == code
    assert "dropped (stopped)" in err
    assert "Traceback" not in err
    assert "did not end" not in err
    ledger = json.loads((tmp_path / "s.json").read_text())
    assert ledger["in_flight"] == 0
    assert ledger["read"] == ledger["classified"] + ledger["dropped"]["stopped"]
    assert rows(tmp_path / "o.csv") == ledger["classified"]
    streams = probed(ffprobe, tmp_path / "o.mp4")
    assert int(streams["video"]["nb_read_frames"]) == ledger["classified"]
    # Not the sound of the ten minutes that were not shown.
    assert float(streams["audio"]["duration"]) < float(streams["video"]["duration"]) + 0.1
    last = json.loads((tmp_path / "o.json").read_text())[-1]
    assert last["end_s"] == pytest.approx(ledger["classified"] / 25)


def test_a_service_that_is_told_to_stop_has_done_its_work(
    process: Start, long_clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text("runtime:\n  threads: 1\n")
    child = running(process, long_clip, tmp_path, "--config", "s.yaml")
    child.send_signal(signal.SIGTERM)
    assert ended(child)[0] == 0


def test_after_kill_nine_everything_up_to_the_last_second_is_there(
    process: Start, long_clip: Path, tmp_path: Path, ffprobe: str
) -> None:
    child = running(process, long_clip, tmp_path)
    child.kill()
    child.communicate()
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        whole = [row for row in csv.DictReader(file) if row["steady_prob"]]
    assert len(whole) >= 100
    written_s = float(whole[-1]["pts_s"])
    pictures = int(probed(ffprobe, tmp_path / "o.mp4")["video"]["nb_read_frames"])
    assert pictures / 25 >= written_s - 1
    assert isinstance(json.loads((tmp_path / "o.json").read_text()), list)


def test_ctrl_c_before_the_first_frame(process: Start, long_clip: Path, tmp_path: Path) -> None:
    """While the model loads nothing has been written yet, and nothing is."""
    run = ("run", long_clip, "--model", "demo", "--backend", "torch")  # which takes long to load
    child = process(*run, "--csv", "o.csv", "-v")
    time.sleep(0.7)  # somewhere in the imports; wherever it is, the outcome is the same
    child.send_signal(signal.SIGINT)
    returned, err = ended(child)
    assert returned == 130
    assert "Traceback" not in err
    assert rows(tmp_path / "o.csv") <= 0


def test_a_reader_that_goes_away_is_no_mistake(process: Start, long_clip: Path) -> None:
    """As in `streamcls run … --csv - | head -1`."""
    child = process("run", long_clip, "--model", "demo", "--csv", "-", "--quiet")
    assert child.stdout is not None
    assert child.stdout.readline().startswith("camera,")
    child.stdout.close()
    child.wait(timeout=PATIENCE_S)
    assert child.stderr is not None
    assert child.stderr.read() == ""


def test_a_service_that_is_stopped_before_its_first_frame(
    process: Start, long_clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text("model: {name: demo}\n")
    run = ("run", long_clip, "--config", "s.yaml", "--backend", "torch")
    child = process(*run, "--csv", "o.csv", "-v")
    time.sleep(1)  # loading
    child.send_signal(signal.SIGTERM)
    assert ended(child)[0] == 0


def test_the_demo_can_be_stopped_and_gives_no_agreement(process: Start, tmp_path: Path) -> None:
    child = process("demo", "--out", "d")
    until = time.monotonic() + PATIENCE_S
    while rows(tmp_path / "d" / "labels.csv") < 10:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=WITHIN_S)
    assert (child.returncode, out) == (130, "")
    assert "dropped (stopped)" in err


@pytest.mark.parametrize(
    ("number", "config", "code"),
    [("SIGINT", "", 130), ("SIGTERM", "", 143), ("SIGTERM", "--config=s.yaml", 0)],
)
def test_a_signal_while_the_command_line_itself_loads(number: str, config: str, code: int) -> None:
    program = f"""
import os, signal, sys, types
sys.argv = ["streamcls", "run", "{config}"]
loading = types.ModuleType("streamcls.cli")
loading.main = lambda: os.kill(os.getpid(), signal.{number})
sys.modules["streamcls.cli"] = loading
from streamcls.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, b"")


def test_ctrl_c_that_went_through_native_code_has_its_code_too(tmp_path: Path) -> None:
    """As while torch is imported, which runs Python from C."""
    program = """
import ctypes, sys
from streamcls import cli
run = ctypes.pythonapi.PyRun_String
run.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
run.restype = ctypes.py_object
cli.cli.main = lambda **_: run(b"raise KeyboardInterrupt", 257, {}, {})
cli.main()
"""
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "program"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_thread_in_native_code_does_not_abort_the_process() -> None:
    """Python that shuts down around torch's threads ends with SIGABRT now and then."""
    program = """
import atexit, sys, threading, time
from streamcls import cli
threading.Thread(target=time.sleep, args=(60,), name="streamcls-worker-0", daemon=True).start()
atexit.register(lambda: print("shut down"))
sys.argv = ["streamcls", "--version"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("streamcls 0.")
    assert "shut down" not in done.stdout
