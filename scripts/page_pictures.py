"""Pictures of every view of the page: both languages, phone and desktop, light and dark.

    .venv/bin/python scripts/page_pictures.py pictures
    .venv/bin/python scripts/page_pictures.py pictures --picture cat.jpg --video a.mp4 -- \
        --config configs/line.yaml --model resnet18

Without options of `streamcls serve` it shows made-up cameras and the demo model. Needs Chromium and
playwright (scripts/install test).
"""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import yaml
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from streamcls.demo.clip import STOP_FRAMES, render, scenes
from streamcls.demo.scene import draw
from streamcls.media import cv2

SIZES = {
    "phone": ViewportSize(width=390, height=844),
    "desktop": ViewportSize(width=1280, height=800),
}
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
THEMES = ("light", "dark")
VIEWS = ("pictures", "videos", "player", "cameras", "camera", "status", "login")
WAIT_S = 120.0
SEEN_S = 30  # so that the cameras have a past
CAMERAS = [
    {"camera": "infeed", "source": "sim://?fps=10&size=1280x720"},
    {
        "camera": "press",
        "source": "sim://?fps=10&size=960x720",
        "regions": {"left lane": [0, 0, 0.5, 1], "right lane": [0.5, 0, 0.5, 1]},
    },
    {"camera": "gate", "source": "sim://?fps=10&size=640x360&black_at=12&black_for=100000"},
    {"camera": "dock", "source": "rtsp://anna:secret@127.0.0.1:9/stream1"},
]


def made_up(folder: Path) -> list[str]:
    """Options for a server with made-up cameras and a folder with the demo's clip."""
    (folder / "videos").mkdir()
    render(folder / "videos" / "belt.mp4")
    settings = {
        "model": {"name": "demo"},
        "defaults": {"sample": {"fps": 5}},
        "cameras": CAMERAS,
    }
    (folder / "line.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return ["--config", str(folder / "line.yaml"), "--folder", str(folder / "videos")]


def parts(folder: Path) -> list[Path]:
    """Pictures of the demo's parts, and one file that is none."""
    found = []
    for number, scene in enumerate(scenes()[STOP_FRAMES // 2 :: STOP_FRAMES]):
        found.append(folder / f"part {number}.jpg")
        cv2.imwrite(str(found[-1]), draw(scene, 960))
    (folder / "notes.txt").write_text("no picture")
    return [*found, folder / "notes.txt"]


@contextmanager
def served(options: list[str], folder: Path) -> Iterator[str]:
    """A server's address."""
    command = [sys.executable, "-m", "streamcls", "serve", "--port", "0", "--jobs", str(folder)]
    log = folder.with_suffix(".log")
    with log.open("wb") as out, subprocess.Popen([*command, *options], stderr=out) as server:
        end_s = time.monotonic() + WAIT_S
        while not (found := re.search(r"(http://\S+:\d+)/ \(Ctrl-C", log.read_text())):
            if server.poll() is not None or time.monotonic() > end_s:
                raise SystemExit(log.read_text())
            time.sleep(0.2)
        try:
            yield found[1]
        finally:
            if server.poll() is not None:
                print(f"the server ended with {server.returncode}:", log.read_text())
            server.terminate()


def choose(page: Page, test_id: str, files: list[Path]) -> None:
    """Gives the page files."""
    page.get_by_test_id(test_id).set_input_files(files)


def make_ready(page: Page, video: Path | None) -> str | None:
    """Has a video classified, and waits until the cameras have a past; the job's address."""
    page.goto("/#videos")
    page.get_by_role("heading", level=1).wait_for()
    expect(page.locator("#banner-ready")).to_be_empty()
    if video is not None:
        choose(page, "video-input", [video])
    elif page.request.get("/api/v1/info").json()["folder"]:
        page.get_by_role("button", name="Start").click()
    else:
        return None
    page.wait_for_url(re.compile("#videos/"))
    job = page.url.partition("#")[2]
    page.wait_for_timeout(SEEN_S * 1000)
    return job


def show(page: Page, view: str, job: str | None, camera: str | None, pictures: list[Path]) -> bool:
    """Goes to a view and waits until all of it is there; False where there is none of it."""
    places = {"player": job, "camera": camera and f"cameras/{camera}"}
    place = places.get(view, view)
    if place is None:
        return False
    page.goto("/login" if view == "login" else f"/#{place}")
    page.get_by_role("heading", level=1).wait_for()
    if view == "pictures":
        choose(page, "picture-input", pictures)
        expect(page.locator("[aria-busy=false]")).to_have_count(len(pictures))
    elif view == "player":
        video = page.locator("video").element_handle()
        page.wait_for_function("video => video.readyState >= 2", arg=video)
        page.get_by_role("list", name=re.compile("Segments|片段")).get_by_role("button").nth(
            1
        ).click()
    page.wait_for_timeout(1500)  # pictures of cameras, thumbnails
    return True


def shoot(page: Page, size: ViewportSize, path: Path) -> None:
    """All of a view; in a window as high as that, or what sticks to an edge stands in between."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size(ViewportSize(width=size["width"], height=max(height, size["height"])))
    page.wait_for_timeout(300)
    page.screenshot(path=path)
    page.set_viewport_size(size)


def camera_of(page: Page) -> str | None:
    """The first camera's name."""
    found = page.request.get("/api/v1/cameras").json()["cameras"]
    return found[min(1, len(found) - 1)]["name"] if found else None


def take(browser: Browser, url: str, out: Path, pictures: list[Path], video: Path | None) -> None:
    """All pictures."""
    with browser.new_context(base_url=url, locale="en-GB") as context:
        context.set_default_timeout(WAIT_S * 1000)
        first = context.new_page()
        job, camera = make_ready(first, video), camera_of(first)
    for (size, view_port), (language, locale), theme in itertools.product(
        SIZES.items(), LANGUAGES.items(), THEMES
    ):
        with browser.new_context(
            base_url=url,
            viewport=view_port,
            locale=locale,
            color_scheme="dark" if theme == "dark" else "light",
        ) as context:
            page = context.new_page()
            for view in VIEWS:
                if show(page, view, job, camera, pictures):
                    path = out / f"{view}-{language}-{size}-{theme}.png"
                    shoot(page, view_port, path)
                    print(path)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--picture", multiple=True, type=click.Path(path_type=Path, exists=True), help="To classify."
)
@click.option("--video", type=click.Path(path_type=Path, exists=True), help="To classify.")
@click.argument("options", nargs=-1)
def main(
    out: Path, picture: tuple[Path, ...], video: Path | None, options: tuple[str, ...]
) -> None:
    """Writes PNG files into the folder OUT; OPTIONS are those of `streamcls serve`."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium is installed")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = list(options) or made_up(folder)
        with served(given, folder / "jobs") as url, sync_playwright() as tool:
            browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            expect.set_options(timeout=WAIT_S * 1000)
            take(browser, url, out, list(picture) or parts(folder), video)
            browser.close()


if __name__ == "__main__":
    main()
