"""Fixtures: made and real clips, the command line, and a check for what tests leave behind."""

import gc
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

# As the command line does before it loads torch: on a busy machine spinning threads take for ever.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from streamcls.config.options import from_options
from streamcls.demo.clip import render
from streamcls.export.make import export
from streamcls.media import av, cv2

__all__ = ["av", "cv2"]  # loaded here first, so that no test is charged with what they open

PROJECT = Path(__file__).parent.parent
_DATA = Path(os.environ.get("STREAMCLS_TEST_DATA", PROJECT.parent / "shared"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """In CI (STREAMCLS_NO_SKIPS) a skipped test is a failed one: nothing may be missing there."""
    report = yield
    if os.environ.get("STREAMCLS_NO_SKIPS") and report.skipped:  # type: ignore[attr-defined]
        report.outcome = "failed"  # type: ignore[attr-defined]
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"  # type: ignore[attr-defined]
    return report


# What takes so long to make that a test with it is no quick one.
_LONG_FIXTURES = {"demo_clip", "bundles"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with other programs, and with what takes long to make, are `slow`."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if "integration" in item.path.parts or names & _LONG_FIXTURES:
            item.add_marker("slow")


def _left_behind() -> tuple[set[str], set[str], set[str]]:
    threads = {t.name for t in threading.enumerate()}
    tasks = Path("/proc/self/task")
    children: set[str] = set()
    for task in tasks.iterdir() if tasks.exists() else ():
        with suppress(OSError):  # a thread that has just ended
            children.update((task / "children").read_text().split())
    files = set()
    for link in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").exists() else ():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith(("/tmp", str(_DATA))) and "pytest" not in link.name:
            files.add(target)
    return threads, children, {f for f in files if not f.endswith("(deleted)")}


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Fails if what is inside leaves a thread, a child process or an open file behind."""
    before = _left_behind()
    yield
    after = _left_behind()
    if after[2] - before[2]:
        gc.collect()  # OpenVINO holds a model's file until the model goes, maybe as garbage
        after = _left_behind()
    for kind, was, now in zip(("threads", "processes", "files"), before, after, strict=True):
        assert not now - was, f"left behind: {kind} {now - was}"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread, a child process or an open file behind."""
    with leaving_nothing():
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One empty cache for all tests and the processes they start: each model is converted once.

    Models that are converted in here are compared with torch on fewer pictures than for users.
    """
    home = _shared(tmp_path_factory) / "cache"
    home.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setattr("streamcls.builders.backend._PROBES", 40)
        yield home


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests; pytest-xdist's workers have it together."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real weights, photographs and clips."""
    if not _DATA.is_dir():
        pytest.skip(f"no test data at {_DATA}; STREAMCLS_TEST_DATA can name another folder")
    return _DATA


@pytest.fixture(scope="session")
def weights(data: Path) -> Path:
    """Real ImageNet weights of ResNet-18."""
    return data / "weights" / "resnet18_imagenet.pth"


@pytest.fixture(scope="session")
def videos(data: Path) -> Path:
    """The folder with real clips."""
    return data / "media" / "videos"


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in clip, rendered once."""
    path = tmp_path_factory.mktemp("demo") / "clip.mp4"
    render(path)
    return path


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, demo_clip: Path) -> Path:
    """The demo model in int8 for each engine in a folder of its name, calibrated on its clip."""
    folder = tmp_path_factory.mktemp("bundles")
    for engine in ("openvino", "onnx"):
        asked = {"model": "demo", "backend": engine, "precision": "int8"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamcls.export.pictures._PICTURES", 80)
            export(
                from_options({"source": str(demo_clip), **asked}),
                folder / engine,
                calibrate=True,
                min_agreement=None,
                overwrite=False,
                progress=False,
            )
    return folder


@pytest.fixture(scope="session")
def ffprobe() -> str:
    """The name of ffprobe, which is independent of the library under test."""
    return _program("ffprobe")


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Where somebody else's program is; without it the test is skipped: program("promtool")."""
    return _program


def _program(name: str) -> str:
    # Debian's servers are where only root looks.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a clip with ffmpeg: make_clip("name.mkv", "-c:v", "ffv1", source="testsrc2=…")."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[tuple[str, ...], Path] = {}

    def make(
        name: str, *options: str, source: str = "testsrc2=size=320x240:rate=25:duration=2"
    ) -> Path:
        key = (name, *options, source)
        if key not in made:
            made[key] = folder / str(len(made)) / name
            made[key].parent.mkdir()
            command = [_program("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source, *options]
            subprocess.run([*command, str(made[key])], check=True, stdin=subprocess.DEVNULL)
        return made[key]

    return make


@dataclass(frozen=True, slots=True)
class Done:
    """What a call of the command line did."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Calls the command line in this process: cli("run", "clip.mp4", "--csv", "-")."""
    from streamcls.cli import main

    log = logging.getLogger("streamcls")
    before = log.handlers, log.level, log.propagate

    def call(*arguments: object) -> Done:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["streamcls", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, out, err)

    yield call
    log.handlers, level, log.propagate = before  # other tests look at what is logged
    log.setLevel(level)  # which also forgets what each logger below knows of it
