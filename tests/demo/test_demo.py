import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from streamcls.capture.file import FileSource
from streamcls.demo.clip import FPS, random_part, scenes, truths
from streamcls.demo.parts import OUTLINES
from streamcls.demo.scene import EMPTY, HEIGHT, LABELS, PARTS, VIEW, WIDTH, Part, Scene, draw, truth


def part(x: float, label: str = "nut") -> Part:
    return Part(label, x, HEIGHT / 2, 150, 0.3, 1.0, (180, 180, 180), 0.5)


@pytest.mark.parametrize("label", PARTS)
@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_outlines_fit_the_unit_circle(label: str, detail: float) -> None:
    """So that `size` is the radius that the truth is reckoned with."""
    for layer in OUTLINES[label](detail):
        for outline in layer.outlines:
            assert np.hypot(*outline.T).max() <= 1.12


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


def test_the_clip_shows_everything_and_most_of_it_is_known() -> None:
    known = Counter(truths())
    assert set(known) - {None} == set(LABELS)
    assert min(count for label, count in known.items() if label) >= 20
    assert len(truths()) == 12 * FPS


def test_the_clip_is_as_promised(demo_clip: Path) -> None:
    source = FileSource(demo_clip, camera="c")
    times = [g.pts_s for g in source.grab()]
    assert times == pytest.approx([i / FPS for i in range(300)])
    assert (source.info.width, source.info.height) == (1280, 720)


def test_random_parts_come_from_the_seed() -> None:
    one, two = (random_part(random.Random(3), "nut", 0) for _ in range(2))
    assert (one.x, one.angle, one.tone) == (two.x, two.angle, two.tone)
