import random
from collections import Counter
from pathlib import Path

import pytest

from streamcls.capture.file import FileSource
from streamcls.demo.clip import FPS, random_part, truths
from streamcls.demo.scene import LABELS


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
