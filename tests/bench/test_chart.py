from pathlib import Path

import numpy as np
import pytest

from streamcls.bench import chart
from streamcls.errors import OutputPathError
from streamcls.media import cv2
from tests.bench.examples import PNG, found_pipeline, speeds


@pytest.fixture(scope="module", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """matplotlib keeps the font files open that it used once."""
    path = tmp_path_factory.mktemp("chart") / "a.png"
    chart.draw("title", [speeds("torch", 1, 1.0)], found_pipeline(), path, overwrite=False)


@pytest.mark.slow
def test_the_chart_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    engines = [speeds("torch", 1, 1.0), speeds("torch", 2, 1.0), speeds("onnx", 2, None)]
    chart.draw("title", engines, found_pipeline(), path, overwrite=False)
    data = path.read_bytes()
    assert data.startswith(PNG)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height, width = picture.shape[:2]
    assert width > 1000 > height / 2 > 200
    assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 20  # something is drawn
    with pytest.raises(OutputPathError, match="exists"):
        chart.draw("title", engines, found_pipeline(), path, overwrite=False)
    chart.draw("title", engines[:1], found_pipeline(), path, overwrite=True)
    assert path.read_bytes() != data
