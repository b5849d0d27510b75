"""One server with three cameras and one browser for all tests of the page."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from playwright.sync_api import Browser, Page, expect, sync_playwright

import streamcls
from streamcls.demo.clip import STOP_FRAMES, scenes, truths
from streamcls.demo.scene import draw
from streamcls.media import av, cv2
from streamcls.records import Prediction
from tests.integration.web_page.serving import Serving
from tests.integration.web_page.visits import FLAGS, SECRET, WAIT_MS, Visiting, visit

_CAMERAS = [
    {"camera": "infeed", "source": "sim://?fps=8&size=640x360"},
    {
        "camera": "Halle 3",
        "source": "sim://?fps=8&size=480x360",
        "regions": {"left": [0, 0, 0.5, 1], "right": [0.5, 0, 0.5, 1]},
    },
    {"camera": "ghost", "source": f"rtsp://anna:{SECRET}@127.0.0.1:9/cam"},
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid"):  # playwright does not wait for it
            thread.join(WAIT_MS / 1000)


@pytest.fixture(scope="package")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A picture of each kind of part, by its name."""
    folder, found = tmp_path_factory.mktemp("parts"), dict[str, Path]()
    for scene, truth in list(zip(scenes(), truths(), strict=True))[STOP_FRAMES // 2 :: STOP_FRAMES]:
        if truth is not None and truth not in found:
            found[truth] = folder / f"{truth}.jpg"
            cv2.imwrite(str(found[truth]), draw(scene, 640))
    assert len(found) > 6
    return found


@pytest.fixture(scope="package")
def expected(pictures: dict[str, Path], converted_demo: None) -> dict[str, Prediction]:
    """What the library says of the pictures, by their files' names."""
    files = list(pictures.values())
    found = streamcls.classify(*files, model="demo")
    return {path.name: one for path, one in zip(files, found, strict=True)}


@pytest.fixture(scope="package")
def clip(pictures: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parts, two seconds of each."""
    path = tmp_path_factory.mktemp("videos") / "belt.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for part in list(pictures.values())[:3]:
            image = np.asarray(cv2.imread(str(part)), np.uint8)
            for _ in range(20):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="package")
def site(
    tmp_path_factory: pytest.TempPathFactory, converted_demo: None, clip: Path
) -> Iterator[Serving]:
    """With three cameras, one of which can't be reached, and a folder of videos."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "videos" / "night shift").mkdir(parents=True)
    shutil.copy(clip, folder / "videos" / "night shift" / "line 2.mp4")
    settings = {
        "model": {"name": "demo"},
        "defaults": {"sample": {"fps": 4}},
        "cameras": _CAMERAS,
    }
    (folder / "line.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    options = ("--config", "line.yaml", "--folder", "videos")
    with Serving(folder, *options) as site:
        yield site


@pytest.fixture
def visiting(chromium: Browser, site: Serving) -> Visiting:
    """Visits the server: with visiting(locale="zh-CN") as page."""
    return lambda **options: visit(chromium, site.url, **options)


@pytest.fixture
def page(visiting: Visiting) -> Iterator[Page]:
    """Of a visitor who reads English on a desktop, and sees no error at all."""
    with visiting() as page:
        yield page
