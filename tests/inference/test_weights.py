import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from streamcls.errors import ModelSettingsError, WeightsUnavailableError
from streamcls.inference import torchvision_models
from streamcls.inference.torchvision_import import import_torchvision
from streamcls.inference.torchvision_models import load
from streamcls.inference.weights import read_checkpoint
from tests.inference.small_weights import LABELS, save, small


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_wrappers_names_are_taken_off(wrapper: str, tmp_path: Path) -> None:
    file = save(tmp_path, {wrapper + name: value for name, value in small().items()})
    assert load("squeezenet1_1", file, LABELS, progress=False).card.labels == LABELS


@pytest.mark.parametrize(
    "extra",
    [
        {"classes": list(LABELS)},
        {"class_names": LABELS},
        {"class_to_idx": {name: i for i, name in reversed(list(enumerate(LABELS)))}},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_a_checkpoint_brings_its_own_classes(extra: dict[str, object], tmp_path: Path) -> None:
    file = save(tmp_path, {"state_dict": small(), "epoch": 3, **extra})
    assert load("squeezenet1_1", file, None, progress=False).card.labels == LABELS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a weights file"),
        (b"no weights at all" * 50, "not a weights file"),
        (b"PK\x03\x04 a broken zip file", "not a weights file"),
    ],
)
def test_files_that_are_no_weights(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ModelSettingsError, match=message):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {}}], ids=str)
def test_files_that_hold_something_else(content: object, tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="state_dict"):
        read_checkpoint(save(tmp_path, content))


def test_a_weights_file_can_not_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    with pytest.raises(ModelSettingsError):
        read_checkpoint(save(tmp_path, {"state_dict": Evil()}))
    assert not (tmp_path / "ran").exists()


def test_a_missing_weights_file(tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="No such file"):
        load("resnet18", tmp_path / "no.pth", None, progress=False)


# -- the cache and the download


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback, in place of the one that publishes torchvision's weights."""
    served = tmp_path / "served"
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(served))

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", served
        listening.shutdown()
        thread.join()


def publish(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import_torchvision()
    from torchvision.models import SqueezeNet1_1_Weights

    entry = SqueezeNet1_1_Weights.IMAGENET1K_V1
    monkeypatch.setattr(entry, "_value_", replace(entry.value, url=url))


def test_weights_are_downloaded_checked_and_then_cached(
    server: tuple[str, Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    content = save(tmp_path, small(1000)).read_bytes()
    name = f"squeezenet1_1-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (served / name).write_bytes(content)
    publish(f"{address}/{name}", monkeypatch)
    first = load("squeezenet1_1", None, None, progress=False)
    assert (cache / name).read_bytes() == content
    (served / name).unlink()  # the second time the network is not needed
    second = load("squeezenet1_1", None, None, progress=False)
    assert first.card.sha256 == second.card.sha256
    known = {one.name: one.cached for one in torchvision_models.known_models()}
    assert known["squeezenet1_1"]
    assert not known["resnet18"]


def test_a_damaged_download_is_refused_and_leaves_nothing(
    server: tuple[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    (served / "squeezenet1_1-00000000.pth").write_bytes(b"something else")
    publish(f"{address}/squeezenet1_1-00000000.pth", monkeypatch)
    with pytest.raises(WeightsUnavailableError, match="invalid hash value"):
        load("squeezenet1_1", None, None, progress=False)
    assert list(cache.iterdir()) == []


def test_offline_with_an_empty_cache_all_ways_out_are_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("http://127.0.0.1:9/squeezenet1_1-b8a52dc0.pth", monkeypatch)
    with pytest.raises(WeightsUnavailableError) as raised:
        load("squeezenet1_1", None, None, progress=False)
    text = str(raised.value)
    assert "squeezenet1_1-b8a52dc0.pth" in text
    assert str(cache) in text
    assert "--weights FILE" in text
    assert "--model demo" in text
    assert len(text.splitlines()) < 10
