"""Imports go down only: the table below is the shape of the project."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "streamcls"

# A module may import what stands on a lower level, and modules of its own part. A part is the
# longest beginning of a module's name that stands here.
LEVELS = {
    "clock": 0,
    "masking": 0,
    "records": 0,
    "errors": 1,
    "media": 2,
    "metrics": 2,
    "protocols": 2,
    "config.types": 1,
    "config.yaml_file": 2,
    "config.settings": 2,
    "config.options": 3,
    "demo": 3,
    "capture": 4,
    "sampling": 4,
    "inference": 4,
    "smoothing": 4,
    "sinks": 4,
    "runtime": 5,
    "builders.source": 6,
    "builders.backend": 6,
    "builders.model": 7,
    "builders.recording": 8,
    "builders.live": 9,
    "builders.outputs": 10,
    "export.pictures": 11,
    "export.make": 12,
    "export.verify": 13,
    "bench": 14,
    "api": 15,
    "cli": 15,
    "__init__": 16,
    "__main__": 16,
}
STAGES = {"capture", "sampling", "inference", "smoothing", "sinks"}
# Stages get what they need from their constructors, and the runtime knows them by their protocols.
NOT_BELOW_BUILDERS = {"config.types", "config.yaml_file", "config.settings", "config.options"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    """`streamcls.capture.file` -> `capture`; `streamcls.config.types` -> itself."""
    names = module.split(".")[1:] or ["__init__"]
    for count in range(len(names), 0, -1):
        found = ".".join(names[:count])
        if found in LEVELS:
            return found
    raise AssertionError(f"{module}: a new module or folder must be put into the table")


def own_part(path: Path) -> str | None:
    """Of a file; None for a folder's `__init__` with nothing but its docstring."""
    names = path.relative_to(PACKAGE).with_suffix("").parts
    if len(names) > 1 and names[-1] == "__init__":
        names = names[:-1]
        if ".".join(names) not in LEVELS:
            assert len(ast.parse(path.read_text()).body) == 1, path
            return None
    return part(".".join(("streamcls", *names)))


def imported(path: Path) -> set[str]:
    """The parts of streamcls that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("streamcls"):
            inside = [f"{node.module}.{name.name}" for name in node.names]
            is_folder = (PACKAGE.parent / node.module.replace(".", "/")).is_dir()
            found |= {part(name) for name in (inside if is_folder else [node.module])}
        elif isinstance(node, ast.Import):
            found |= {part(a.name) for a in node.names if a.name.startswith("streamcls")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = own_part(path)
    if own is None:
        return
    others = imported(path) - {own}
    assert {o for o in others if LEVELS[o] >= LEVELS[own]} == set()
    if own in STAGES | {"runtime"}:
        assert others & (STAGES | NOT_BELOW_BUILDERS) == set()


def test_the_table_has_nothing_that_is_not_there() -> None:
    assert {own_part(path) for path in MODULES} - {None} == set(LEVELS)


def test_time_is_read_in_one_place() -> None:
    """How long some work took is measured with other clocks, which say nothing of when it was."""
    for path in MODULES:
        text = path.read_text()
        for call in ("monotonic(", "monotonic_ns(", "time.time(", "datetime.now(", "utcnow("):
            assert path.name == "clock.py" or f"{call}" not in text, f"{path}: {call}"


def test_addresses_are_masked_in_one_place() -> None:
    """Whoever shows an address uses `masking`; nobody makes up stars of his own."""
    for path in MODULES:
        assert path.name == "masking.py" or "***" not in path.read_text(), path


def test_frames_are_dropped_in_one_place() -> None:
    """Queues between threads are `runtime/buffer.py`, which counts what gives way."""
    for path in MODULES:
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert not names & {"queue", "Queue", "SimpleQueue", "LifoQueue"}, path


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
