"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

from streamcls.demo.clip import scenes, truths
from streamcls.demo.scene import draw
from streamcls.media import cv2

PACKAGE = Path(__file__).parent.parent / "streamcls"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text()
)


def run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("module", [name for name in MODULES if name != "streamcls.api"])
def test_examples(module: str) -> None:
    run(module)


def test_examples_of_the_api(
    demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with the demo's clip and two of its pictures."""
    (tmp_path / "clip.mp4").symlink_to(demo_clip)
    shown = dict(zip(truths(), scenes(), strict=True))
    for name in ("nut", "gear"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), draw(shown[name], 640))
    monkeypatch.chdir(tmp_path)
    run("streamcls.api")
