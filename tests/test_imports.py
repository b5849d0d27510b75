"""Imports go down only: the table below is the shape of the project."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "streamcls"

# A module may import modules of lower levels, and modules of its own part.
LEVELS = {
    "errors": 0,
    "records": 0,
    "media": 1,
    "metrics": 1,
    "protocols": 1,
    "config_file": 1,
    "config_types": 1,
    "settings": 2,
    "config": 3,
    "capture": 2,
    "sampling": 2,
    "inference": 2,
    "smoothing": 2,
    "sinks": 2,
    "demo": 2,
    "runtime": 3,
    "build_network": 4,
    "build_model": 5,
    "build": 6,
    "build_live": 7,
    "build_outputs": 8,
    "build_pictures": 8,
    "build_export": 9,
    "build_verify": 10,
    "bench": 9,
    "build_bench": 10,
    "api": 11,
    "cli": 11,
    "__init__": 12,
    "__main__": 12,
}
NOT_FOR_STAGES = {"settings"}
NOT_FOR_RUNTIME = {"capture", "sampling", "inference", "smoothing", "sinks", "demo", "settings"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    """`streamcls.capture.file` -> `capture`."""
    return module.split(".")[1] if "." in module else "__init__"


def imported(path: Path) -> set[str]:
    """The parts of streamcls that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("streamcls"):
            names = (
                [f"{node.module}.{a.name}" for a in node.names]
                if node.module == "streamcls"
                else []
            )
            found |= {part(name) for name in names or [node.module]}
        elif isinstance(node, ast.Import):
            found |= {part(a.name) for a in node.names if a.name.startswith("streamcls")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    level = LEVELS[own]  # a new module or folder must be put into the table
    others = imported(path) - {own}
    assert {o for o in others if LEVELS[o] >= level} == set()
    if level == 2:
        assert others & NOT_FOR_STAGES == set()
    if own == "runtime":
        assert others & NOT_FOR_RUNTIME == set()


def test_the_native_libraries_are_imported_in_one_place() -> None:
    """cv2 before av, or OpenCV's first window hangs: only streamcls.media imports them."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if path.name != "media.py":
                assert not {"cv2", "av"} & set(names), path


def test_threads_and_signals_belong_to_the_runtime() -> None:
    for path in MODULES:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        text = path.read_text()
        if own != "runtime":
            assert "threading.Thread(" not in text, path
            assert own == "__main__" or "signal.signal(" not in text, path
