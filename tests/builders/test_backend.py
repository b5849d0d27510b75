"""Plain models for another engine than torch: converted once, kept, and taken again."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from streamcls.builders import backend as networks
from streamcls.builders.backend import ConversionError, converted, weights_file
from streamcls.config.settings import ModelSettings
from streamcls.errors import ModelSettingsError, OutputError
from streamcls.inference import bundle, torchvision_models
from streamcls.inference.engines import has_bf16
from streamcls.inference.torchvision_models import Network
from tests.builders.conftest import SIDE

LABELS = "\n".join(f"class {number}" for number in range(1000))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and few pictures to compare on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(networks, "_PROBES", 8)
    return tmp_path / "cache" / "streamcls"


@pytest.fixture(scope="module")
def small(weights_file: Path) -> ModelSettings:
    """A model that is quickly converted."""
    return ModelSettings(name="squeezenet1_1", weights=weights_file, input_size=SIDE)


def models(home: Path) -> list[Path]:
    return sorted((home / "models").iterdir())


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_what_was_converted_is_kept_with_its_report(
    engine: str,
    small: ModelSettings,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    first = converted(small, engine, progress=False)
    said = f"squeezenet1_1 is converted for {engine}; this is done once"
    assert said in [r.getMessage() for r in caplog.records]
    assert models(home) == [first.folder]
    assert (first.engine, first.precision, first.model) == (engine, "fp32", "squeezenet1_1")
    assert (first.card.input_size, len(first.card.labels)) == (SIDE, 1000)
    report = bundle.read_report(first.folder)
    assert (report["pictures"], report["fp32_agreement"]) == (8, 1.0)
    assert ("bf16_agreement" in report) is has_bf16(engine)

    def not_again(*_: object, **__: object) -> Network:
        raise AssertionError("loaded again")

    monkeypatch.setattr(networks, "load_network", not_again)
    caplog.clear()
    again = converted(small, engine, progress=False)
    assert again.folder == first.folder
    assert not caplog.records


def test_another_input_size_or_labels_file_is_another_model(
    small: ModelSettings, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "l.txt").write_text(LABELS)
    others: list[dict[str, object]] = [{"input_size": 96}, {"labels": tmp_path / "l.txt"}]
    made = [converted(small.model_copy(update=other), "onnx", progress=False) for other in others]
    converted(small, "onnx", progress=False)
    assert len(models(home)) == 3
    assert made[0].card.input_size == 96
    assert made[1].card.labels[7] == "class 7"


def test_own_weights_are_not_taken_for_the_published_ones(
    small: ModelSettings, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    converted(small, "onnx", progress=False)
    assert weights_file(small.model_copy(update={"weights": None})) is None


def test_where_published_weights_are_is_known_without_torch_the_second_time(
    small: ModelSettings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = small.model_copy(update={"weights": None})
    monkeypatch.setattr(torchvision_models, "published_file", lambda _: small.weights)
    monkeypatch.setattr(torchvision_models, "fetch", lambda *_, **__: small.weights)
    assert weights_file(published) is None
    converted(published, "onnx", progress=False)
    assert weights_file(published) == small.weights


@pytest.mark.parametrize("damage", ["changed", "model", "card", "no json", "no bundle"])
def test_a_damaged_one_is_converted_again_with_a_warning(
    damage: str, small: ModelSettings, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = converted(small, "onnx", progress=False)
    card = first.folder / "card.json"
    if damage == "changed":
        first.file.write_bytes(first.file.read_bytes()[:-1])
    elif damage == "model":
        first.file.unlink()
    elif damage == "card":
        card.unlink()
    elif damage == "no json":
        card.write_text("")
    else:
        card.write_text(json.dumps(json.loads(card.read_text()) | {"bundle": None}))
    caplog.clear()
    again = converted(small, "onnx", progress=False)
    bundle.read_bundle(again.folder)
    assert models(home) == [again.folder] == [first.folder]
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert str(first.folder) in said
    assert said.endswith("it is converted again")


def test_who_comes_second_takes_what_the_first_has_made(
    small: ModelSettings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = networks.load_network

    def meanwhile(settings: ModelSettings, *, progress: bool) -> Network:
        monkeypatch.setattr(networks, "load_network", load)
        converted(small, "onnx", progress=False)  # another process
        return load(settings, progress=progress)

    monkeypatch.setattr(networks, "load_network", meanwhile)
    found = converted(small, "onnx", progress=False)
    assert models(home) == [found.folder]


@pytest.mark.parametrize("stage", ["conversion", "reading", "answers"])
def test_a_conversion_that_fails_leaves_nothing(
    stage: str, small: ModelSettings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Path:
        raise ModelSettingsError("no equivalent")

    if stage == "conversion":
        monkeypatch.setattr("streamcls.inference.conversion.convert", fail)
    elif stage == "reading":
        monkeypatch.setattr(networks, "engine_backend", fail)
    else:
        monkeypatch.setitem(networks.MIN_AGREEMENT, "fp32", 1.01)
    expected = "same label as torch to only 100.0%" if stage == "answers" else "no equivalent"
    with pytest.raises(ConversionError, match=expected):
        converted(small, "onnx", progress=False)
    assert models(home) == []


def test_a_cache_that_can_not_be_written(small: ModelSettings, home: Path) -> None:
    home.parent.touch()
    with pytest.raises(OutputError, match="cache"):
        converted(small, "onnx", progress=False)


def test_weights_that_are_not_there(home: Path, tmp_path: Path) -> None:
    nowhere = ModelSettings(name="squeezenet1_1", weights=tmp_path / "no.pth")
    with pytest.raises(ModelSettingsError, match="No such file"):
        converted(nowhere, "onnx", progress=False)


_CONVERT = """
import sys
from pathlib import Path
from streamcls.builders import backend as networks
from streamcls.config.settings import ModelSettings
networks._PROBES = 8
found = networks.converted(
    ModelSettings(name="squeezenet1_1", weights=Path(sys.argv[1]), input_size=int(sys.argv[2])),
    "onnx",
    progress=False,
)
print(found.folder)
"""

_KILLED = """
import os, signal
from streamcls.inference import conversion
convert = conversion.convert
def killed(*given):
    convert(*given)
    os.kill(os.getpid(), signal.SIGKILL)
conversion.convert = killed
"""


def process(small: ModelSettings, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(small.weights), str(SIDE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_at_once(small: ModelSettings, home: Path) -> None:
    started = [process(small, _CONVERT) for _ in range(2)]
    done = [(*one.communicate(), one.returncode) for one in started]
    (folder,) = models(home)
    assert done == [(f"{folder}\n", "", 0)] * 2
    bundle.read_bundle(folder)


@pytest.mark.slow
def test_what_a_kill_leaves_is_not_taken_for_a_model(small: ModelSettings, home: Path) -> None:
    killed = process(small, _KILLED + _CONVERT)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    (left,) = models(home)
    assert (left / "new" / "model.onnx").exists()
    found = converted(small, "onnx", progress=False)
    assert found.folder != left
    assert not bundle.is_bundle(left)
