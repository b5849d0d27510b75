from pathlib import Path

import numpy as np
import pytest

from streamcls.bench import worker
from streamcls.bench.worker import Task
from streamcls.errors import ModelSettingsError


def test_a_worker_that_fails_says_why(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures.npy"
    np.save(pictures, np.zeros((1, 224, 224, 3), np.uint8))
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"this is no network")
    task = Task("onnx", "fp32", str(file), "", 224, 1, str(pictures), 0.1)
    with pytest.raises(ModelSettingsError, match=r"broken\.onnx: ONNX Runtime can't run it"):
        worker.take_turn(task)
