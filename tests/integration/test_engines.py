"""Engines as users meet them: converted once, then without torch, and always the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from streamcls.inference.bundle import is_bundle
from streamcls.inference.torchvision_import import import_torchvision
from tests.conftest import Cli
from tests.inference.networks import random_network

every_engine = pytest.mark.parametrize("engine", ["openvino", "onnx"])

# The command line in this process, and afterwards what of torch it has imported.
_RUN = """
import atexit, sys
from streamcls.cli import main
names = ("torch", "torchvision", "nncf", "onnx", "openvino_telemetry")
atexit.register(lambda: print([name for name in names if sys.modules.get(name) is not None]))
main()
"""

# The command line, comparing a new model with torch on a few pictures only.
_FIRST_RUN = """
from streamcls.builders import backend as networks
from streamcls.cli import main
networks._PROBES = 8
main()
"""


@every_engine
def test_a_second_run_gives_the_same_bytes_without_torch(
    engine: str, cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    """A first one converts, or finds what another test converted; with any number of threads."""
    run = ("run", demo_clip, "--model", "demo", "--backend", engine, "--duration", 1)
    logs = [tmp_path / f"{number}.csv" for number in range(4)]
    for log, threads in zip(logs, (2, 1, 2), strict=False):
        done = cli(*run, "--threads", threads, "--csv", log)
        assert (done.code, done.out) == (0, "")
        assert f"; demo on {engine} " in done.err
        assert "(as asked for" in done.err
    arguments = map(str, (*run, "--csv", logs[3]))
    done_alone = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=False
    )
    assert (done_alone.returncode, done_alone.stdout) == (0, "[]\n"), done_alone.stderr
    made = [log.read_bytes() for log in logs]
    assert len(made[0].splitlines()) == 26
    assert made.count(made[0]) == 4


def test_torch_gives_the_same_bytes_with_any_number_of_threads(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    made = []
    for number, threads in enumerate((1, 2, 3)):
        log = tmp_path / f"{number}.csv"
        run = ("run", demo_clip, "--model", "demo", "--backend", "torch", "--duration", 1)
        done = cli(*run, "--threads", threads, "--csv", log)
        assert "; demo on torch fp32 (as asked for), " in done.err
        made.append(log.read_bytes())
    assert made.count(made[0]) == 3


@every_engine
def test_a_first_run_says_nothing_on_standard_output(
    engine: str, demo_clip: Path, tmp_path: Path
) -> None:
    """Where `--csv -` goes to; neither do the engine's tools say anything."""
    home = tmp_path / "cache"
    options = ["--backend", engine, "--every", "100", "--csv", "-", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_RUN, "run", str(demo_clip), "--model", "demo", *options],
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(home)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    (folder,) = (home / "streamcls" / "models").iterdir()
    assert is_bundle(folder)
    assert [path.name for path in home.iterdir()] == ["streamcls"]


@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0"])
def test_a_smaller_picture(
    name: str, backend: str, cli: Cli, data: Path, videos: Path, tmp_path: Path
) -> None:
    """Faster, and on an easy clip as good."""
    weights = data / "weights" / f"{name}_imagenet.pth"
    done = cli(
        *("run", videos / "intel_bottle-detection.mp4", "--model", name, "--weights", weights),
        *("--input-size", 160, "--backend", backend, "--start", 6, "--duration", 2, "--every", 10),
        *("--csv", tmp_path / "o.csv"),
    )
    assert done.code == 0, done.err
    rows = (tmp_path / "o.csv").read_text().splitlines()[1:]
    assert len(rows) >= 5
    assert sum("water bottle" in row for row in rows) >= len(rows) / 2


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of ViT-B/16, all the same, which take next to no room."""
    import_torchvision()
    from torchvision import models

    with torch.device("meta"):
        shapes = models.vit_b_16().state_dict()
    file = tmp_path_factory.mktemp("vit") / "w.pth"
    torch.save({name: torch.zeros(1).expand(value.shape) for name, value in shapes.items()}, file)
    return file


@pytest.mark.parametrize("backend", ["auto", "openvino", "onnx", "torch"])
def test_a_model_that_takes_one_size_only(
    backend: str, cli: Cli, vit: Path, demo_clip: Path
) -> None:
    done = cli(
        *("run", demo_clip, "--model", "vit_b_16", "--weights", vit, "--input-size", 160),
        *("--backend", backend, "--every", 100),
    )
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("streamcls: vit_b_16 can't take pictures of 160 px: ")


_INTERRUPTED = """
import os, signal
from dataclasses import replace
from streamcls.builders import backend as networks
from streamcls.cli import main
from streamcls.inference import conversion
def interrupted(*_):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        if {swallowed}:
            raise RuntimeError("Python that C++ called has failed")
        raise
format_of = conversion.format_of
conversion.format_of = lambda name: replace(format_of(name), write=interrupted)
networks._PROBES = 8
main()
"""


@pytest.mark.parametrize("swallowed", [False, True])
@every_engine
def test_ctrl_c_while_a_model_is_converted(
    engine: str, swallowed: bool, demo_clip: Path, tmp_path: Path
) -> None:
    """Also where native code makes another error of it."""
    program = _INTERRUPTED.format(swallowed=swallowed)
    options = ["run", str(demo_clip), "--model", "demo", "--backend", engine, "--csv", "o.csv"]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")
    assert list((tmp_path / "cache" / "streamcls" / "models").iterdir()) == []
    assert not (tmp_path / "o.csv").exists()


def test_what_does_not_go_together_is_one_line(cli: Cli, demo_clip: Path) -> None:
    for options in (("--precision", "int8"), ("--backend", "onnx", "--precision", "bf16")):
        done = cli("run", demo_clip, "--model", "demo", *options)
        assert (done.code, done.out) == (2, "")
        assert len(done.err.splitlines()) == 1


def test_a_cache_that_can_not_be_written_is_a_warning_and_torch(
    cli: Cli, demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    run = ("run", demo_clip, "--model", "demo", "--every", 100, "--csv", "-")
    done = cli(*run)
    assert done.code == 0
    assert "it runs on torch instead, which is slower" in done.err
    assert "; demo on torch fp32 (what is converted can't be kept), " in done.err
    done = cli(*run, "--backend", "openvino")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)


@every_engine
def test_an_own_model_as_good_as_on_torch(
    engine: str, cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    """Own weights with own labels, from a checkpoint."""
    network = random_network("squeezenet1_1", side=224)
    weights = tmp_path / "w.pth"
    labels = [f"class {number}" for number in range(1000)]
    torch.save({"state_dict": network.module.state_dict(), "classes": labels}, weights)
    made = []
    for backend in (engine, "torch"):
        log = tmp_path / f"{backend}.csv"
        done = cli(
            *("run", demo_clip, "--model", "squeezenet1_1", "--weights", weights, "--every", 50),
            *("--backend", backend, "--precision", "fp32", "--csv", log),
        )
        assert done.code == 0, done.err
        rows = [line.split(",") for line in log.read_text().splitlines()[1:]]
        made.append([cell for row in rows for cell in row if cell.startswith("class ")])
    assert len(made[0]) >= 6 * 3
    assert made[0] == made[1]
