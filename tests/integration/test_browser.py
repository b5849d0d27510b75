"""The annotated video in a real browser: it plays to its end, seeks, and has its sound."""

import http.server
import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

PAGE = """<!doctype html><video id=v src=video.mp4></video><script>
const v = document.getElementById('v'), report = {};
const event = (name) => new Promise((ok, no) => {
  v.addEventListener(name, ok, {once: true});
  setTimeout(() => no(`no ${name} at ${v.currentTime}`), 20000);
});
(async () => {
  try {
    if (v.readyState < 1) await event('loadedmetadata');
    Object.assign(report, {duration: v.duration, width: v.videoWidth, height: v.videoHeight});
    v.currentTime = v.duration / 2;
    await event('seeked');
    report.sought = v.currentTime;
    v.currentTime = 0;
    await event('seeked');
    v.playbackRate = 2;
    const end = event('ended');
    await v.play();
    await end;
    report.played = v.currentTime;
    report.sound = v.webkitAudioDecodedByteCount;
    report.pictures = v.getVideoPlaybackQuality().totalVideoFrames;
  } catch (error) { report.error = String(error) + ' ' + (v.error ? v.error.message : ''); }
  fetch('report', {method: 'POST', body: JSON.stringify(report)});
})();
</script>"""


class Site:
    """A page with one video on loopback, and what the page reports."""

    def __init__(self, video: Path) -> None:
        self.reports: queue.Queue[dict[str, Any]] = queue.Queue()
        site, content = self, video.read_bytes()

        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if self.path != "/video.mp4":
                    self.answer(200, "text/html", PAGE.encode() if self.path == "/" else b"")
                elif asked is None:
                    self.answer(200, "video/mp4", content)
                else:
                    first, last = int(asked[1]), int(asked[2] or len(content) - 1)
                    span = f"bytes {first}-{last}/{len(content)}"
                    self.answer(206, "video/mp4", content[first : last + 1], span)

            def answer(self, code: int, kind: str, body: bytes, span: str = "") -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Accept-Ranges", "bytes")
                if span:
                    self.send_header("Content-Range", span)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # the browser has enough
                    self.close_connection = True

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                site.reports.put(json.loads(self.rfile.read(length)))
                self.answer(200, "text/plain", b"")

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Any]:
    """Lets a browser play a video and gives what it saw."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    flags += " --disable-background-networking --disable-component-update --mute-audio"
    flags += " --autoplay-policy=no-user-gesture-required --disable-dev-shm-usage"

    def play(video: Path) -> dict[str, Any]:
        site = Site(video)
        address = f"http://127.0.0.1:{site.server.server_port}/"
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        child = subprocess.Popen(
            [browser, *flags.split(), profile, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return site.reports.get(timeout=90)
        finally:
            child.terminate()
            child.wait(10)
            site.close()

    yield play


@pytest.mark.parametrize(
    ("name", "size", "duration", "pictures", "sound"),
    [
        ("mdn_friday.mp4", (640, 480), 6.166, 185, True),
        ("drewnoakes_ftyp3gp5.mp4", (720, 1280), 1.3, 39, True),  # turned by its metadata
        ("decord_flipping_a_pancake.mkv", (426, 240), 10.381, 310, True),  # Opus
        ("torchcodec_av1_video.mkv", (640, 360), 5.0, 125, False),
    ],
)
def test_it_plays_to_its_end(
    name: str,
    size: tuple[int, int],
    duration: float,
    pictures: int,
    sound: bool,
    cli: Cli,
    watch: Any,
    videos: Path,
    tmp_path: Path,
) -> None:
    video = tmp_path / "o.mp4"
    assert cli("run", videos / name, "--model", "demo", "--every", 10, "--video", video).code == 0
    seen = watch(video)
    assert "error" not in seen, seen
    assert (seen["width"], seen["height"]) == size
    assert seen["duration"] == pytest.approx(duration, abs=0.07)
    assert seen["sought"] == pytest.approx(seen["duration"] / 2, abs=0.01)
    assert seen["played"] == pytest.approx(seen["duration"], abs=0.07)
    assert seen["pictures"] >= pictures * 0.9  # a busy machine may show fewer than there are
    assert (seen["sound"] > 0) == sound
