import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from streamcls.builders.backend import Work
from streamcls.builders.model import load_classifier
from streamcls.config.settings import ModelSettings
from streamcls.plant.model import SharedModel
from tests.conftest import _program
from tests.integration.broker import Broker
from tests.integration.certificates import Certificates, make_certificates
from tests.integration.plant import small_disk as mounted
from tests.integration.rtsp import FaultProxy, RtspServer, system_python_with_gst
from tests.integration.web_server import shared_model


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line as a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "streamcls", *map(str, arguments)]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def converted_demo(cache_home: Path) -> None:
    """The demo model is in the cache, so that no process under test is seen converting it."""
    load_classifier(ModelSettings(name="demo"), Work(1, 1), progress=False)


@pytest.fixture(scope="module")
def web_model(converted_demo: None) -> Iterator[SharedModel]:
    """The demo model at work in this process, for servers in it.

    Not for longer: with a thread of ours alive, the command line ends the whole process.
    """
    with shared_model() as model:
        yield model


@pytest.fixture(scope="session")
def is_root() -> bool:
    return os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 700 kB."""
    with mounted(tmp_path / "small", "700k") as folder:
        if folder is None:
            pytest.skip("a small file system can only be mounted by root")
        yield folder


@pytest.fixture(scope="session")
def gstreamer() -> None:
    if system_python_with_gst() is None:
        pytest.skip("the system's Python has no GStreamer with RTSP server; scripts/test names it")


@pytest.fixture
def rtsp_server(gstreamer: None) -> Iterator[Callable[..., RtspServer]]:
    """Starts cameras: rtsp_server(size="640x360", fps=15, user=None, password=None)."""
    with ExitStack() as started:
        yield lambda **options: started.enter_context(RtspServer(**options))


@pytest.fixture
def proxy(gstreamer: None) -> Iterator[Callable[[RtspServer], FaultProxy]]:
    """Draws bad lines to cameras: proxy(server).url is the camera's address over the line."""
    with ExitStack() as drawn:
        yield lambda server: drawn.enter_context(FaultProxy(server.port, userinfo=server.userinfo))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For servers on localhost."""
    return make_certificates(_program("openssl"), tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mqtt_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Starts brokers: mqtt_broker(locked=True, certificates=…)."""
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "broker"
    folder.mkdir()
    with ExitStack() as started:
        yield lambda **options: started.enter_context(Broker(found, folder, **options))
