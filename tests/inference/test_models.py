"""Names, weights and labels: what fits, what does not, and what is said then."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streamcls.errors import ModelSettingsError, WeightsUnavailableError
from streamcls.inference import model_folder, torchvision_models
from streamcls.inference.card import read_labels
from streamcls.inference.packed_weights import pack, unpack
from streamcls.inference.torchvision_models import load
from streamcls.inference.weights import read_checkpoint

DEMO = Path(torchvision_models.__file__).parent.parent / "demo" / "model"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def small(classes: int = 5) -> dict[str, torch.Tensor]:
    """Random weights of a small architecture."""
    torch.manual_seed(1)
    from torchvision import models

    return dict(models.squeezenet1_1(num_classes=classes).state_dict())


def save(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    return path


LABELS = ("a", "b", "c", "d", "e")


def test_real_weights_have_imagenets_labels_and_the_architectures_preprocessing(
    weights: Path,
) -> None:
    card = load("resnet18", weights, None, progress=False).card
    assert len(card.labels) == 1000
    assert card.labels[898] == "water bottle"
    assert (card.input_size, card.resize, card.interpolation) == (224, 256, "bilinear")
    assert card.mean == (0.485, 0.456, 0.406)
    assert card.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_second_architecture(data: Path) -> None:
    found = load(
        "squeezenet1_0", data / "weights" / "squeezenet1_0_imagenet.pth", None, progress=False
    )
    assert not found.module.training
    assert found.card.arch == "squeezenet1_0"


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


def test_given_labels_overrule_those_of_the_checkpoint(tmp_path: Path) -> None:
    file = save(tmp_path, {"model": small(), "classes": list(LABELS)})
    given = ("v", "w", "x", "y", "z")
    assert load("squeezenet1_1", file, given, progress=False).card.labels == given


def test_half_precision_weights_run_in_full(tmp_path: Path) -> None:
    file = save(tmp_path, {name: value.half() for name, value in small().items()})
    module = load("squeezenet1_1", file, LABELS, progress=False).module
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_weights_of_another_architecture(weights: Path) -> None:
    with pytest.raises(ModelSettingsError, match=r"not the weights of squeezenet1_1: .* --model"):
        load("squeezenet1_1", weights, None, progress=False)


def test_weights_of_a_sister_architecture(weights: Path) -> None:
    """ResNet-34 has all of ResNet-18's names and more."""
    with pytest.raises(ModelSettingsError, match="not the weights of resnet34"):
        load("resnet34", weights, None, progress=False)


def test_tensors_of_another_shape(tmp_path: Path) -> None:
    wrong = small()
    wrong["features.0.weight"] = torch.zeros(64, 1, 3, 3)
    with pytest.raises(ModelSettingsError, match=r"features\.0\.weight is \(64, 1, 3, 3\)"):
        load("squeezenet1_1", save(tmp_path, wrong), None, progress=False)


def test_classes_nobody_named(tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="5 classes but there are 0 labels; give --labels"):
        load("squeezenet1_1", save(tmp_path, small()), None, progress=False)


def test_labels_of_the_wrong_length(weights: Path) -> None:
    with pytest.raises(ModelSettingsError, match="1000 classes but there are 5 labels"):
        load("resnet18", weights, LABELS, progress=False)


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


def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match="did you mean resnet18"):
        load("resnet81", None, None, progress=False)
    (tmp_path / "w.pth").touch()
    with pytest.raises(ModelSettingsError, match="give the file with --weights"):
        load(str(tmp_path / "w.pth"), None, None, progress=False)


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
    from dataclasses import replace

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


# -- labels files


def test_labels_are_lines(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes("\ufeffÄpfel\r\n水瓶\nc, d\n\n".encode())
    assert read_labels(tmp_path / "l.txt") == ("Äpfel", "水瓶", "c, d")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"a\n\nb\n", r"l\.txt:2: blank"), (b"\xff\xfe", "not a text file")],
)
def test_labels_files_that_are_wrong(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(ModelSettingsError, match=message):
        read_labels(tmp_path / "l.txt")


# -- packed weights and model folders


def test_packing_keeps_a_127th_of_each_channels_range(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(16, 8, 3, 3)).astype(np.float32)
    values[3] = 0
    small_ones = np.arange(16, dtype=np.float32)
    packed = tmp_path / "w.npz"
    packed.write_bytes(pack({"conv.weight": values, "bn.bias": small_ones}))
    with packed.open("rb") as file:
        found = unpack(file)
    np.testing.assert_array_equal(found["bn.bias"], small_ones)
    reach = np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127
    assert (np.abs(found["conv.weight"].astype(np.float64) - values) <= reach / 2 + 1e-7).all()
    assert found["conv.weight"].dtype == np.float32


def test_the_demo_model_loads_and_is_small() -> None:
    network = model_folder.load(DEMO, None, None)
    assert "bolt" in network.card.labels
    assert "Demo model" in network.card.note
    assert sum(f.stat().st_size for f in DEMO.iterdir()) < 12_000_000


def folder_of(tmp_path: Path, **changes: object) -> Path:
    card = json.loads((DEMO / "card.json").read_text()) | {"arch": "squeezenet1_1"}
    card |= {"labels": LABELS} | changes
    made = tmp_path / "model"
    made.mkdir()
    (made / "card.json").write_text(json.dumps({k: v for k, v in card.items() if v is not None}))
    torch.save(small(), made / "weights.pth")
    return made


def test_a_folder_with_card_and_weights_is_a_model(tmp_path: Path) -> None:
    made = folder_of(tmp_path, mean=[0.1, 0.2, 0.3])
    assert model_folder.is_model_folder(made)
    assert model_folder.load(made, None, None).card.mean == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "the field 'labels' is missing"),
        ({"mean": [1, 2]}, "not a model card"),
        ({"arch": "resnet81"}, "did you mean resnet18"),
        ({"labels": ["a"]}, "5 classes but there are 1 labels"),
    ],
)
def test_folders_that_are_wrong(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelSettingsError, match=message):
        model_folder.load(folder_of(tmp_path, **changes), None, None)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    made = folder_of(tmp_path)
    (made / "weights.pth").unlink()
    with pytest.raises(ModelSettingsError, match="no weights in it"):
        model_folder.load(made, None, None)
    (made / "weights.npz").write_bytes(b"broken")
    with pytest.raises(ModelSettingsError, match="not packed weights"):
        model_folder.load(made, None, None)
