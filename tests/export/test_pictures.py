"""Pictures with the class that their folder names."""

from pathlib import Path

import numpy as np
import pytest

from streamcls.export.pictures import _from_folder
from streamcls.media import cv2


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
