"""Pictures with the class that their folder names."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from streamcls.config.options import from_options
from streamcls.export import pictures
from streamcls.export.pictures import _from_folder, gather
from streamcls.media import cv2
from streamcls.records import Image, LiveFrame
from tests.inference.networks import random_network


@pytest.mark.parametrize("label", ["egyptian cat", "egyptian_cat", "Egyptian Cat"])
@pytest.mark.parametrize("folder", ["egyptian cat", "egyptian_cat", "EGYPTIAN_CAT"])
def test_folders_and_classes_may_be_written_differently(
    label: str, folder: str, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / folder / "1.png"), np.zeros((8, 8, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((8, 8, 3), np.uint8))
    found = [truth for _, truth in _from_folder(tmp_path, ["dog", label])]
    assert sorted(found, key=str) == [None, frozenset([1])]


def test_a_report_names_the_camera_as_the_user_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in the bundle, which others get; the secret need not be where a password is."""
    monkeypatch.setenv("TOKEN", "geheim")
    frames = (LiveFrame(n, n, 1.0, 0, 0.0, noise(n)) for n in range(40))
    source = SimpleNamespace(watch=lambda: (frame for frame in frames))
    monkeypatch.setattr(pictures, "open_live", lambda *_: source)
    monkeypatch.setattr(pictures, "_LIVE_EVERY_S", 0.0)
    network = random_network("squeezenet1_1", side=64)
    found = gather(from_options({"source": "rtsp://${TOKEN}@h/cam"}), network)
    assert found.source == "rtsp://${TOKEN}@h/cam"
    assert len(found.measured) == len(found.calibration) == 20


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
