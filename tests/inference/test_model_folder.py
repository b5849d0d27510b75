import json
from pathlib import Path

import pytest
import torch

from streamcls.errors import ModelSettingsError
from streamcls.inference import model_folder, torchvision_models
from tests.inference.small_weights import LABELS, small

DEMO = Path(torchvision_models.__file__).parent.parent / "demo" / "model"


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
