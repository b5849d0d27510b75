import numpy as np
import pytest

from streamcls.demo.parts import OUTLINES
from streamcls.demo.scene import PARTS


@pytest.mark.parametrize("label", PARTS)
@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_outlines_fit_the_unit_circle(label: str, detail: float) -> None:
    """So that `size` is the radius that the truth is reckoned with."""
    for layer in OUTLINES[label](detail):
        for outline in layer.outlines:
            assert np.hypot(*outline.T).max() <= 1.12
