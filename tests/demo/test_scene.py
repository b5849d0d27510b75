import numpy as np
import pytest

from streamcls.demo.clip import scenes
from streamcls.demo.scene import EMPTY, HEIGHT, VIEW, WIDTH, Part, Scene, draw, truth


def part(x: float, label: str = "nut") -> Part:
    return Part(label, x, HEIGHT / 2, 150, 0.3, 1.0, (180, 180, 180), 0.5)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], EMPTY),
        ([WIDTH / 2], "nut"),
        ([WIDTH / 2 + 2000], EMPTY),
        ([WIDTH / 2 + VIEW / 2], None),  # cut by the edge
        ([WIDTH / 2 - 160, WIDTH / 2 + 160], None),  # two at once
        ([WIDTH / 2, WIDTH / 2 + 960], "nut"),
    ],
)
def test_truth(positions: list[float], expected: str | None) -> None:
    assert truth(Scene(parts=tuple(part(x) for x in positions))) == expected


def test_the_same_scene_is_the_same_picture() -> None:
    scene = scenes()[40]
    np.testing.assert_array_equal(draw(scene), draw(scene))
    assert draw(scene).shape == (720, 1280, 3)
    assert draw(scene, 455).shape == (256, 455, 3)


def test_a_part_changes_the_picture_where_it_is() -> None:
    empty, full = draw(Scene(parts=(), seed=1)), draw(Scene(parts=(part(640),), seed=1))
    changed = np.argwhere(np.abs(full.astype(int) - empty).max(axis=2) > 40)
    assert np.abs(changed.mean(axis=0) - (360, 640)).max() < 15
