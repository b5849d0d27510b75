"""Imports go down only: the table below is the shape of the project."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "streamcls"

# A module may import what stands on a lower level, and modules of its own part. A part is the
# longest beginning of a module's name that stands here.
LEVELS = {
    "clock": 0,
    "closing": 0,
    "masking": 0,
    "records": 0,
    "errors": 1,
    "media": 2,
    "metrics": 2,
    "protocols": 2,
    "config.types": 1,
    "config.yaml_file": 2,
    "config.settings": 2,
    "config.plant": 3,
    "config.mistakes": 4,
    "config.schema": 4,
    "config.options": 5,
    "config.plant_file": 6,
    "demo": 3,
    "alerts": 4,
    "capture": 4,
    "sampling": 4,
    "inference": 4,
    "smoothing": 4,
    "sinks": 4,
    "runtime": 5,
    "builders.source": 6,
    "builders.backend": 6,
    "builders.relabelling": 6,
    "builders.model": 7,
    "builders.look": 7,
    "builders.recording": 8,
    "builders.live": 9,
    "builders.outputs": 10,
    "builders.live_outputs": 11,
    "export.pictures": 12,
    "export.make": 13,
    "export.verify": 14,
    "plant": 12,
    "bench": 15,
    "web": 15,
    "api": 16,
    "cli": 16,
    "__init__": 17,
    "__main__": 17,
}
STAGES = {"alerts", "capture", "sampling", "inference", "smoothing", "sinks"}
SETTINGS = {name for name in LEVELS if name.startswith("config.")}
# Stages get what they need from their constructors, and the runtime knows them by their protocols.
FORBIDDEN = dict.fromkeys(STAGES | {"demo"}, STAGES | SETTINGS)
FORBIDDEN["runtime"] = STAGES | SETTINGS | {"demo"}

# What has one place in the project: the names, and the modules that may use them.
ONE_PLACE = {
    "threads": (
        {
            "threading.Thread",
            "threading.Timer",
            "concurrent.futures.ThreadPoolExecutor",
            "concurrent.futures.ProcessPoolExecutor",
            "multiprocessing.Process",
            "multiprocessing.Pool",
            "asyncio.run",
        },
        {"runtime/threads.py", "bench/worker.py"},  # the second is a program of its own
    ),
    "signals": ({"signal.signal"}, {"runtime/stop.py", "__main__.py"}),
    "time": (
        {
            "time.time",
            "time.time_ns",
            "time.monotonic",
            "time.monotonic_ns",
            "time.strftime",
            "time.localtime",
            "time.gmtime",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        },
        {"clock.py"},
    ),
    # How long some work took, which says nothing of when it was.
    "stopwatches": (
        {"time.perf_counter", "time.perf_counter_ns", "time.process_time"},
        {
            "bench/parts.py",
            "bench/torch_forms.py",
            "bench/worker.py",
            "export/make.py",
            "plant/check.py",
        },
    ),
    # Queues between threads are `runtime/buffer.py`, which counts what gives way.
    "queues": ({"queue.Queue", "queue.SimpleQueue", "queue.LifoQueue", "asyncio.Queue"}, set()),
    # Modules that are loaded by name; the table above can't see those.
    "modules by name": (
        {"importlib.import_module"},
        {
            "__init__.py",
            "builders/outputs.py",
            "builders/source.py",
            "cli/__init__.py",
            "inference/engines.py",
            "inference/torchvision_import.py",
        },
    ),
    # cv2 before av, or OpenCV's first window hangs.
    "native libraries": ({"av", "cv2"}, {"media.py"}),
}
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
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide where they lead"
            module = node.module or ""
            if module.split(".")[0] == "streamcls":
                inside = [f"{module}.{name.name}" for name in node.names]
                is_folder = (PACKAGE.parent / module.replace(".", "/")).is_dir()
                found |= {part(name) for name in (inside if is_folder else [module])}
        elif isinstance(node, ast.Import):
            found |= {part(a.name) for a in node.names if a.name.split(".")[0] == "streamcls"}
    return found


def used(path: Path) -> set[str]:
    """The names of other packages that a module uses, in full: `datetime.datetime.now`.

    Imports that are for types only don't count.
    """
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    known: dict[str, str] = {}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {(a.asname or a.name).split(".")[0]: a.name.split(".")[0] for a in node.names}
            found |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module != "streamcls.media":
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            found |= {f"{node.module}.{a.name}" for a in node.names}
            found.add((node.module or "").split(".")[0])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if first in known:
                found.add(f"{known[first]}.{rest}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = own_part(path)
    if own is None:
        return
    others = imported(path) - {own}
    assert {o for o in others if LEVELS[o] >= LEVELS[own]} == set()
    assert others & FORBIDDEN.get(own, set()) == set()


def test_the_table_has_nothing_that_is_not_there() -> None:
    assert {own_part(path) for path in MODULES} - {None} == set(LEVELS)


@pytest.mark.parametrize("what", ONE_PLACE)
def test_it_has_one_place(what: str) -> None:
    names, places = ONE_PLACE[what]
    using = {str(path.relative_to(PACKAGE)) for path in MODULES if used(path) & names}
    assert using == places


def test_addresses_are_masked_in_one_place() -> None:
    """Whoever shows an address uses `masking`; nobody makes up stars of his own."""
    for path in MODULES:
        assert path == PACKAGE / "masking.py" or "***" not in path.read_text(), path
