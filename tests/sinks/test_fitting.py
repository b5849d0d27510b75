import numpy as np
import pytest

from streamcls.sinks.fitting import fitted


@pytest.mark.parametrize(
    ("width", "height", "inner"),
    [
        (64, 48, (0, 48, 0, 64)),  # as it is
        (128, 96, (0, 48, 0, 64)),  # twice as large
        (32, 24, (0, 48, 0, 64)),  # half as large
        (128, 48, (12, 36, 0, 64)),  # wide: edges above and below
        (48, 96, (0, 48, 20, 44)),  # high: edges at the sides
        (1, 1, (0, 48, 8, 56)),
        (6400, 1, (23, 24, 0, 64)),  # at least a pixel of it
    ],
)
def test_a_picture_of_another_size_is_fitted_in(
    width: int, height: int, inner: tuple[int, int, int, int]
) -> None:
    image = np.full((height, width, 3), (40, 120, 200), np.uint8)
    image.flags.writeable = False
    made = fitted(image, 64, 48)
    assert made.shape == (48, 64, 3)
    assert made.flags.writeable
    top, bottom, left, right = inner
    assert (made[top:bottom, left:right] == (40, 120, 200)).all()
    made[top:bottom, left:right] = 0
    assert not made.any()  # the edges are black


def test_a_picture_that_fits_is_copied_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    made = fitted(image, 64, 48)
    assert (made == image).all()
    assert not np.shares_memory(made, image)
